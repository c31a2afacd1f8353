"""Places: how many requests run at once, in all and on each backend, and who waits for one.

Strategy: a request takes a place on the first of its candidates that has one; where none has, it waits in one queue,
first come first served. A place that is freed is offered to those who wait, in their order, and goes to the first who
can use it.

Rules: the queue is bounded and counts those that wait, not those that run; a limit of 0 or None is no limit; every
place taken is given back exactly once, by whoever took it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ("Admission", "Waiting")


class Waiting(Protocol):
    """Somebody who waits for a place on one of these backends."""

    @property
    def wanted(self) -> Sequence[str]:
        """Ids of backends, the first choice first."""
        ...


class Admission:
    """The places and the queue."""

    __slots__ = ("_called", "_concurrency", "_free", "_limits", "_queue", "_running", "_size", "_total")

    def __init__(self, *, concurrency: int = 0, queue_size: int = 512) -> None:
        self._concurrency = concurrency
        self._size = queue_size
        self._limits: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._total = 0
        self._queue: dict[Waiting, None] = {}
        self._called: set[Waiting] = set()
        self._free = False

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue) + len(self._called)

    @property
    def has_room(self) -> bool:
        """Whether a place came free that somebody in the queue may want."""
        return self._free and bool(self._queue)

    def running(self, backend: str) -> int:
        """How many requests run on a backend."""
        return self._running.get(backend, 0)

    def limit(self, backend: str, places: int | None) -> None:
        """How many requests a backend takes at once."""
        if places:
            self._limits[backend] = places
        else:
            self._limits.pop(backend, None)
        self._free = True

    def take(self, backend: str) -> bool:
        """Takes a place there; False where there is none."""
        if self._concurrency and self._total >= self._concurrency:
            return False
        running = self._running.get(backend, 0)
        if self._limits and running >= self._limits.get(backend, running + 1):
            return False
        self._running[backend] = running + 1
        self._total += 1
        return True

    def give_back(self, backend: str) -> None:
        """The place is free again."""
        self._running[backend] -= 1
        self._total -= 1
        if self._queue:
            self._free = True

    def wait(self, who: Waiting) -> bool:
        """Joins the queue; False where it is full. Who was called and found the place gone is the first again."""
        if who in self._called:
            self._called.remove(who)
            self._queue = {who: None, **self._queue}
            return True
        if self.waiting >= self._size:
            return False
        self._queue[who] = None
        return True

    def served(self, who: Waiting) -> None:
        """Has taken a place, and waits no longer."""
        self._queue.pop(who, None)
        self._called.discard(who)

    def leave(self, who: Waiting) -> None:
        """Waits no longer and took nothing: the place to which it was called, if it was, is the next one's."""
        self._queue.pop(who, None)
        if who in self._called:
            self._called.remove(who)
            self._free = bool(self._queue)

    def admitted(self) -> list[Waiting]:
        """Those of the queue who could be given a place now, in order. Each is called once, and then takes the place
        (`served`), waits again or leaves."""
        self._free = False
        found: list[Waiting] = []
        promised: dict[str, int] = {}
        for who in self._queue:
            if self._concurrency and self._total + len(found) >= self._concurrency:
                break
            for backend in who.wanted:
                running = self._running.get(backend, 0) + promised.get(backend, 0)
                if running < self._limits.get(backend, running + 1):
                    promised[backend] = promised.get(backend, 0) + 1
                    found.append(who)
                    break
        for who in found:
            del self._queue[who]
        self._called.update(found)
        return found
