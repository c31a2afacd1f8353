"""The hands of the play: requests and attempts under way, and the wants of exchanges carried out as an I/O layer does.

Rules: a want is carried out at once and in its order; before that it is shown to the invariants. What comes of an
attempt that was cancelled may still be reported, as by a pump that has it in its hands already.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bench.simulation.scene import Guest
from ollamux.contract import Call, Cancel, Data, End, FailureKind, Head, Read, WakeAt, Want, Wants, spread
from ollamux.exchange import Exchange

if TYPE_CHECKING:
    from bench.simulation.world import World

__all__ = ("Asked", "Attempt")


class Attempt:
    """A call that an exchange made. `last` is when anything of it was heard."""

    __slots__ = ("asked", "body", "call", "key", "last", "made", "number", "open", "reading", "said", "status")

    def __init__(self, asked: Asked, call: Call, number: int, now: float) -> None:
        self.asked = asked
        self.call = call
        self.number = number
        self.made = self.last = now
        self.open = True
        self.reading = True
        self.status = 0
        self.body: dict[str, Any] = json.loads(call.body) if call.body else {}
        self.key = next((value for name, value in call.headers if name.lower() in ("authorization", "x-api-key")), "")
        self.said: list[str] = []

    @property
    def backend(self) -> str:
        """Whom it calls."""
        return self.call.backend

    def head(self, status: int, kind: str, *headers: tuple[str, str]) -> None:
        """The answer's head comes."""
        self.last = self.asked.world.now
        self.status = status
        exchange, pairs = self.asked.exchange, [("content-type", kind), *headers]
        self.asked.do(exchange.attempt_head(self.call.attempt, status, pairs, self.last), "head")

    def data(self, data: bytes) -> None:
        """Bytes come."""
        self.last = self.asked.world.now
        self.asked.do(self.asked.exchange.attempt_data(self.call.attempt, data, self.last), "data")

    def end(self) -> None:
        """The answer is over."""
        self.last = self.asked.world.now
        self.open = False
        if self.number % 2:
            self.asked.exchange.take_answer(self.call.attempt, self.last)
        self.asked.do(self.asked.exchange.attempt_end(self.call.attempt, self.last), "end")

    def fail(self, kind: FailureKind) -> None:
        """The connection fails."""
        self.last = self.asked.world.now
        self.open = False
        self.asked.do(self.asked.exchange.attempt_failed(self.call.attempt, kind, True, self.last), "failed")

    def speak_late(self) -> None:
        """Everything that might still be reported of it though it is over."""
        exchange, attempt, now = self.asked.exchange, self.call.attempt, self.asked.world.now
        for wants in (
            exchange.attempt_head(attempt, 200, [], now),
            exchange.attempt_data(attempt, b"late\n", now),
            exchange.attempt_failed(attempt, "reset", True, now),
            exchange.attempt_end(attempt, now),
        ):
            if wants is not None:
                self.asked.world.broken("late_reports_are_not_heard", self.asked, f"answered with {wants!r}")


class Asked:
    """A client's request under way. `progress` is when last anything came of it, `spoke` when the client was last told
    anything."""

    def __init__(self, world: World, guest: Guest, exchange: Exchange) -> None:
        self.world = world
        self.guest = guest
        self.exchange = exchange
        self.attempts: list[Attempt] = []
        self.head: Head | None = None
        self.pieces: list[bytes] = []
        self.end: End | None = None
        self.gone = False
        self.wake_at = math.inf
        self.paused = False
        self.arrived = self.progress = self.spoke = world.now
        self.ended = math.inf
        self.wakes = 0
        exchange.front = self

    @property
    def over(self) -> bool:
        """Whether the exchange has ended, or its client has."""
        return self.end is not None or self.gone

    @property
    def open(self) -> list[Attempt]:
        """The attempts that run."""
        return [attempt for attempt in self.attempts if attempt.open]

    @property
    def body(self) -> bytes:
        """What the client has read."""
        return b"".join(self.pieces)

    def __str__(self) -> str:
        guest = self.guest
        return f"request {guest.number} ({guest.wire}{', streamed' if guest.stream else ''})"

    def do(self, wants: Wants, cause: str) -> None:
        """Carries out what a report came back with; `cause` is the report."""
        if cause not in ("woken", "paused", "resumed"):
            self.progress = self.world.now
        if wants is None:
            return
        for want in spread(wants):
            self.world.wanted(self, want, cause)
            self._do(want)
        if self.over and self.ended == math.inf:
            self.ended = self.world.now
            self.world.ended(self)

    def _do(self, want: Want) -> None:
        world = self.world
        match want:
            case Call():
                self.attempts.append(world.called(self, want))
                self.progress = world.now
            case Cancel():
                self.progress = world.now
                for attempt in self._of(want.attempt):
                    if attempt.open:
                        world.note(f"{self}: call {attempt.number} is cancelled")
                    attempt.open = False
            case Read():
                for attempt in self._of(want.attempt):
                    attempt.reading = want.on
            case WakeAt():
                world.wake(self, want.when)
            case Head():
                self.head = want
                world.note(f"{self}: {want.status}")
            case Data():
                self.pieces.append(want.data)
                self.spoke = world.now
                world.note(f"{self}: {want.data!r}")
            case End():
                self.end = want
                self.wake_at = math.inf
                world.note(f"{self}: ends")
            case _:
                world.broken("only_known_wants_are_wanted", self, f"{want}")

    def _of(self, number: int) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.call.attempt == number]

    # The client's hands -----------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """The client goes away."""
        if self.over:
            return
        self.world.note(f"{self}: the client leaves")
        wants = self.exchange.client_gone(self.world.now)
        self.gone = True
        self.wake_at = math.inf
        self.ended = self.world.now
        self.do(wants, "gone")
        self.world.ended(self)

    def pause(self) -> None:
        """The client stops reading."""
        if not self.over and not self.paused:
            self.world.note(f"{self}: the client stops reading")
            self.paused = True
            self.do(self.exchange.client_paused(self.world.now), "paused")

    def resume(self) -> None:
        """The client reads on."""
        if not self.over and self.paused:
            self.world.note(f"{self}: the client reads on")
            self.paused = False
            self.progress = self.world.now
            self.do(self.exchange.client_resumed(self.world.now), "resumed")
