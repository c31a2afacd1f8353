"""Places: how many requests run at once, in all and on each backend, and who waits for one.

Strategy: a request takes a place on the first of its candidates that has one; where none has, it waits in one queue
(`queue`), by priority and in turn over the clients. A place that is freed is promised to the first who can use it. One
of `yield_every` places on a backend goes to the one who has waited longest for it, whatever his priority, so nobody
starves. Somebody may bring along who decides for him (`queue.Deciding`): he is not called to any place that is free,
but to the one that this names when he is the first of his lane and is asked; then one is called at a time, since what
he takes changes what the next one decides. Where the queue is full, a better newcomer displaces the worst of those who
wait.

Rules: the queue is bounded and counts those that wait, not those that run; a limit of 0 or None is no limit; every
place taken is given back exactly once, by whoever took it. Everybody who waits ends once: served, gone by himself, or
turned away; who is turned away is called like the others, and finds it out when he wants to wait again (`refusal`).
A deadline is the last moment at which a place is of use: who cannot make it is not let in, and who missed it is not
served. While nobody waits, to take and to give back is a look into two tables.
"""

from __future__ import annotations

from math import inf
from typing import Literal

import msgspec

from ollamux.resilience.queue import HIGHEST, NORMAL, Deciding, Entry, FairQueue, Waiting

__all__ = ("Admission", "Deciding", "Places", "Refusal", "Waiting")

_WEIGHT = 0.2
_SOONEST, _LATEST, _UNKNOWN = 1.0, 60.0, 5.0


class Refusal(msgspec.Struct, frozen=True):
    """Why somebody may not wait: the queue is `full`, or the place would come too `late` for his deadline; and after
    how many seconds to try again."""

    why: Literal["full", "late"]
    retry_after: float


class Places:
    """How many requests run on one backend. It is in `Admission.moved` where that changed since somebody read it."""

    __slots__ = ("backend", "moved", "running")

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.running = 0
        self.moved = False


class _Pace:
    """How often a place comes free where some wait: a decaying average of the seconds between two."""

    __slots__ = ("at", "gap")

    def __init__(self) -> None:
        self.at = -inf
        self.gap = -1.0

    def freed(self, now: float, since: float) -> None:
        """One came free; `since` is from when on somebody waited."""
        gap = now - max(self.at, since)
        self.at = now
        self.gap = gap if self.gap < 0.0 else self.gap + _WEIGHT * (gap - self.gap)


class Admission:
    """The places and the queue: `waiting` are in it. `refusal` is why the last one who could not wait could not;
    `moved` are the backends on which more or fewer run than when somebody last read that and cleared it, `stale` the
    ids of those for which others wait now."""

    __slots__ = (
        "_barred",
        "_called",
        "_concurrency",
        "_deciding",
        "_entries",
        "_free",
        "_limits",
        "_paces",
        "_places",
        "_prioritise",
        "_promised",
        "_queue",
        "_since",
        "_size",
        "_some",
        "_stale",
        "_total",
        "_turned_away",
        "_turns",
        "_untold",
        "_wanting",
        "_yield_every",
        "moved",
        "refusal",
        "waiting",
    )

    def __init__(
        self,
        *,
        concurrency: int = 0,
        queue_size: int = 512,
        prioritise: bool = True,
        yield_every: int = 10,
        stale: set[str] | None = None,
    ) -> None:
        self._stale: set[str] = set() if stale is None else stale
        self._concurrency = concurrency
        self._size = queue_size
        self._prioritise = prioritise
        self._yield_every = yield_every
        self._limits: dict[str, int] = {}
        self._places: dict[str, Places] = {}
        self.moved: list[Places] = []
        self._total = 0
        self._queue = FairQueue(prioritise=prioritise)
        self._entries: dict[Waiting, Entry] = {}
        self.waiting = 0
        self._called = 0
        self._deciding = 0
        self._promised: dict[str, int] = {}
        self._wanting: dict[str, list[int]] = {}
        self._turns: dict[str, int] = {}
        self._paces: dict[str, _Pace] = {}
        self._turned_away: dict[Waiting, Refusal] = {}
        self._untold: list[Waiting] = []
        self._since = 0.0
        self._free = False
        self._some = False
        self._barred = False
        self.refusal: Refusal | None = None

    def has_room(self) -> bool:
        """Whether `admitted` may have somebody to call."""
        return self._free and ((self._some and self._queue.live > 0) or bool(self._untold))

    def running(self, backend: str) -> int:
        """How many requests run on a backend."""
        found = self._places.get(backend)
        return 0 if found is None else found.running

    def waiting_for(self, backend: str) -> int:
        """How many wait who would take a place on this backend."""
        if not self._some:
            return 0
        counts = self._wanting.get(backend)
        return 0 if counts is None else sum(counts)

    def limit(self, backend: str, places: int | None) -> None:
        """How many requests a backend takes at once."""
        if places:
            self._limits[backend] = places
        else:
            self._limits.pop(backend, None)
        self._free = True

    def stir(self) -> None:
        """Something changed that may let somebody who waits decide otherwise: all are asked anew."""
        if self._deciding:
            self._free = True

    def take(self, backend: str, who: Waiting | None = None) -> bool:
        """Takes a place there; False where there is none. `who` takes it: one who was not called does not go before
        those who wait for this backend."""
        if self._concurrency and self._total >= self._concurrency:
            return False
        places = self._places.get(backend)
        if places is None:
            places = self._places[backend] = Places(backend)
        running = places.running
        if self._limits and running >= self._limits.get(backend, running + 1):
            return False
        if self._some and who is not None and self._others_first(backend, who):
            return False
        places.running = running + 1
        self._total += 1
        if not places.moved:
            places.moved = True
            self.moved.append(places)
        return True

    def give_back(self, backend: str, now: float = -1.0) -> None:
        """The place is free again. `now` lets it learn how fast places come free."""
        places = self._places[backend]
        places.running -= 1
        self._total -= 1
        if not places.moved:
            places.moved = True
            self.moved.append(places)
        if self._some:
            self._free = True
            if now >= 0.0:
                for name in (backend, ""):
                    pace = self._paces.get(name)
                    if pace is None:
                        pace = self._paces[name] = _Pace()
                    pace.freed(now, self._since)

    def wait(
        self,
        who: Waiting,
        now: float = 0.0,
        priority: int = NORMAL,
        client: str = "",
        deadline: float = inf,
        deciding: Deciding | None = None,
    ) -> bool:
        """Joins the queue; False where he may not, for the reason in `refusal`. Who was called and found the place gone
        is the first again. `client` is in whose name he waits, `deciding` decides for him."""
        entry = self._entries.get(who)
        if entry is not None:
            if entry.promised:
                self._unpromise(entry)
                self._queue.again(entry)
                self._free = True  # he may have been called to one place and another was taken for it
            return True
        if who in self._turned_away:
            self.refusal = self._turned_away.pop(who)
            return False
        if deadline < inf and now + (self._foreseen(who, priority, client) or 0.0) > deadline:
            return self._refuse("late", who, priority, client)
        if len(self._entries) >= self._size:
            worst = self._queue.displaced_by(priority, client)
            if worst is None:
                return self._refuse("full", who, priority, client)
            self._turn_away(worst, "full")
        if not self._some:
            self._since = now
            self._some = True
        entry = self._entries[who] = self._queue.join(who, priority, client, deadline, deciding)
        self.waiting = len(self._entries)
        if deciding is not None:
            self._deciding += 1
            self._free = True  # how many wait is part of what each decides
        for backend in (*entry.lane.wanted, ""):
            counts = self._wanting.get(backend)
            if counts is None:
                counts = self._wanting[backend] = [0] * (HIGHEST + 1)
            counts[entry.priority] += 1
            self._stale.add(backend)
        if self._barred:
            self._barred = False
            self._free = True
        return True

    def served(self, who: Waiting) -> None:
        """Has taken a place, and waits no longer."""
        self._turned_away.pop(who, None)
        entry = self._entries.get(who)
        if entry is not None:
            self._free = True  # it may have taken another place than the one that was kept for it
            self._strike(entry)

    def leave(self, who: Waiting) -> None:
        """Waits no longer and took nothing: the place to which he was called, if he was, is the next one's."""
        self._turned_away.pop(who, None)
        entry = self._entries.get(who)
        if entry is not None:
            if entry.promised:
                self._free = True
            self._strike(entry)

    def admitted(self, now: float = 0.0) -> list[Waiting]:
        """Those who are called now, in order: each then takes a place (`served`), waits again or leaves. Among them are
        those that are turned away, and those that are to be asked again at another time than they know (`called` tells
        them apart)."""
        found: list[Waiting] = []
        self._free = False
        while not self._concurrency or self._total + self._called < self._concurrency:
            entry = self._next(now, True)
            if entry is None and self._deciding:
                entry = self._next(now, False)
            if entry is None:
                found += self._alarmed()
                break
            self._queue.call(entry)
            self._called += 1
            self._promised[entry.promised] = self._promised.get(entry.promised, 0) + 1
            found.append(entry.who)
            if entry.deciding is not None:  # what the next one decides depends on what this one takes
                self._free = True
                break
        if self._untold:
            told, self._untold = self._untold, []
            found += [who for who in told if who in self._turned_away]
        return found

    def called(self, who: Waiting) -> bool:
        """Whether he waits no longer for a place: one is promised to him, or he was turned away."""
        entry = self._entries.get(who)
        return entry is None or bool(entry.promised)

    def position(self, who: Waiting) -> int:
        """1 for who is the next on one of his backends, 0 for who does not wait or is called already."""
        entry = self._entries.get(who)
        return 0 if entry is None or entry.promised else self._queue.position(entry)

    def expected(self, who: Waiting) -> float | None:
        """About how many seconds he will wait from now on; None where nothing is known yet."""
        entry = self._entries.get(who)
        if entry is None or entry.promised:
            return 0.0
        place = self._queue.position(entry)
        return self._seconds(entry.lane.wanted, [place] * len(entry.lane.wanted), place)

    # Who is next ------------------------------------------------------------------------------------------------------

    def _next(self, now: float, first_round: bool) -> Entry | None:
        """The best of the firsts of all lanes with room who goes now, with the place promised to him; or the eldest in
        his stead."""
        firsts: list[tuple[tuple[int, int, int], Entry]] = []
        for lane in list(self._queue.lanes.values()):
            if not self._roomy(lane.wanted):
                continue
            entry = lane.best
            while entry is not None and entry.deadline < now:
                self._turn_away(entry, "late")
                entry = lane.best
            if entry is not None and (first_round or entry.deciding is not None):
                firsts.append((self._queue.rank(entry), entry))
        if len(firsts) > 1:
            firsts.sort(key=_by_rank)
        for _, best in firsts:
            backend = self._goes(best, now, first_round)
            if not backend:
                continue
            turn = self._turns[backend] = self._turns.get(backend, 0) + 1
            if self._prioritise and self._yield_every and turn % self._yield_every == 0:
                best = self._eldest(backend, best, now, first_round)
            best.promised = backend
            return best
        return None

    def _goes(self, entry: Entry, now: float, first_round: bool) -> str:
        """The backend to whose place it goes now, or empty."""
        if entry.deciding is None:
            return self._roomy(entry.lane.wanted)
        backend = entry.deciding.goes(now, first_round)
        return self._roomy((backend,)) if backend else ""

    def _alarmed(self) -> list[Waiting]:
        """Who, now that nobody goes, is to be asked again at another time than it knows: of each lane the first alone,
        whose turn it is."""
        found: list[Waiting] = []
        for lane in self._queue.lanes.values() if self._deciding else ():
            entry = lane.best
            if entry is not None and entry.deciding is not None and entry.alarmed != entry.deciding.alarm:
                entry.alarmed = entry.deciding.alarm
                found.append(entry.who)
        return found

    def _eldest(self, backend: str, best: Entry, now: float, first_round: bool) -> Entry:
        """Who has waited longest for this backend, and goes there."""
        for lane in list(self._queue.lanes.values()):
            if backend not in lane.wanted:
                continue
            entry = lane.eldest
            while entry is not None and entry.deadline < now:
                self._turn_away(entry, "late")
                entry = lane.eldest
            if entry is not None and entry.arrival < best.arrival:
                deciding = entry.deciding
                if deciding is None or backend in (deciding.goes(now, True), first_round or deciding.goes(now, False)):
                    best = entry
        return best

    def _roomy(self, wanted: tuple[str, ...]) -> str:
        """The first of these with a place that nobody was promised."""
        for backend in wanted:
            busy = self.running(backend) + self._promised.get(backend, 0)
            if busy < self._limits.get(backend, busy + 1):
                return backend
        return ""

    def _others_first(self, backend: str, who: Waiting) -> bool:
        entry = self._entries.get(who)
        if entry is not None and entry.promised:
            return False
        if not self._free and len(self._entries) >= self._size:
            return False  # nobody more may wait, and those who do were asked and let this place be
        self._barred = bool(sum(self._wanting.get(backend, ())) - (entry is not None))
        return self._barred

    # Who goes ---------------------------------------------------------------------------------------------------------

    def _refuse(self, why: Literal["full", "late"], who: Waiting, priority: int, client: str) -> bool:
        self.refusal = self._refusal(why, self._foreseen(who, priority, client))
        return False

    def _refusal(self, why: Literal["full", "late"], seconds: float | None) -> Refusal:
        return Refusal(why, _UNKNOWN if seconds is None else min(max(seconds, _SOONEST), _LATEST))

    def _turn_away(self, entry: Entry, why: Literal["full", "late"]) -> None:
        wanted = entry.lane.wanted
        counts = [self.waiting_for(backend) for backend in wanted]
        self._turned_away[entry.who] = self._refusal(why, self._seconds(wanted, counts, len(self._entries)))
        self._untold.append(entry.who)
        self._strike(entry)
        self._free = True

    def _strike(self, entry: Entry) -> None:
        """It is in no table any longer."""
        del self._entries[entry.who]
        self.waiting = len(self._entries)
        if entry.deciding is not None:
            self._deciding -= 1
        if entry.promised:
            self._unpromise(entry)
        else:
            self._queue.leave(entry)
        for backend in (*entry.lane.wanted, ""):
            counts = self._wanting[backend]
            counts[entry.priority] -= 1
            self._stale.add(backend)
            if not any(counts):
                del self._wanting[backend]
        self._some = bool(self._entries)

    def _unpromise(self, entry: Entry) -> None:
        self._called -= 1
        self._promised[entry.promised] -= 1
        entry.promised = ""

    # How long it takes ------------------------------------------------------------------------------------------------

    def _foreseen(self, who: Waiting, priority: int, client: str) -> float | None:
        """About how many seconds a newcomer would wait; None where nothing is known yet."""
        wanted = tuple(who.wanted)
        nobody = [0] * (HIGHEST + 1)
        ahead = [self._queue.ahead(priority, client, self._wanting.get(name, nobody)) for name in (*wanted, "")]
        return self._seconds(wanted, [count + 1 for count in ahead[:-1]], ahead[-1] + 1)

    def _seconds(self, wanted: tuple[str, ...], places: list[int], overall: int) -> float | None:
        """Until that many places came free on these backends, which share the work, and in all."""
        rate = 0.0
        for backend, count in zip(wanted, places, strict=True):
            pace = self._paces.get(backend)
            if pace is not None and pace.gap >= 0.0:
                rate += 1.0 / max(count * pace.gap, 1e-6)
        total = self._paces.get("")
        in_all = overall * total.gap if self._concurrency and total is not None and total.gap >= 0.0 else 0.0
        return max(1.0 / rate, in_all) if rate else in_all or None


def _by_rank(first: tuple[tuple[int, int, int], Entry]) -> tuple[int, int, int]:
    return first[0]
