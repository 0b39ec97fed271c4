"""What is heard, as rows: how a recording comes about, who may use it, and how it vanishes from the carrier."""

from __future__ import annotations

from blast_api.domain.errors import InvalidField
from blast_api.domain.states import RecordingSource
from blast_api.models import Application, AuthorCall, Message, Recording

_MOST_ID = 2**63 - 1


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


def as_the_author_left_it(recording: Recording | None) -> dict[str, object]:
    """Columns of the call to an author who need not be called: code of former releases plays what stands there."""
    if recording is None:
        return {}
    columns = {name: getattr(recording, name) for name in ("take", "file_sid", "url", "length_s")}
    return columns | {"recorded": recording.created, "kept": True}
