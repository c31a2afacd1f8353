"""The order of those who wait for a place: by priority, and within one priority in turn over the clients.

Strategy: those who want the same backends stand in one lane, and everybody there has a fixed key, so that the first of
a lane is known and never searched. Within a priority the key is a round: a client's first waiting request is in the
next round, its second in the one after, so a client with a hundred requests and one with a single one take turns.
Between the firsts of several lanes the client goes first who was served longest ago. What left is struck out where it
stands, and swept when it comes to half.

Who has somebody to decide for him (`Deciding`) stands in lanes of his group, so that the first of one group holds up
nobody of another.

Rules: without `prioritise` the order is that of arrival and nothing else. One who was called in vain is the first of
all again. Only strictly better ones displace: by priority, or where their client has two waiting less, so that two
equals never chase each other out.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import inf
from typing import Protocol

__all__ = ("HIGHEST", "NORMAL", "Deciding", "Entry", "FairQueue", "Lane", "Waiting")

NORMAL, HIGHEST = 1, 3
"""Priorities count from 0, best effort, over high, 2, to critical."""

_FIRST = HIGHEST + 1
_SLACK = 16


class Waiting(Protocol):
    """Somebody who waits for a place on one of these backends."""

    @property
    def wanted(self) -> Sequence[str]:
        """Ids of backends, the first choice first."""
        ...


class Deciding(Protocol):
    """Who knows at any moment which place is the right one for somebody who waits."""

    @property
    def group(self) -> str:
        """Those of one group decide alike."""
        ...

    @property
    def alarm(self) -> float:
        """When he is to be asked again even if nothing happens until then."""
        ...

    def goes(self, now: float, first_round: bool) -> str:
        """The backend to whose place he goes now; empty: he waits on. Each time all are asked in two rounds, and those
        for whom a place is ready go in the first."""
        ...


class Entry:
    """One who waits. `key` is the place in its lane, the smallest first; `arrival` counts arrivals; `depth` is how many
    of its client waited at this priority when it came, itself included; `deadline` is the last moment at which a place
    is of use; `promised` is the backend to whose place it was called, or empty; `deciding` decides for it, where it
    takes not any place there is; `alarmed` is the alarm that it was told of."""

    __slots__ = (
        "alarmed",
        "arrival",
        "client",
        "deadline",
        "deciding",
        "depth",
        "key",
        "lane",
        "live",
        "priority",
        "promised",
        "round",
        "who",
    )

    def __init__(
        self,
        who: Waiting,
        lane: Lane,
        priority: int,
        client: str,
        arrival: int,
        deadline: float,
        deciding: Deciding | None = None,
    ) -> None:
        self.who = who
        self.deciding = deciding
        self.alarmed = inf
        self.lane = lane
        self.priority = priority
        self.client = client
        self.arrival = arrival
        self.deadline = deadline
        self.depth = 1
        self.round = 0
        self.key: tuple[int, int, int] = (0, 0, 0)
        self.live = True
        self.promised = ""


class _Order:
    """A heap of entries. An item is void when its entry left, or stands elsewhere by another key."""

    __slots__ = ("_items", "_sign")

    def __init__(self, sign: int) -> None:
        self._items: list[tuple[int, int, int, tuple[int, int, int], Entry]] = []
        self._sign = sign

    def push(self, first: int, second: int, entry: Entry) -> None:
        heappush(self._items, (first, second, self._sign * entry.key[2], entry.key, entry))

    def top(self) -> Entry | None:
        items = self._items
        while items:
            entry = items[0][4]
            if entry.live and items[0][3] == entry.key:
                return entry
            heappop(items)
        return None

    def before(self, key: tuple[int, int, int]) -> int:
        return sum(item[4].live and item[3] == item[4].key and item[3] < key for item in self._items)

    def sweep(self, live: int) -> None:
        """Leaves the void ones out where they are more than half."""
        if len(self._items) > 2 * live + _SLACK:
            self._items = [item for item in self._items if item[4].live and item[3] == item[4].key]
            heapify(self._items)


class Lane:
    """Those who want the same backends. `key` tells it from all others. `rounds` is, for each priority, the round that
    is being served; `clients` holds for each priority and client who waits here the last of its rounds, and how many
    there are."""

    __slots__ = ("_best", "_eldest", "clients", "key", "live", "rounds", "wanted")

    def __init__(self, wanted: tuple[str, ...], group: str = "") -> None:
        self.wanted = wanted
        self.key = (group, wanted)
        self.live = 0
        self.rounds = [0] * (HIGHEST + 1)
        self.clients: dict[tuple[int, str], list[int]] = {}
        self._best = _Order(1)
        self._eldest = _Order(1)

    @property
    def best(self) -> Entry | None:
        """Whose turn it is."""
        return self._best.top()

    @property
    def eldest(self) -> Entry | None:
        """Who has waited longest."""
        return self._eldest.top()

    def push(self, entry: Entry) -> None:
        """It waits here."""
        self.live += 1
        known = self.clients.setdefault((entry.priority, entry.client), [0, 0])
        known[0] = max(known[0], entry.round)
        known[1] += 1
        self._best.push(entry.key[0], entry.key[1], entry)
        self._eldest.push(entry.arrival, 0, entry)

    def before(self, key: tuple[int, int, int]) -> int:
        """How many stand before this place."""
        return self._best.before(key)

    def struck(self, entry: Entry) -> None:
        """It waits here no longer."""
        self.live -= 1
        known = self.clients[entry.priority, entry.client]
        known[1] -= 1
        if not known[1]:
            del self.clients[entry.priority, entry.client]
        elif known[0] == entry.round:
            known[0] -= 1
        self._best.sweep(self.live)
        self._eldest.sweep(self.live)


class FairQueue:
    """All who wait and were not called."""

    __slots__ = ("_arrivals", "_clients", "_moves", "_prioritise", "_served", "_worst", "lanes", "live")

    def __init__(self, *, prioritise: bool = True) -> None:
        self._prioritise = prioritise
        self._clients: list[dict[str, int]] = [{} for _ in range(HIGHEST + 1)]
        self._served: dict[str, int] = {}
        self._worst = _Order(-1)
        self._arrivals = 0
        self._moves = 0
        self.live = 0
        self.lanes: dict[tuple[str, tuple[str, ...]], Lane] = {}

    def join(
        self, who: Waiting, priority: int, client: str, deadline: float = inf, deciding: Deciding | None = None
    ) -> Entry:
        """Somebody new."""
        wanted = tuple(who.wanted)
        group = deciding.group if deciding is not None else ""
        lane = self.lanes.get((group, wanted)) or Lane(wanted, group)
        self._arrivals += 1
        entry = Entry(who, lane, self._level(priority), client, self._arrivals, deadline, deciding)
        if self._prioritise:
            priority = entry.priority
            known = lane.clients.get((priority, client))
            entry.round = max(lane.rounds[priority], known[0] if known else 0) + 1
            entry.depth = self._clients[priority].get(client, 0) + 1
        self._push(entry, entry.priority)
        return entry

    def call(self, entry: Entry) -> None:
        """It is called, and stands in the queue no longer."""
        rounds = entry.lane.rounds
        rounds[entry.priority] = max(rounds[entry.priority], entry.round)
        self._moves += 1
        self._served[entry.client] = self._moves
        self.leave(entry)

    def leave(self, entry: Entry) -> None:
        """It waits no longer."""
        entry.live = False
        self.live -= 1
        lane, priority, client = entry.lane, entry.priority, entry.client
        lane.struck(entry)
        if not lane.live:
            self.lanes.pop(lane.key, None)
        clients = self._clients[priority]
        clients[client] -= 1
        if not clients[client]:
            del clients[client]
            if not any(client in others for others in self._clients):
                self._served.pop(client, None)
        self._worst.sweep(self.live)

    def again(self, entry: Entry) -> None:
        """It was called in vain, and is the first of all."""
        entry.live = True
        self._push(entry, _FIRST)

    def displaced_by(self, priority: int, client: str) -> Entry | None:
        """Who has to go for a newcomer where there is no room for both; None where it is the newcomer."""
        worst = self._worst.top()
        if worst is None or worst.key[0] == -_FIRST:
            return None
        priority = self._level(priority)
        if priority != worst.priority:
            return worst if priority > worst.priority else None
        clients = self._clients[priority]
        return worst if clients.get(client, 0) + 2 <= clients[worst.client] else None

    def rank(self, entry: Entry) -> tuple[int, int, int]:
        """Its place among the firsts of all lanes, the smallest first."""
        first, _, order = entry.key
        return (first, self._served.get(entry.client, 0) if self._prioritise else 0, order)

    def ahead(self, priority: int, client: str, counts: Sequence[int]) -> int:
        """About how many would be called before a newcomer, of those that `counts` counts for each priority."""
        priority = self._level(priority)
        clients = self._clients[priority]
        same = counts[priority]
        if self._prioritise:
            same = min(same, (clients.get(client, 0) + 1) * len(clients))
        return same + sum(counts[priority + 1 :])

    def position(self, entry: Entry) -> int:
        """About 1 for the first of those who want one of the same backends. Looks at everybody: for people, not for
        speed."""
        wanted = set(entry.lane.wanted)
        lanes = [lane for lane in self.lanes.values() if not wanted.isdisjoint(lane.wanted)]
        return 1 + sum(lane.before(entry.key) for lane in lanes)

    def _level(self, priority: int) -> int:
        return min(max(priority, 0), HIGHEST) if self._prioritise else 0

    def _push(self, entry: Entry, priority: int) -> None:
        self._moves += 1
        entry.key = (-priority, entry.round if priority < _FIRST else 0, self._moves)
        self.live += 1
        clients = self._clients[entry.priority]
        clients[entry.client] = clients.get(entry.client, 0) + 1
        entry.lane = self.lanes.setdefault(entry.lane.key, entry.lane)
        entry.lane.push(entry)
        if self._prioritise:
            self._worst.push(priority, -entry.depth, entry)
