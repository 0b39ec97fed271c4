"""One view per callback: check the address, parse, call one service, answer with a document.

A wrong token is 403 and nothing more, and so is one of a call that is long over. With the right one the answer is always
200: a person is listening, and what we did not understand, or did ourselves, must not be what they hear.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

from django.db import OperationalError, ProgrammingError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views import View

from blast_api.carrierx import events
from blast_api.carrierx.addresses import address, is_genuine
from blast_api.conf import configuration
from blast_api.db import sessions
from blast_api.db.clock import AWAY
from blast_api.domain import menus
from blast_api.domain.breaker import Breaker
from blast_api.domain.callbacks import Callback, Reason, Step
from blast_api.domain.errors import AttemptOver
from blast_api.models import AuthorCall
from blast_api.monitoring import counters
from blast_api.services import authors, delivery, postponed, storage, takes, transfers
from blast_api.services.authors import Reply

from . import documents
from .bodies import body_of
from .refusals import refuse

log = logging.getLogger(__name__)

# Seconds. A database that restarts is back within them, and the carrier still waits: what it tells, it tells once.
_PATIENCE_S = 5.0
_PAUSE_S = 0.05
# What has been waited for in vain is tried again so often, by one thread of a process and no longer than this.
_AGAIN_S = 1.0
# By the kind of callback: a table that is locked, or a database that may only be read, stops only some of them.
breakers: defaultdict[Callback, Breaker] = defaultdict(lambda: Breaker(again_s=_AGAIN_S))
# A question whose answer cannot be read is asked again so often; then whoever is there is left alone.
_MOST_ASKED = 2
_ILLEGIBLE = "?"


class _NotAsked(OperationalError):
    """The database was away a moment ago."""


class CallbackView(View):
    """The base of all callbacks: checks the token, reads whatever body, and has the last word on errors."""

    callback: ClassVar[Callback]
    row: int
    serial: int
    take: int | None = None  # of the author's recording, where the address names it
    at: datetime
    is_readable = True  # all of what was params, that is
    asked = 0  # times that the same question was asked before, because the answer could not be read
    replays = 0  # times that the message was played again before

    def dispatch(self, request: HttpRequest, *args: object, row: int, serial: int, token: str) -> HttpResponse:
        begun = time.perf_counter()
        response = self._answered_once(request, row, serial, token)
        counters.callback_answered(self.callback.label, response.status_code, seconds=time.perf_counter() - begun)
        return response

    def _answered_once(self, request: HttpRequest, row: int, serial: int, token: str) -> HttpResponse:
        if not is_genuine(self.callback.party, row, serial, token):
            return refuse(request, Reason.FORGED)
        self.row, self.serial, self.at = row, serial, timezone.now()
        self.take = events.take(request.META.get("QUERY_STRING", ""))
        # A broken connection costs these a second try, and not each of them a query that asks whether it is.
        connection.health_check_done = True  # type: ignore[attr-defined]  # not in the stubs
        params = self._read(request)
        try:
            if events.is_of_another(params, configuration().carrierx_sids):
                return refuse(request, Reason.ANOTHERS)
            try:
                return self._answer(params)
            except AWAY as error:
                if postponed := self.postpone(params):
                    return postponed
                if not isinstance(error, _NotAsked):
                    about = self._about("callback_failed", error=str(error))
                    log.error("the database is away: a callback failed", extra=about)
                return self._failed()
        except AttemptOver:
            return refuse(request, Reason.OVER)
        except Exception:
            log.exception("a callback failed", extra=self._about("callback_failed"))
            with suppress(*AWAY):
                self.note_fault()
            return self._failed()

    def _read(self, request: HttpRequest) -> events.Parameters:
        query = request.META.get("QUERY_STRING", "")
        body = body_of(request)
        params, understood = events.read(body or b"", query)
        self.asked, self.replays = events.asked(query), events.replays(query)
        self.is_readable = understood and body is not None
        if not self.is_readable:
            about = self._about(
                "callback_unreadable", length=None if body is None else len(body), names=sorted(params)[:20]
            )
            log.warning("a callback could not be read as it should be", extra=about)
        return params

    def _failed(self) -> HttpResponse:
        counters.CALLBACKS_FAILED.add(self.callback.label)
        return self.last_resort()

    def _about(self, action: str, **more: object) -> dict[str, object]:
        about = {"kind": self.callback.party, "row": self.row, "callback": self.callback.label}
        return {"action": action, **about, **more}

    def _answer(self, params: events.Parameters) -> HttpResponse:
        """The answer, unless the database is away: then that is known after _PATIENCE_S, and from then on at once."""
        breaker = breakers[self.callback]
        begun = breaker.begin()
        if begun is None:
            raise _NotAsked("the database was away a moment ago")
        patience_s = _AGAIN_S if breaker.is_open else _PATIENCE_S
        try:
            with sessions.patience(patience_s):
                answer = self._answer_within(patience_s, params)
        except AWAY as error:
            if isinstance(error, ProgrammingError):  # it is there, and not as our code expects it
                breaker.answered()
            else:
                breaker.gave_up(begun)
            raise
        except Exception:
            breaker.answered()
            raise
        breaker.answered()
        return answer

    def _answer_within(self, patience_s: float, params: events.Parameters) -> HttpResponse:
        """The answer; while the database is away or says that it cannot just now, again. Twice is once, as for the carrier.

        Whether the connection works again by the time we look says nothing: it may be another one already.
        """
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self.answer(params)
            except ProgrammingError:
                raise
            except AWAY:
                if time.monotonic() > deadline:
                    raise
                if not connection.is_usable():
                    connection.close()
            time.sleep(_PAUSE_S)

    def answer(self, params: events.Parameters) -> HttpResponse:
        raise NotImplementedError

    def postpone(self, params: events.Parameters) -> HttpResponse | None:
        """The database does not come back: an answer that is true all the same, because what was told is on disk."""
        return None

    def note_fault(self) -> None:
        """An error of ours is what will be heard: whatever must be known of that later."""

    def last_resort(self) -> HttpResponse:
        return flexml(documents.apology())

    def keep_on_disk(self, step: Step, params: events.Parameters) -> None:
        """Until the database is back, as told now. Raises OSError."""
        of = self.callback.party
        postponed.keep(postponed.Postponed(of, self.row, self.serial, step, params, self.at))

    def address(self, step: str) -> str:
        """The address of another step of the same attempt."""
        return address(self.callback.party, self.row, self.serial, step)


def flexml(body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type="application/xml; charset=utf-8")


class NoAddress(View):
    """Whatever is no address of ours is refused as a forged one is: nobody learns which are."""

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        return refuse(request, Reason.NO_ADDRESS)


class StatusCallback(CallbackView):
    """The end of a call; the carrier ignores the answer."""

    def postpone(self, params: events.Parameters) -> HttpResponse:
        self.keep_on_disk(Step.STATUS, params)
        return HttpResponse()

    def last_resort(self) -> HttpResponse:
        return HttpResponse(status=500)  # not understood is fine, not stored is not: let it be told again


# --- The recipient -------------------------------------------------------------------------------------------------


class CallCallback(CallbackView):
    @property
    def attempt(self) -> delivery.CallAttempt:
        return delivery.CallAttempt(self.row, self.serial)


class CallDocument(CallCallback):
    """What is asked for before anything was heard: an error of ours here was no delivery."""

    def note_fault(self) -> None:
        delivery.apologised(self.attempt, asked=self.at)

    def postpone(self, params: events.Parameters) -> None:
        """No answer is true without the database; that an apology is heard stands on disk, before the end of the call."""
        self.keep_on_disk(Step.APOLOGY, params)


class CallAnswered(CallDocument):
    callback = Callback.CALL_ANSWERED

    def answer(self, params: events.Parameters) -> HttpResponse:
        if configuration().amd:
            heard = delivery.answered(self.attempt, now=timezone.now())
            return flexml(documents.detect(self.address) if heard else documents.hang_up())
        # Nobody is asked who picked up, so it is not sure.
        script = delivery.detected(self.attempt, events.Answerer.NOT_SURE, now=timezone.now())
        return flexml(documents.at_once(script, self.address) if script else documents.hang_up())


class CallDetected(CallDocument):
    callback = Callback.CALL_DETECTED

    def answer(self, params: events.Parameters) -> HttpResponse:
        who = events.answerer(params)
        script = delivery.detected(self.attempt, who, now=timezone.now())
        return flexml(documents.deliver(who, script, self.address) if script else documents.hang_up())


class CallKey(CallCallback):
    callback = Callback.CALL_KEY

    def answer(self, params: events.Parameters) -> HttpResponse:
        digits = events.digits(params)
        if not digits and not self.is_readable and self.asked < _MOST_ASKED:
            script = delivery.may_be_asked(self.attempt, now=self.at)
            if script is None:
                return flexml(documents.hang_up())
            times = self.asked + 1
            return flexml(documents.ask_again(script, self.address, times=times, replays=self.replays))
        wish, script = delivery.pressed(self.attempt, digits, replays=self.replays, now=self.at)
        return flexml(documents.after_key(wish, script, self.address, replays=self.replays))

    def postpone(self, params: events.Parameters) -> HttpResponse | None:
        wish = menus.at_delivery(events.digits(params))
        if wish is not menus.Wish.OPT_OUT:
            return None
        self.keep_on_disk(Step.KEY, params)
        return flexml(documents.after_key(wish, None, self.address))


class CallBridged(CallCallback):
    """Who was put through has spoken, or nobody took the call."""

    callback = Callback.CALL_BRIDGED

    def answer(self, params: events.Parameters) -> HttpResponse:
        script = transfers.ended(self.attempt, events.bridge(params), now=self.at)
        return flexml(documents.after_transfer(script, self.address))

    def postpone(self, params: events.Parameters) -> HttpResponse:
        self.keep_on_disk(Step.BRIDGED, params)
        return flexml(documents.hang_up())


class CallEnded(CallCallback, StatusCallback):
    callback = Callback.CALL_ENDED

    def answer(self, params: events.Parameters) -> HttpResponse:
        delivery.settled(self.attempt, events.status(params), now=self.at)
        return HttpResponse()


# --- The author ----------------------------------------------------------------------------------------------------


class RecordingCallback(CallbackView):
    @property
    def attempt(self) -> authors.AuthorAttempt:
        return authors.AuthorAttempt(self.row, self.serial)

    def answer(self, params: events.Parameters) -> HttpResponse:
        with transaction.atomic():
            authors.refuse_if_over(self.attempt, now=self.at)
            reply = self.reply(params)
        recording = AuthorCall.objects.select_related("message").filter(pk=self.row).first()
        container_sid = storage.sid() if reply in (Reply.RECORD, Reply.RECORD_AGAIN) else ""
        language = recording.message.language if recording else ""
        return flexml(
            documents.for_author(reply, self.address, recording, container_sid=container_sid, language=language)
        )

    def reply(self, params: events.Parameters) -> Reply:
        raise NotImplementedError

    def digits(self, params: events.Parameters) -> str:
        """The keys pressed; where nobody can read which, a key that means nothing, so that the question comes again."""
        return events.digits(params) or ("" if self.is_readable else _ILLEGIBLE)


class AuthorAnswered(RecordingCallback):
    callback = Callback.AUTHOR_ANSWERED

    def reply(self, params: events.Parameters) -> Reply:
        return authors.answered(self.attempt)


class AuthorAtWelcome(RecordingCallback):
    callback = Callback.AUTHOR_AT_WELCOME

    def reply(self, params: events.Parameters) -> Reply:
        return authors.chose_at_welcome(self.attempt, self.digits(params), now=timezone.now())


class AuthorRecorded(RecordingCallback):
    callback = Callback.AUTHOR_RECORDED
    is_silent: bool | None = None

    def answer(self, params: events.Parameters) -> HttpResponse:
        # Found out once, and before the transaction, which waits for no carrier.
        if self.is_silent is None:
            self.is_silent = takes.is_silent(events.recording(params))
        return super().answer(params)

    def reply(self, params: events.Parameters) -> Reply:
        report = events.recording(params)
        if not report.url and not self.is_readable:
            return authors.nothing_recorded(self.attempt)
        is_silent = bool(self.is_silent)
        return authors.recorded(self.attempt, report, take=self.take, is_silent=is_silent, now=timezone.now())


class AuthorNotRecorded(RecordingCallback):
    callback = Callback.AUTHOR_NOT_RECORDED

    def reply(self, params: events.Parameters) -> Reply:
        return authors.failed(self.attempt, now=timezone.now())


class NothingRecorded(RecordingCallback):
    callback = Callback.NOTHING_RECORDED

    def reply(self, params: events.Parameters) -> Reply:
        return authors.nothing_recorded(self.attempt)


class AuthorAtVerification(RecordingCallback):
    callback = Callback.AUTHOR_AT_VERIFICATION

    def reply(self, params: events.Parameters) -> Reply:
        digits = self.digits(params)
        return authors.chose_at_verification(self.attempt, digits, take=self.take, now=timezone.now())


class RecordingEnded(RecordingCallback, StatusCallback):
    callback = Callback.RECORDING_ENDED

    def answer(self, params: events.Parameters) -> HttpResponse:
        authors.ended(self.attempt, events.status(params), now=self.at)
        return HttpResponse()
