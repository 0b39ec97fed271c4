"""A new shout: a message, a list and its rules; what would become of each recipient; and off it goes, once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from math import ceil
from typing import Any, BinaryIO, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from blast_api.audio.intake import telephone_sound
from blast_api.audio.sound import Sound
from blast_api.conf import configuration
from blast_api.db.clock import database_now
from blast_api.dispatch import nudge
from blast_api.domain import recipients
from blast_api.domain.errors import BlastError, InvalidField, UnusableList, UnusableSound
from blast_api.domain.recipients import Recipient
from blast_api.domain.roles import Right
from blast_api.domain.rules import said
from blast_api.domain.states import RecordingSource
from blast_api.lists.reader import ListRead
from blast_api.models import Application, Recording
from blast_api.services import creation, people, preflight, uploads
from blast_api.services.creation import NewShout
from blast_api.services.preflight import Preflight

from . import pasted
from .page import GuardedPage

_MIB = 1 << 20
_SHOWN_PROSPECTS = 50
_TEXT, _FILE, _RECORDING, _PHONE = "text", "file", "recording", "phone"
_MESSAGES = (
    (_TEXT, gettext_lazy("A text that is read aloud")),
    (_FILE, gettext_lazy("A sound file")),
    (_RECORDING, gettext_lazy("A recording that is there already")),
    (_PHONE, gettext_lazy("By phone: the author is called to record it")),
)
# Where a fault that only the database knows belongs on the form.
_FIELDS = {"recording": "recording", "caller": "caller", "text": "text"}


class NewShoutForm(forms.Form):
    """What a person says of a new shout; `clean` makes a `NewShout` of it, whose sound is not stored yet."""

    application = forms.ModelChoiceField(Application.objects.none(), label=gettext_lazy("Application"))
    userdata = forms.CharField(max_length=255, label=gettext_lazy("User whose lists and recordings count"))
    title = forms.CharField(max_length=255, required=False, label=gettext_lazy("Title"))
    message = forms.ChoiceField(
        choices=_MESSAGES, widget=forms.RadioSelect, initial=_TEXT, label=gettext_lazy("Message")
    )
    text = forms.CharField(
        required=False, widget=forms.Textarea({"rows": 3, "maxlength": 10_000}), label=gettext_lazy("Text")
    )
    sound = forms.FileField(
        required=False,
        widget=forms.FileInput({"accept": "audio/*"}),
        label=gettext_lazy("Sound file: WAV, MP3, OGG, FLAC"),
    )
    recording = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, label=gettext_lazy("Recording's id")
    )
    caller = forms.CharField(
        required=False, max_length=40, widget=forms.TextInput({"type": "tel"}), label=gettext_lazy("Author's number")
    )
    numbers = forms.CharField(
        required=False,
        widget=forms.Textarea({"rows": 6, "maxlength": 900_000, "spellcheck": "false"}),
        label=gettext_lazy("Numbers, one on each line, or columns with a header"),
    )
    file = forms.FileField(
        required=False,
        widget=forms.FileInput({"accept": ".csv,.txt,.xlsx"}),
        label=gettext_lazy("or a file, CSV or XLSX"),
    )
    schedule = forms.DateTimeField(
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        label=gettext_lazy("Not before (empty: at once)"),
    )
    opens = forms.TimeField(required=False, widget=forms.TimeInput({"type": "time"}), label=gettext_lazy("Call from"))
    closes = forms.TimeField(required=False, widget=forms.TimeInput({"type": "time"}), label=gettext_lazy("until"))
    once = forms.UUIDField(widget=forms.HiddenInput)

    listed: ListRead | None = None
    to_store: Sound | None = None

    def __init__(self, *args: Any, applications: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["application"].queryset = applications  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.errors:
            return given
        self._of_message(given)
        self._of_list(given)
        if given.get("schedule") and given["schedule"] < timezone.now():
            self.add_error("schedule", _("This time is past."))
        if bool(given.get("opens")) != bool(given.get("closes")):
            self.add_error("closes", _("Say both, or neither."))
        return given

    def _of_message(self, given: dict[str, Any]) -> None:
        kind = given["message"]
        field = {_TEXT: "text", _FILE: "sound", _RECORDING: "recording", _PHONE: "caller"}[kind]
        if not given.get(field):
            self.add_error(field, _("Say what is to be heard."))
        elif kind == _PHONE:
            try:
                given["caller"] = recipients.number(given["caller"], region=configuration().default_region)
            except ValueError as error:
                self.add_error("caller", str(error))
        elif kind == _FILE:
            config = configuration()
            try:
                self.to_store = telephone_sound(
                    cast(BinaryIO, given["sound"].file),
                    longest_s=config.max_recording_seconds,
                    largest_bytes=config.max_upload_bytes,
                )
            except UnusableSound as refusal:
                self.add_error("sound", refusal.reason)

    def _of_list(self, given: dict[str, Any]) -> None:
        field = "file" if given.get("file") else "numbers"
        try:
            self.listed = pasted.listed(given.get("file"), given.get("numbers", ""))
        except UnusableList as error:
            self.add_error(field if given.get("file") and not given.get("numbers") else "numbers", str(error))
            return
        for words in pasted.faults(self.listed):
            self.add_error(field, words)

    @property
    def new(self) -> NewShout:
        """The shout of a valid form; its sound is estimated. Raises Faults."""
        given, kind = self.cleaned_data, self.cleaned_data["message"]
        estimated: Recording | None = None
        if kind == _TEXT:
            estimated = uploads.estimated(given["text"])
        elif self.to_store:
            estimated = Recording(source=RecordingSource.UPLOAD, length_s=ceil(self.to_store.length_s))
        return NewShout(
            userdata=given["userdata"],
            title=given["title"],
            caller=given["caller"] if kind == _PHONE else "",
            recording_id=given["recording"] if kind == _RECORDING else None,
            spoken=estimated,
            recipients=self._recipients(),
            schedule=given["schedule"],
            delivery=said.delivery(_window(given["opens"], given["closes"]), now=timezone.now()),
            idempotency_key=f"page-{given['once']}",
        )

    def _recipients(self) -> Sequence[Recipient]:
        return self.listed.recipients if self.listed else ()

    def stored(self, new: NewShout) -> NewShout:
        """The same with its sound at the carrier. Raises NotStored, StorageFull and UnusableSound."""
        given = self.cleaned_data
        about = (given["application"], given["userdata"])
        if given["message"] == _TEXT:
            return replace(new, spoken=uploads.from_text(*about, given["text"], title=given["title"], lasting=False))
        if self.to_store:
            kept = uploads.upload(*about, self.to_store, title=given["title"])
            return replace(new, spoken=None, recording_id=kept.pk)
        return new


def _window(opens: time | None, closes: time | None) -> dict[str, object]:
    if opens is None or closes is None:
        return {}
    return {"window": {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "zone": "recipient"}}


class NewShoutPage(GuardedPage):
    """Say, check, send: what is sent is what was checked, or the page says what has changed."""

    right = Right.SEND
    template = "dashboard/new_shout.html"

    @property
    def largest_bytes(self) -> int:  # type: ignore[override]  # by the operator's sheet
        return 2 * configuration().max_upload_bytes + 2 * _MIB  # a sound, a list, and what is around them

    def get(self, request: HttpRequest) -> HttpResponse:
        form = NewShoutForm(applications=self._applications(), initial=self._initial())
        return self.show({"form": form, "here": "new"})

    def post(self, request: HttpRequest) -> HttpResponseBase:
        form = NewShoutForm(request.POST, request.FILES, applications=self._applications())
        if not form.is_valid():
            return self._tell(form)
        try:
            new = form.new
            foretold = preflight.preflight(form.cleaned_data["application"], new, now=database_now())
            expected = request.POST.get("expected", "")
            if request.POST.get("do") != "send" or expected != str(_called(foretold)):
                return self._tell(form, foretold, changed=bool(expected) and request.POST.get("do") == "send")
            return self._send(form, new)
        except said.Faults as faults:
            form.add_error("closes", " ".join(faults.by_path.values()))
        except InvalidField as error:
            form.add_error(_FIELDS.get(error.field), str(error))
        except UnusableSound as error:
            form.add_error("text", error.reason)
        except BlastError as error:
            form.add_error(None, str(error))
        return self._tell(form)

    def _send(self, form: NewShoutForm, new: NewShout) -> HttpResponseBase:
        application, now = form.cleaned_data["application"], timezone.now()
        message = creation.replayed(application, new.idempotency_key, "", now=now)
        if message is None:
            message, created = creation.create(application, form.stored(new), now=now)
            if created:
                people.did(self.viewer.name, "send", application_id=application.pk, message_id=message.pk)
                nudge.ring_author(message.pk)
        if "HX-Request" in self.request.headers:
            return HttpResponse(headers={"HX-Redirect": f"/shouts/{message.pk}"})
        return redirect("shout", pk=message.pk)

    def _tell(self, form: NewShoutForm, foretold: Preflight | None = None, *, changed: bool = False) -> HttpResponse:
        context: dict[str, Any] = {"form": form, "here": "new", "changed": changed}
        if foretold is not None:
            rows = zip(foretold.recipients, foretold.prospects, strict=True)
            others = [(one, prospect) for one, prospect in rows if prospect.verdict != "call"]
            context |= {
                "foretold": foretold,
                "counts": {verdict: count for verdict, count in foretold.prospects.counts.items() if count},
                "called": _called(foretold),
                "others": others[:_SHOWN_PROSPECTS],
                "more": len(others) - _SHOWN_PROSPECTS,
                "list": form.listed.described() if form.listed else None,
            }
        status = 200 if foretold is not None or "HX-Request" in self.request.headers else 400
        if "HX-Request" in self.request.headers:
            return render(self.request, "dashboard/verdict.html", self.shared() | context, status=status)
        return self.show(context, status=status)

    def _applications(self) -> Any:
        return self.viewer.own_applications().filter(revoked=None)

    def _initial(self) -> dict[str, object]:
        return {"once": uuid.uuid4(), "application": self._applications().first(), "userdata": self.viewer.name}


def _called(foretold: Preflight) -> int:
    counts = foretold.prospects.counts
    return counts["call"] + counts["wait"]
