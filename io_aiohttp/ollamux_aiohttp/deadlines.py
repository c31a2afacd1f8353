"""One timer for every deadline of the server: requests, probes, slow clients.

Strategy: a wheel of coarse slots and a single timer of the event loop that turns it while anything sleeps. A sleeper is
in one slot at most; setting it later does nothing until its slot comes round, which is the usual case, since a deadline
is put off again and again and rarely met.

Rules: a deadline is met a little late, by one turn of the wheel at most, and never early. A turn that comes late
itself, since the loop had too much to do, lets the loop look first at what has come meanwhile: that may put a deadline
off, and who sent it in time is not to blame.
"""

from __future__ import annotations

import asyncio
import time
from math import inf

__all__ = ("LOOK", "TICK", "Deadlines", "Sleeper")

TICK = 0.05
"""Seconds that one slot of the wheel lasts."""
_LOOKS = 2
"""Times that the loop may look at what has come: to read it, and to take up what it read."""
LOOK = 0.001
"""Seconds after which a loop has looked at what had come; not 0, which it may take for "before you look"."""


class Sleeper:
    """Something with a deadline. `wake_at`, `slot` and `seen_at`, when that slot begins, belong to the wheel."""

    __slots__ = ("seen_at", "slot", "wake_at")

    def __init__(self) -> None:
        self.wake_at = inf
        self.seen_at = inf
        self.slot = -1

    def wake(self, now: float) -> None:
        """The deadline has come."""


class Deadlines:
    """The wheel."""

    __slots__ = ("_due", "_looks", "_loop", "_next", "_slots", "_tick", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._tick = TICK
        self._slots: dict[int, set[Sleeper]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._looks = 0
        self._next = 0

    def set(self, sleeper: Sleeper, when: float) -> None:
        """Wakes the sleeper at `when` (monotonic seconds) and not before; infinity: not at all."""
        sleeper.wake_at = when
        if when >= sleeper.seen_at or when == inf:  # it is looked at before, as a rule
            return
        slot = int(when / self._tick) + 1
        if sleeper.slot >= 0:
            self._slots[sleeper.slot].discard(sleeper)
        sleeper.slot = slot
        sleeper.seen_at = (slot - 1) * self._tick
        found = self._slots.get(slot)
        if found is None:
            self._slots[slot] = {sleeper}
        else:
            found.add(sleeper)
        if self._timer is None:
            now = time.monotonic()
            self._next = int(now / TICK)
            self._wind(now)
        if slot < self._next:
            self._next = slot

    def rest(self, sleeper: Sleeper) -> None:
        """It is not woken before it is set again, which costs little then: it stays in its slot."""
        sleeper.wake_at = inf

    def drop(self, sleeper: Sleeper) -> None:
        """It sleeps no longer, and nothing refers to it any more."""
        sleeper.wake_at = inf
        if sleeper.slot >= 0:
            self._slots[sleeper.slot].discard(sleeper)
            sleeper.slot = -1
            sleeper.seen_at = inf

    def close(self) -> None:
        """Nobody is woken any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._slots.clear()

    def _turn(self) -> None:
        now = time.monotonic()
        if now > self._due + TICK and self._looks < _LOOKS:
            self._looks += 1
            self._timer = self._loop.call_later(LOOK, self._turn)
            return
        self._looks = 0
        current = int(now / TICK)
        self._timer = None
        for slot in range(self._next, current + 1) if current - self._next < len(self._slots) else sorted(self._slots):
            if slot > current:
                break
            found = self._slots.pop(slot, ())
            for sleeper in found:
                sleeper.slot = -1
                sleeper.seen_at = inf
            for sleeper in found:  # whoever is woken may set and drop the others
                if sleeper.slot < 0:
                    self._look_at(sleeper, now)
        self._next = current + 1
        if self._slots and self._timer is None:
            self._wind(now)

    def _wind(self, now: float) -> None:
        """The next turn is due in a tick."""
        self._due = now + TICK
        self._timer = self._loop.call_later(TICK, self._turn)

    def _look_at(self, sleeper: Sleeper, now: float) -> None:
        """Wakes it, or lets it sleep on where its deadline was put off. One that fails keeps nobody else asleep."""
        if sleeper.wake_at > now:
            self.set(sleeper, sleeper.wake_at)
            return
        sleeper.wake_at = inf
        try:
            sleeper.wake(now)
        except Exception as error:
            self._loop.call_exception_handler({"message": "a deadline could not be dealt with", "exception": error})
