"""The carrier: everything it remembers, and the face that tests, the server and the commands use."""

from __future__ import annotations

import logging
import math
import threading
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import NamedTuple

from .agenda import Agenda, Runner
from .calls import Bridge, Call, CallSpec, Stage
from .clock import Clock, RealClock, VirtualClock
from .directory import Directory
from .elsewhere import Elsewhere
from .exchange import Exchange, Identity, Words
from .faults import Faults, read_injection
from .line import Line
from .people import Person
from .steps import Habits
from .storage import Container, Storage, StoredFile
from .wire import Refusal

logger = logging.getLogger("blast_api.simulator")

MILLISECOND = 1e-3


class Arrival(NamedTuple):
    """One POST of a call that reached the door: `time.monotonic()` seconds, the number if readable, and whether taken."""

    at: float
    number: str
    accepted: bool


@dataclass(frozen=True)
class Credentials:
    """What the application has to show; an empty pair, or an empty token, opens that door to everybody."""

    user: str = ""
    password: str = ""
    token: str = ""


class Carrier:
    """A telephone carrier that knows scripted people only.

    With a `VirtualClock` nothing happens by itself: `advance` carries out what falls due, in the calling thread. With a
    `RealClock`, `start` and `stop` run it in threads. `prompt_seconds` is the length of a sound that the carrier neither
    keeps nor reaches, `no_answer` its spelling of that status, `timeout_s` how many real seconds the application may take,
    `workers` how many calls proceed at once in real time. `habits` may be changed: they hold for calls answered later.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        prompt_seconds: float = 3.0,
        no_answer: str = "noanswer",
        empty_result_always_acts: bool = False,
        record_acts_on_hangup: bool = False,
        timeout_s: float = 10.0,
        workers: int = 32,
    ) -> None:
        self.clock: Clock = clock or VirtualClock()
        self.credentials = Credentials(user, password, token)
        self.base_url = "http://127.0.0.1"
        self.injections = Faults()
        self.account_sid = str(uuid.uuid4())
        self.endpoint_sid = str(uuid.uuid4())
        self.partner_sid = str(uuid.uuid4())
        self._epoch = datetime.now(UTC) - timedelta(seconds=self.clock.now())
        self._workers = workers
        self._lock = threading.Lock()
        self._driving = threading.Lock()
        self._agenda = Agenda()
        self._runner: Runner | None = None
        self._accepted: Counter[str] = Counter()
        self._calls: dict[str, Call] = {}
        self._arrivals: list[Arrival] = []
        self._faults: list[str] = []
        self._line = Line(timeout_s=timeout_s, pool_size=workers)
        self._directory = Directory()
        self._elsewhere = Elsewhere(self._line, assumed_s=prompt_seconds)
        self.storage = Storage(
            self.clock, base_url=lambda: self.base_url, elsewhere=self._elsewhere, complain=self.complain
        )
        self.habits = Habits(
            empty_result_always_acts=empty_result_always_acts, record_acts_on_hangup=record_acts_on_hangup
        )
        self._exchange = Exchange(
            clock=self.clock,
            agenda=self._agenda,
            line=self._line,
            studio=self.storage,
            habits=lambda: self.habits,
            words=Words(no_answer=no_answer),
            identity=Identity(endpoint_sid=self.endpoint_sid, partner_sid=self.partner_sid),
            directory=self._directory,
            complain=self.complain,
        )

    # What is remembered

    @property
    def calls(self) -> list[Call]:
        """Every call ever accepted, in order."""
        with self._lock:
            return list(self._calls.values())

    @property
    def waiting(self) -> list[Call]:
        """The calls that wait for their delay, in order."""
        return [call for call in self.calls if call.stage is Stage.WAITING]

    @property
    def withdrawn(self) -> list[str]:
        """The sids of the calls cancelled by DELETE."""
        return [call.sid for call in self.calls if call.stage is Stage.WITHDRAWN]

    @property
    def arrivals(self) -> list[Arrival]:
        """Every POST of a call that reached the door, in order."""
        with self._lock:
            return list(self._arrivals)

    @property
    def faults(self) -> list[str]:
        """The faults found in the application, as sentences."""
        with self._lock:
            return list(self._faults)

    @property
    def containers(self) -> dict[str, Container]:
        """Every container by its sid."""
        return self.storage.containers

    @property
    def files(self) -> dict[str, StoredFile]:
        """Every file by its sid whose time is not over."""
        return self.storage.files

    @property
    def bridges(self) -> list[Bridge]:
        """Every Dial that rang a number, in order of the ringing."""
        return sorted((bridge for call in self.calls for bridge in call.bridges), key=lambda bridge: bridge.rang_at)

    # What tests and developers ask for

    def script(self, number: str, person: Person) -> None:
        """Let a person of one's own live behind a number."""
        self._directory.script(number, person)

    def reach(self, prefix: str) -> None:
        """Fetch and read what is played from URLs that begin with this, as a real carrier does with all; each once."""
        self._elsewhere.reach(prefix)

    def inject(self, name: str, **options: str | float | None) -> None:
        """Ask for a fault by name; raises ValueError for a name or option that does not exist."""
        try:
            self.injections.add(read_injection({"name": name, **options}))
        except Refusal as refusal:
            raise ValueError(f"no such fault: {refusal.errors}") from refusal

    def reset(self) -> None:
        """Forget everything but the credentials and the time; calls that are up are dropped without a word."""
        self._agenda.clear()
        with self._lock:
            for call in self._calls.values():
                call.forgotten = True
            self._calls.clear()
            self._accepted.clear()
            self._arrivals.clear()
            self._faults.clear()
        self.injections.reset()
        self._elsewhere.reset()
        self._directory.reset()
        self.storage.reset()

    # Time

    def advance(self, seconds: float) -> None:
        """Let so many virtual seconds pass and carry out what falls due, in order; raises TypeError on a real clock."""
        clock = self._virtual_clock()
        until = clock.now() + seconds
        self._carry_out(clock, until)
        clock.move_to(until)

    def advance_until_idle(self, limit: float = 3600.0) -> bool:
        """Carry out what falls due in the next `limit` virtual seconds; the result tells whether nothing is left."""
        clock = self._virtual_clock()
        self._carry_out(clock, clock.now() + limit)
        return len(self._agenda) == 0

    def _virtual_clock(self) -> VirtualClock:
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("real time cannot be advanced")
        return self.clock

    def _carry_out(self, clock: VirtualClock, until: float) -> None:
        if not self._driving.acquire(blocking=False):
            raise RuntimeError("time is being advanced already")  # waiting would be for ever, asked from a callback
        try:
            while (entry := self._agenda.take(until)) is not None:
                clock.move_to(entry.when)
                entry.act()
        finally:
            self._driving.release()

    def start(self) -> None:
        """Begin to carry out what falls due in real time; raises TypeError on a virtual clock."""
        if not isinstance(self.clock, RealClock):
            raise TypeError("virtual time does not run by itself")
        if self._runner is None:
            self._runner = Runner(self._agenda, self.clock, workers=self._workers, on_crash=self.complain)

    def stop(self) -> None:
        """Begin nothing more, and return when the threads are gone; `start` goes on from there."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.stop()

    def close(self) -> None:
        """Stop, and close every connection to the application."""
        self.stop()
        self._line.close()

    # What the REST side does

    def accept(self, spec: CallSpec) -> Call:
        """Take a call; it rings when its delay is over."""
        self._directory.add_own(spec.caller)
        injections = self.injections.for_call(spec.number)
        with self._lock:
            now = self.clock.now()
            call = Call(
                spec=spec,
                account_sid=self.account_sid,
                accepted_at=now,
                due_at=now + spec.delay_s,
                date_created=self.date(now),
                attempt_index=self._accepted[spec.number],
                injections=injections,
            )
            if call.fault("callback_first"):
                call.stage = Stage.LIVE
            self._accepted[spec.number] += 1
            self._calls[call.sid] = call
        if call.stage is Stage.LIVE:
            self._exchange.ring(call, at_once=True)
        else:
            self._agenda.at(call.due_at, partial(self._fall_due, call, call.due_at))
        return call

    def change(self, sid: str, body: dict[str, object], *, whole_object: bool) -> Call:
        """Change a waiting call; raises Refusal 404 or 422."""
        with self._lock:
            call = self._waiting_call(sid)
            call.spec = call.spec.changed(body, whole_object=whole_object)
            if "delay" in body:
                call.due_at = self.clock.now() + call.spec.delay_s
        if "delay" in body:
            self._agenda.at(call.due_at, partial(self._fall_due, call, call.due_at))
        return call

    def withdraw(self, sid: str) -> None:
        """Cancel a waiting call; raises Refusal 404 for any other."""
        with self._lock:
            self._waiting_call(sid).stage = Stage.WITHDRAWN

    def waiting_call(self, sid: str) -> Call:
        """Return a waiting call; raises Refusal 404 for any other."""
        with self._lock:
            return self._waiting_call(sid)

    def show(self, call: Call) -> dict[str, object]:
        """Return a call as the carrier shows it, its delay counted down to whole seconds."""
        return call.on_wire(delay_s=max(0, math.ceil(call.due_at - self.clock.now() - MILLISECOND)))

    def _waiting_call(self, sid: str) -> Call:
        call = self._calls.get(sid)
        if call is None or call.stage is not Stage.WAITING:
            raise Refusal(HTTPStatus.NOT_FOUND)
        return call

    def _fall_due(self, call: Call, due_at: float) -> None:
        with self._lock:
            # A changed delay leaves the act of the old one on the agenda; it has nothing to do any more.
            if call.forgotten or call.stage is not Stage.WAITING or call.due_at != due_at:
                return
            call.stage = Stage.LIVE
        self._exchange.ring(call)

    def note_arrival(self, at: float, number: str, *, accepted: bool) -> None:
        """Remember a POST of a call that reached the door."""
        with self._lock:
            self._arrivals.append(Arrival(at, number, accepted))

    def complain(self, fault: str) -> None:
        """Note a fault of the application."""
        logger.warning("fault: %s", fault)
        with self._lock:
            self._faults.append(fault)

    def date(self, at: float) -> str:
        """Return a simulator time as the carrier writes dates."""
        moment = self._epoch + timedelta(seconds=at)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
