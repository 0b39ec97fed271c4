"""The exchange: rings people, plays them the application's documents and reports how each call ended.

Every act of a call puts the next one on the agenda only when it is done, so one call never runs in two threads. No lock
is held while the application is asked: it may well call us back before it answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

from .agenda import Agenda
from .calls import Bridge, Call, Document, HeardAt, Stage
from .clock import Clock
from .directory import Directory
from .document import DocumentFault, read_document
from .line import Line, LineFault, Reply, Style
from .people import Person, Phone
from .player import Player
from .steps import (
    Connected,
    Dialled,
    Fetch,
    Habits,
    Heard,
    Notice,
    Parted,
    Pressed,
    Steps,
    Studio,
    Taped,
    Wait,
)
from .verbs import Verb

logger = logging.getLogger("blast_api.simulator")

MOST_DOCUMENTS = 200  # in one call: documents that send to each other without a pause would never end

Parameters = dict[str, str | int | None]

# What no application may count on: gone when the carrier sends the least it can, or null.
NULLED = frozenset(
    {"CallSid", "CallerName", "ForwardedFrom", "FinishKey", "CallDuration", "DialCallDuration", "From", "To"}
)
MISSING = frozenset(
    {"AccountSid", "ApiVersion", "Direction", "EndpointSid", "PartnerSid", "OriginalFrom", "OriginalTo", "RequestUrl"}
    | {"AMDCause"}
)


@dataclass(frozen=True)
class Identity:
    """Who the carrier says it is."""

    endpoint_sid: str
    partner_sid: str


@dataclass(frozen=True)
class Words:
    """The carrier's final words, in its spelling."""

    completed: str = "completed"
    busy: str = "busy"
    no_answer: str = "noanswer"
    failed: str = "failed"
    cancel: str = "cancel"
    app_error: str = "app-error"

    def for_phone(self, phone: Phone) -> str:
        """Return the word for a call that nobody answered."""
        return {
            Phone.BUSY: self.busy,
            Phone.NO_ANSWER: self.no_answer,
            Phone.FAILED: self.failed,
            Phone.CANCEL: self.cancel,
        }[phone]


@dataclass
class Exchange:
    """Acts out calls; `habits` are asked at each answer, `complain` takes faults of the application."""

    clock: Clock
    agenda: Agenda
    line: Line
    studio: Studio
    habits: Callable[[], Habits]
    words: Words
    identity: Identity
    directory: Directory
    complain: Callable[[str], None]

    def ring(self, call: Call, *, at_once: bool = False) -> None:
        """Ring a call that has just gone live; `at_once` lets no time pass before the application hears of it."""
        person = self.directory.meet(call.number)
        if call.fault("silent"):
            return
        phone, seconds = person.rung(timeout_s=call.spec.timeout_s)
        if phone is Phone.ANSWERED:
            act = partial(self._answer, call, person)
        else:
            act = partial(self._end, call, self.words.for_phone(phone))
        if at_once:
            act()
        else:
            self.agenda.at(self.clock.now() + seconds, act)

    def _answer(self, call: Call, person: Person) -> None:
        if call.forgotten:
            return
        call.answered_at = self.clock.now()
        if call.url is None:
            self.complain(f"call {call.sid} was answered and has no url to ask")
            self._end(call, self.words.app_error)
            return
        self._go_on(call, person, self._player(person).play(call.url, call.spec.method))

    def _player(self, person: Person) -> Player:
        return Player(person, self.studio, self.habits(), self.directory)

    def _go_on(self, call: Call, person: Person, play: Steps) -> None:
        """Carry a call to its next pause, or to its end."""
        verbs: Sequence[Verb] | None = None
        while not call.forgotten:
            try:
                step = play.send(verbs)
            except StopIteration:
                self._end(call, self.words.completed)
                return
            verbs = None
            match step:
                case Wait():
                    self.agenda.at(self.clock.now() + step.seconds, partial(self._go_on, call, person, play))
                    return
                case Heard():
                    call.heard.append(HeardAt(self.clock.now(), step.kind, step.what))
                case Pressed():
                    call.keys.append(step.key)
                case Taped():
                    call.tape.append(step)
                case Dialled() | Connected() | Parted():
                    self._bridge(call, step)
                case Notice():
                    self._tell(
                        call, step.url, "POST", {**self._common(call, step.document_url), **dict(step.parameters)}
                    )
                case Fetch():
                    if self._is_overtaken(call, person, step):
                        play.close()
                        self._end(call, self.words.completed)
                        self._document(call, step)
                        return
                    verbs = self._document(call, step)
                    if verbs is None:
                        play.close()
                        self._end(call, self.words.app_error)
                        return
        play.close()

    def _bridge(self, call: Call, step: Dialled | Connected | Parted) -> None:
        """Note how far a Dial has come."""
        now = self.clock.now()
        match step:
            case Dialled():
                call.bridges.append(Bridge(step.number, step.caller or call.caller, rang_at=now))
            case Connected():
                call.bridges[-1] = replace(call.bridges[-1], answered_at=now)
            case Parted():
                call.bridges[-1] = replace(call.bridges[-1], ended_at=now, status=step.status)

    @staticmethod
    def _is_overtaken(call: Call, person: Person, step: Fetch) -> bool:
        """Count an action, and tell whether the call's final status is to overtake it."""
        if not step.parameters:
            return False
        call.actions += 1
        fault = call.fault("reorder_callbacks")
        if fault is None:
            return False
        if fault.action is not None:
            return call.actions == fault.action
        names = {name for name, value in step.parameters if value}
        return not person.keys or bool(names & {"Digits", "RecordingUrl"})

    def _document(self, call: Call, step: Fetch) -> Sequence[Verb] | None:
        """Ask for a document; the result is None, and a fault is noted, when the application has none to carry out."""
        place = f"call {call.sid} to {call.number}: {step.method} {step.url}"
        if len(call.documents) >= MOST_DOCUMENTS:
            self.complain(f"{place}: more than {MOST_DOCUMENTS} documents in one call")
            return None
        asked_at = self.clock.now()
        parameters = {**self._common(call, step.document_url), **dict(step.parameters)}
        try:
            reply = self._send(call, step.url, step.method, parameters, compare=True)
            call.documents.append(Document(asked_at, step.url, reply.body.decode("utf-8", "replace")))
            if reply.status != HTTPStatus.OK:
                raise LineFault(f"answered {reply.status}, not 200")
            return read_document(reply.body)
        except (LineFault, DocumentFault) as fault:
            self.complain(f"{place}: {fault}")
            return None

    def _end(self, call: Call, status: str) -> None:
        """End a call and report it, unless the report is to be lost."""
        if call.forgotten or call.stage is Stage.OVER:
            return
        call.stage, call.status, call.ended_at = Stage.OVER, status, self.clock.now()
        call.duration = 0 if call.answered_at is None else int(call.ended_at - call.answered_at)
        logger.info("call %s to %s ended: %s after %d s", call.sid, call.number, status, call.duration)
        url = call.spec.status_callback_url
        if url is not None and not call.fault("lose_status"):
            running = call.documents[-1].url if call.documents else (call.url or "")
            ending: Parameters = {"CallStatus": status, "CallDuration": call.duration}
            self._tell(call, url, call.spec.status_callback_method, {**self._common(call, running), **ending})

    def _tell(self, call: Call, url: str, method: str, parameters: Parameters) -> None:
        """Tell the application something; only a server's error or silence is a fault."""
        place = f"call {call.sid} to {call.number}: {method} {url}"
        try:
            reply = self._send(call, url, method, parameters, compare=False)
        except LineFault as fault:
            self.complain(f"{place}: {fault}")
            return
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.complain(f"{place}: answered {reply.status}")

    def _send(self, call: Call, url: str, method: str, parameters: Parameters, *, compare: bool) -> Reply:
        if call.fault("nulls"):
            parameters = {
                name: None if name in NULLED else value for name, value in parameters.items() if name not in MISSING
            }
        style = Style.FORM if call.fault("form") else Style.QUERY if call.fault("get") else Style.DOCUMENTED
        reply = self.line.ask(url=url, method=method, parameters=parameters, style=style)
        if call.fault("repeat_callbacks"):
            again = self._again(url, method, parameters, style)
            if again is None or (compare and again != reply):
                self.complain(f"call {call.sid} to {call.number}: {method} {url}: another answer to the same request")
        return reply

    def _again(self, url: str, method: str, parameters: Parameters, style: Style) -> Reply | None:
        """Send a request once more; None when there is no answer, which must not disturb the call."""
        try:
            return self.line.ask(url=url, method=method, parameters=parameters, style=style)
        except LineFault:
            return None

    def _common(self, call: Call, document_url: str) -> Parameters:
        return {
            "AccountSid": "",
            "ApiVersion": "2.0",
            "CallSid": call.sid,
            "CallerName": "",
            "Direction": "outbound",
            "EndpointSid": self.identity.endpoint_sid,
            "PartnerSid": self.identity.partner_sid,
            "From": call.caller,
            "To": call.number,
            "ForwardedFrom": "",
            "OriginalFrom": f"+{call.caller}",
            "OriginalTo": call.number,
            "RequestUrl": document_url,
        }
