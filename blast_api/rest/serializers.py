"""The shapes of requests and answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from blast_api.domain.rules.preflight import Foretold
from blast_api.domain.rules.said import MOST_ATTEMPTS, Machines
from blast_api.domain.rules.verdict import WAITS_BECAUSE
from blast_api.domain.rules.window import DAYS
from blast_api.domain.states import PAUSED, CallStatus, ShoutStatus
from blast_api.services.creation import NewShout

from .fields import (
    AuthorField,
    CallerIdField,
    DeliveryField,
    LanguageField,
    NumberField,
    RecipientsField,
    ScheduleField,
    SpokenTextField,
    TransferField,
    VoiceField,
)
from .list_serializers import ListReadSerializer

_LONGEST_TEXT = 255  # characters, as the columns have them


# What a shout may play instead of what its author records: the field of a request, and of what is validated.
_PLAYED = {"recording": "recording_id", "text": "text", "old-shout-id": "old_shout_id"}


def _id(source: str, help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1, source=source, help_text=help_text
    )


class NewShoutSerializer(serializers.Serializer[NewShout]):
    """What `POST /shouts` takes; the context names the `application` that asks."""

    caller = AuthorField(
        required=False,
        allow_null=True,
        help_text="The author's number: it is called to record the message. Required unless something else is to be played.",
    )
    recipients = RecipientsField(help_text="Numbers with country code, in any usual writing; each is called once.")
    schedule = ScheduleField(required=False, allow_null=True, help_text="When to deliver; not before the recording.")
    delivery = DeliveryField(required=False, allow_null=True)
    text = SpokenTextField(
        required=False, allow_null=True, help_text="Play this text, spoken; nobody is called to record."
    )
    voice = VoiceField(required=False, allow_null=True, help_text="Who speaks the text.")
    language = LanguageField(required=False, allow_null=True, help_text="Of the prompts.")
    transfer = TransferField(required=False, allow_null=True)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        userdata = serializers.CharField(
            max_length=_LONGEST_TEXT,
            trim_whitespace=False,
            help_text="The application's own user; lists are per user.",
        )
        title = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True, allow_null=True)
        old_shout_id = _id("old_shout_id", "Use that shout's recording: the same user's; nobody is called to record.")
        recording = _id("recording_id", "Play this recording of the user's; nobody is called to record.")
        voicemail = _id("voicemail_id", "Machines hear this recording of the user's instead.")
        caller_id = CallerIdField(
            required=False,
            allow_null=True,
            source="did",
            help_text="The number that calls, one of the application's caller ids; without it the operator's.",
        )
        named: dict[str, serializers.Field[Any, Any, Any, Any]] = {
            "title": title,
            "old-shout-id": old_shout_id,
            "recording": recording,
            "voicemail_recording": voicemail,
            "from": caller_id,
        }
        return {"userdata": userdata, **super().get_fields(), **named}

    def to_internal_value(self, data: Any) -> Any:
        """Raises ValidationError, in which a fault inside an object has its whole path: `delivery.window.from`."""
        faults: dict[str, Any] = {}
        if isinstance(data, dict) and all(data.get(name) is None for name in ("caller", *_PLAYED)):
            faults["caller"] = [self.fields["caller"].error_messages["required"]]
        try:
            read = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError(faults | _by_path(error.detail)) from None
        if faults:
            raise serializers.ValidationError(faults)
        return read

    def validate(self, attrs: Any) -> Any:
        schedule, delivery = attrs.get("schedule"), attrs.get("delivery")
        if schedule and delivery and delivery.until and delivery.until <= schedule:
            raise serializers.ValidationError({"delivery.until": ["This is not after the schedule."]}, code="invalid")
        played = [name for name, key in _PLAYED.items() if attrs.get(key) is not None]
        if len(played) > 1:
            raise serializers.ValidationError({played[1]: [f"Not together with {played[0]}."]}, code="invalid")
        if attrs.get("voice") is not None and attrs.get("text") is None:
            raise serializers.ValidationError({"voice": ["Only together with a text."]}, code="invalid")
        return attrs

    @property
    def to_speak(self) -> tuple[str, str] | None:
        """The text that is to be spoken and the voice, which may be empty; None if there is no text."""
        text = self.validated_data.get("text")
        return None if text is None else (text, self.validated_data.get("voice") or "")

    def to_new_shout(self, *, idempotency_key: str | None, request_digest: str) -> NewShout:
        """The validated request, for the service, to which the recording of a text is still missing."""
        given = {key: value for key, value in self.validated_data.items() if value is not None}
        given = {"caller": ""} | given
        for name in ("text", "voice"):
            given.pop(name, None)
        return NewShout(**given, idempotency_key=idempotency_key, request_digest=request_digest)


def _by_path(faults: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, told in faults.items():
        inner = told.items() if isinstance(told, dict) else [("", told)]
        flat.update({f"{name}.{path}".rstrip("."): sentences for path, sentences in inner})
    return flat


class WindowSerializer(serializers.Serializer[Any]):
    """Hours in which recipients are called."""

    days = serializers.ListField(child=serializers.ChoiceField(choices=DAYS))
    zone = serializers.CharField(help_text="`recipient`: each one's own clock counts.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        edges = {"from": serializers.CharField(), "to": serializers.CharField()}
        return {**edges, **super().get_fields()}


class PauseAtSerializer(serializers.Serializer[Any]):
    """When a shout is paused by itself."""

    failed_percent = serializers.FloatField()
    of = serializers.IntegerField()


class DeliverySerializer(serializers.Serializer[Any]):
    """Rules as they are in force: the shout's own, its application's, the operator's."""

    window = WindowSerializer(allow_null=True, help_text="Null: any hour.")
    until = serializers.DateTimeField(allow_null=True)
    attempts = serializers.IntegerField(min_value=1, max_value=MOST_ATTEMPTS)
    retry = serializers.DictField(child=serializers.FloatField(), help_text="Seconds by ending.")
    machines = serializers.ChoiceField(choices=[machines.value for machines in Machines])
    calls_per_second = serializers.FloatField(allow_null=True)
    concurrent_calls = serializers.IntegerField(allow_null=True)
    pause_at = PauseAtSerializer(allow_null=True, help_text="Null: never.")


class GivenField(serializers.CharField):
    """A text that somebody gave us; null: nobody did."""

    def to_representation(self, value: str) -> Any:
        return value or None


class TransferSerializer(serializers.Serializer[Any]):
    """How a recipient is put through."""

    key = serializers.CharField()
    to = serializers.CharField(help_text="Digits with country code.")
    concurrent = serializers.IntegerField(allow_null=True, help_text="Most recipients at once; null: any number.")


class VoiceSerializer(serializers.Serializer[Any]):
    """A recorded message."""

    created = serializers.DateTimeField()
    length = serializers.IntegerField(help_text="Seconds.")
    url = serializers.CharField(allow_blank=True, help_text="Empty: the carrier says a text.")


class ShoutWaitingSerializer(serializers.Serializer[Any]):
    """What a shout waits for as a whole."""

    because = serializers.ChoiceField(choices=sorted(WAITS_BECAUSE))
    until = serializers.DateTimeField(source="at", allow_null=True, help_text="Null: nobody can tell.")


class ShoutSerializer(serializers.Serializer[Any]):
    """A shout."""

    id = serializers.IntegerField(source="message.pk")
    created = serializers.DateTimeField(source="message.created")
    caller = GivenField(source="message.caller", allow_null=True, help_text="The author; null if none was named.")
    status = serializers.ChoiceField(choices=[*ShoutStatus.values, PAUSED])
    title = serializers.CharField(source="message.title", allow_blank=True)
    schedule = serializers.DateTimeField(source="message.schedule", allow_null=True)
    userdata = serializers.CharField(source="message.userdata")
    delivery = DeliverySerializer()
    recipients = serializers.ListField(
        child=serializers.CharField(), help_text="Digits with country code, in the order given, each once."
    )
    voc = VoiceSerializer(allow_null=True, help_text="The recording; null before there is one.")
    recording = serializers.IntegerField(
        allow_null=True, help_text="The id of the recording; null before there is one, and after it was deleted."
    )
    voicemail_recording = serializers.IntegerField(allow_null=True, help_text="What machines hear instead, likewise.")
    language = GivenField(source="message.language", allow_null=True, help_text="Of the prompts; null: as usual.")
    transfer = TransferSerializer(source="message.transfer", allow_null=True)
    recipients_requested_dnc = serializers.BooleanField(help_text="Whether any recipient has pressed 5.")
    started = serializers.DateTimeField(source="message.started", allow_null=True)
    finished = serializers.DateTimeField(source="message.finished", allow_null=True)
    paused_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is paused; null if it is not.")
    paused_because = serializers.CharField(
        allow_null=True, help_text="`asked`: somebody did; `pause_at`: its rule did; null if it is not paused."
    )
    waiting = ShoutWaitingSerializer(
        source="outlook.waiting", allow_null=True, help_text="Null: its calls are up, or it is over."
    )
    expected_finish = serializers.DateTimeField(
        source="outlook.expected_finish",
        allow_null=True,
        help_text="An estimate; null: nobody can tell, or it is over.",
    )
    calls = serializers.DictField(child=serializers.IntegerField(), help_text="How many calls have each status.")

    csv_columns = (
        *("id", "created", "caller", "from", "status", "title", "schedule", "userdata", "recipients", "recording"),
        *("voicemail_recording", "language", "voc.created", "voc.length", "voc.url", "transfer.key", "transfer.to"),
        *("transfer.concurrent", "recipients_requested_dnc", "started", "finished", "paused_at", "paused_because"),
        *(
            "waiting.because",
            "waiting.until",
            "expected_finish",
            "delivery",
            *(f"calls.{one}" for one in CallStatus.values),
        ),
    )

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {**super().get_fields(), "from": serializers.CharField(source="caller_id", help_text="Who calls.")}


class CreatedShoutSerializer(ShoutSerializer):
    """A shout that was just made."""

    list = ListReadSerializer(
        required=False, allow_null=True, help_text="How the file was read; not there if there was none."
    )


class NewAuditionSerializer(serializers.Serializer[Any]):
    """What `POST /shouts/{id};audition` takes."""

    to = NumberField(help_text="The number with country code that hears it.")


class CallSerializer(serializers.Serializer[Any]):
    """The call to one recipient."""

    id = serializers.IntegerField(source="pk")
    started = serializers.DateTimeField(allow_null=True)
    finished = serializers.DateTimeField(allow_null=True)
    shout_id = serializers.IntegerField()
    phone = serializers.CharField(source="number")
    zone = GivenField(allow_null=True, help_text="The time zone that was given with it; null: none was.")
    reference = GivenField(allow_null=True, help_text="Your own word for the recipient; null: none was given.")
    status = serializers.ChoiceField(source="public_status", choices=CallStatus.choices)
    Q850 = serializers.IntegerField(source="q850", allow_null=True, help_text="Cause, as in ITU-T Q.850.")
    duration = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    attempts = serializers.IntegerField(help_text="How often it was placed.")
    answerer = serializers.CharField(
        help_text="Who heard the message: HUMAN, MACHINE, NOTSURE. HANGUP and nothing: nobody.", allow_blank=True
    )
    keys = serializers.CharField(help_text="Pressed in the latest attempt, one after another.", allow_blank=True)
    transferred = serializers.DateTimeField(allow_null=True, help_text="When the person was put through.")
    transfer_outcome = GivenField(
        allow_null=True, help_text="`up`, `completed`, `busy`, `no-answer`, `failed`, `unknown`; null: there was none."
    )
    transfer_duration = serializers.IntegerField(
        source="transfer_s", allow_null=True, help_text="Seconds that the two spoke."
    )
    reason = GivenField(allow_null=True, source="why", help_text="Why it ended without a call, where a rule says so.")
    audition = serializers.BooleanField(
        help_text="Whether it plays the shout to one number first, and counts for nothing."
    )


class AttemptSerializer(serializers.Serializer[Any]):
    """One placement of a call."""

    number = serializers.IntegerField(help_text="The first is 1.")
    claimed = serializers.DateTimeField(help_text="When a dispatcher took it in hand.")
    slot = serializers.DateTimeField(allow_null=True, help_text="When its request was to leave.")
    sid = serializers.CharField(help_text="The carrier's name for it.", allow_blank=True)
    started = serializers.DateTimeField(allow_null=True)
    answered = serializers.DateTimeField(allow_null=True, help_text="When the service knew who picked up.")
    ended = serializers.DateTimeField(allow_null=True)
    ending = serializers.ChoiceField(choices=CallStatus.choices, allow_null=True, help_text="Null: it is open.")
    Q850 = serializers.IntegerField(source="q850", allow_null=True)
    duration = serializers.IntegerField(allow_null=True, help_text="Seconds.")
    answerer = serializers.CharField(allow_blank=True)
    keys = serializers.CharField(allow_blank=True)
    transferred = serializers.DateTimeField(allow_null=True)
    transfer_outcome = GivenField(allow_null=True)
    transfer_duration = serializers.IntegerField(source="transfer_s", allow_null=True)
    reason = serializers.CharField(help_text="The carrier's own words about its end.", allow_blank=True)


class ListedAttemptSerializer(AttemptSerializer):
    """One placement of one of a shout's calls."""

    id = serializers.IntegerField()
    call_id = serializers.IntegerField()
    phone = serializers.CharField()
    reference = GivenField(allow_null=True, help_text="Your own word for the recipient; null: none was given.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        return {name: fields.pop(name) for name in ("id", "call_id", "phone", "reference")} | fields


class CallWaitingSerializer(ShoutWaitingSerializer):
    """What a call waits for."""

    zone = serializers.CharField(allow_null=True, help_text="Whose hours are shut, with `window`; otherwise null.")


class CallDetailSerializer(CallSerializer):
    """The call to one recipient, its attempts, and what it waits for."""

    attempts = AttemptSerializer(many=True, source="placed", help_text="In their order.")  # type: ignore[assignment]  # of the same name
    waiting = CallWaitingSerializer(allow_null=True, help_text="Null: it does not wait.")


class ForetoldSerializer(serializers.Serializer[Any]):
    """What would become of one recipient."""

    position = serializers.IntegerField(help_text="In the list that was given, from 0.")
    number = serializers.CharField(help_text="Digits with country code.")
    verdict = serializers.ChoiceField(choices=[*Foretold])
    reason = serializers.CharField(allow_null=True, help_text="The rule and its figures; null for a plain `call`.")
    at = serializers.DateTimeField(allow_null=True, help_text="The earliest time of a `call` or a `wait`.")


class AssumedSerializer(serializers.Serializer[Any]):
    """What an estimate goes by."""

    calls_per_second = serializers.FloatField(
        help_text="The least of all bounds; a bound of calls at once is one, too."
    )
    queued_ahead = serializers.IntegerField(help_text="Calls of other shouts that go before the last one of this.")
    windows = serializers.CharField(allow_null=True, help_text="Hours, in words; null: at any time.")
    recording_length = serializers.IntegerField(help_text="Seconds.")
    recording_length_known = serializers.BooleanField(help_text="False: the author has yet to record.")
    answer_rate = serializers.FloatField(help_text="The share of calls that somebody or a machine answers.")
    answer_rate_of = serializers.ChoiceField(
        choices=["user", "application", "assumed"], help_text="Whose last calls were answered so; or nobody's."
    )
    retries = serializers.IntegerField(help_text="How many calls are tried again, if they end as those did.")


class EstimateSerializer(serializers.Serializer[Any]):
    """When it would begin and end; times are null where nobody would be called."""

    first_call = serializers.DateTimeField(allow_null=True)
    last_call = serializers.DateTimeField(allow_null=True, help_text="The last that is made for the first time.")
    finish = serializers.DateTimeField(allow_null=True)
    assumes = AssumedSerializer()
    certainty = serializers.CharField(help_text="How far to rely on it.")


class PreflightSerializer(serializers.Serializer[Any]):
    """What `POST /shouts` with this body would do."""

    counts = serializers.DictField(child=serializers.IntegerField(), help_text="How many recipients have each verdict.")
    list = ListReadSerializer(
        required=False, allow_null=True, help_text="How the file was read; not there if there was none."
    )
    recipients = ForetoldSerializer(many=True, required=False, help_text="In the order given.")
    estimate = EstimateSerializer()
