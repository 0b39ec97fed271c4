"""What is heard, as rows: how a recording comes about, who may use it, and how it vanishes from the carrier."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError, Q

from blast_api.domain.errors import InvalidField, RecordingInUse
from blast_api.domain.states import OPEN_SHOUTS, RecordingSource, RecordingState
from blast_api.models import WITH_ITS_SHOUTS, Application, AuthorCall, Call, Message, Recording

_MOST_ID = 2**63 - 1
_AT_ONCE = 100


def to_use(
    application: Application, userdata: str, pk: int, *, named: str = "recording", for_good: bool = False
) -> Recording:
    """This user's recording of that id, for a new shout.

    `for_good` locks it until the shout has it: who deletes recordings deletes none that is in use. Raises InvalidField.
    """
    usable = Recording.objects.usable().filter(application=application, userdata=userdata)
    rows = usable.select_for_update(of=("self",)) if for_good else usable
    found = rows.filter(pk=min(pk, _MOST_ID)).first()
    if found is None:
        raise InvalidField(named, "This user has no recording of that id.")
    return found


def of_old_shout(application: Application, userdata: str, pk: int, *, for_good: bool) -> Recording:
    """What an older shout of this user played. Raises InvalidField; the rest as with `to_use`."""
    whose = Message.objects.filter(application=application, userdata=userdata, pk=pk, audition_of=None)
    old = whose.select_related("author_call").first()
    if old is not None and old.recording_id is None and old.author_call.kept:
        adopt(old.author_call)
    usable = Recording.objects.usable().filter(pk__in=whose.values("recording")).exclude(length_s=0)
    found = (usable.select_for_update(of=("self",)) if for_good else usable).first()
    if found is None:
        raise InvalidField("old-shout-id", "This user has no shout of that id with a recording.")
    return found


def adopt(author_call: AuthorCall) -> Recording:
    """What an author has recorded, and the carrier keeps, becomes a recording of its own, once. Call it inside a transaction."""
    message = author_call.message
    recording, _ = Recording.objects.get_or_create(
        application_id=message.application_id,
        userdata=message.userdata,
        file_sid=author_call.file_sid,
        defaults={
            "title": message.title,
            "created": author_call.recorded or message.created,
            "source": RecordingSource.PHONE,
            "url": author_call.url,
            "take": author_call.take,
            "length_s": author_call.length_s or 0,
        },
    )
    Message.objects.filter(pk=message.pk, recording=None).update(recording=recording)
    return recording


def add_author_call(message: Message, recording: Recording | None, *, now: datetime) -> AuthorCall:
    """The row of the call to a new shout's author. With a recording nobody need be called, and its columns say what is heard:
    code of former releases plays what stands there.
    """
    heard: dict[str, object] = {}
    if recording is not None:
        heard = {name: getattr(recording, name) for name in ("take", "file_sid", "url", "length_s")}
        heard |= {"recorded": recording.created, "kept": True}
    return AuthorCall.objects.create(message=message, state=RecordingState.NO_REC_CALL, state_since=now, **heard)


# --- Deleted -------------------------------------------------------------------------------------------------------


def discard(application: Application, pk: int, *, now: datetime) -> bool:
    """Delete a recording: nobody sees it from now on, and its file will vanish from the carrier. False if there is none.

    Raises RecordingInUse while a shout that plays it is not over.
    """
    with transaction.atomic():
        # Under the lock that who uses it for a new shout takes too.
        rows = Recording.objects.usable().filter(application=application, pk=min(pk, _MOST_ID))
        if rows.select_for_update().first() is None:
            return False
        is_up = Exists(Call.objects.filter(message=OuterRef("pk"), finished=None))
        plays_it = Message.objects.filter(Q(recording=pk) | Q(voicemail=pk))
        if shout := plays_it.filter(Q(status__in=OPEN_SHOUTS) | is_up).order_by("pk").first():
            raise RecordingInUse(f"Shout {shout.pk} plays it, and is not over.")
        rows.update(doomed_at=now)
        return True


def doom_unused(pks: Iterable[int], *, now: datetime) -> None:
    """Those of these that no shout names any more are to vanish, but for what stays until somebody deletes it.

    Call it inside the transaction that deletes the shouts, after `locked`.
    """
    named = Exists(Message.objects.filter(Q(recording=OuterRef("pk")) | Q(voicemail=OuterRef("pk"))))
    goes = Q(doomed_at=None, lasting=False) | Q(doomed_at=WITH_ITS_SHOUTS)
    Recording.objects.filter(~named, goes, pk__in=list(pks)).update(doomed_at=now, held_since=None)


def locked(message_id: int) -> list[int]:
    """The recordings of a shout, which is locked, too: who uses one for a new shout meanwhile waits, or was first."""
    message = Message.objects.select_for_update(of=("self",)).filter(pk=message_id).first()
    if message is None:
        return []
    pks = {pk for pk in (message.recording_id, message.voicemail_id) if pk is not None}
    return list(Recording.objects.filter(pk__in=pks).order_by("pk").select_for_update().values_list("pk", flat=True))


def doom_what_was_not_kept(message_id: int, *, now: datetime) -> None:
    """A file that the shout's author recorded, and that is nobody's recording, is to vanish, if the carrier has it still.

    Call it inside a transaction, after `locked`.
    """
    author_call = AuthorCall.objects.filter(pk=message_id, file_sid__gt="").select_related("message").first()
    if author_call is None or Recording.objects.filter(file_sid=author_call.file_sid).exists():
        return
    adopted = adopt(author_call)
    Recording.objects.filter(pk=adopted.pk).update(doomed_at=now)


def claim_to_discard(*, limit: int, stale: datetime, now: datetime) -> list[Recording]:
    """Take recordings in hand of which the carrier may have a file; a claim older than `stale` is nobody's."""
    free = Q(held_since=None) | Q(held_since__lt=stale)
    at_the_carrier = Q(file_sid__gt="") | Q(key__gt="")
    doomed = Recording.objects.to_discard(now).filter(free, at_the_carrier)
    claimed = list(doomed.order_by("doomed_at", "pk")[: max(limit, 0)])
    Recording.objects.filter(pk__in=[recording.pk for recording in claimed]).update(held_since=now)
    return claimed


def let_go(pk: int) -> None:
    """A recording in hand was not discarded after all: somebody will take it again."""
    Recording.objects.filter(pk=pk, doomed_at__isnull=False).update(held_since=None)


def discarded(pk: int, *, now: datetime) -> None:
    """The carrier has nothing of it any more: its row goes now, or with the last shout that still names it."""
    with transaction.atomic():
        rows = Recording.objects.to_discard(now).filter(pk=pk)
        recording = rows.select_for_update().first()
        if recording is None:
            return
        try:
            recording.delete()
        except ProtectedError:
            rows.update(file_sid="", url="", key="", held_since=None, doomed_at=WITH_ITS_SHOUTS)


def forget(now: datetime) -> int:
    """Discard those that the carrier never had, as texts that it says; a bounded number. Answers how many."""
    nowhere = Recording.objects.to_discard(now).filter(file_sid="", key="")
    pks = list(nowhere.order_by("doomed_at", "pk").values_list("pk", flat=True)[:_AT_ONCE])
    for pk in pks:
        discarded(pk, now=now)
    return len(pks)
