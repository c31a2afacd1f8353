"""Those who wait for the rate of one backend, in their order: by priority, and within one in turn over the clients.

Strategy: the same rounds as in the queue for places (`queue`): a client's first waiting request is in the next round,
its second in the one after. Nobody is called from here: whoever asks how long he has to wait is told what those before
him will take first, so that each wakes when it is his turn, and who comes later does not go before.

Rules: he who left stands before nobody; who joined keeps his place until he leaves; without `prioritise` priorities
count for nothing. Who is behind somebody that left is told so when he asks the next time, and wakes too late by that.
"""

from __future__ import annotations

from bisect import bisect_left, insort

import msgspec

__all__ = ("Line",)


class _Place(msgspec.Struct, frozen=True, order=True):
    """Where one stands, and how many calls and tokens he waits for."""

    priority: int
    round: int
    arrival: int
    calls: float
    tokens: float


class Line:
    """See the module. True where anybody waits."""

    __slots__ = ("_arrived", "_clients", "_order", "_places", "_prioritise", "_round")

    def __init__(self, *, prioritise: bool = True) -> None:
        self._prioritise = prioritise
        self._places: dict[object, _Place] = {}
        self._order: list[_Place] = []
        self._clients: dict[str, int] = {}
        self._round = 0
        self._arrived = 0

    def __bool__(self) -> bool:
        return bool(self._order)

    def join(self, who: object, priority: int, client: str, calls: float, tokens: float) -> None:
        """He waits for so many calls, of so many tokens together. Does nothing where he does already."""
        if who in self._places:
            return
        made = self._place(priority, client, calls, tokens)
        self._clients[client] = made.round
        self._arrived += 1
        self._places[who] = made
        insort(self._order, made)

    def leave(self, who: object, *, served: bool = False) -> None:
        """He waits no longer; `served`: since it was his turn."""
        place = self._places.pop(who, None)
        if place is None:
            return
        del self._order[bisect_left(self._order, place)]
        if served:
            self._round = max(self._round, place.round)
        if not self._order:
            self._clients.clear()

    def ahead(self, who: object, priority: int, client: str) -> tuple[float, float]:
        """The calls and the tokens of those before him, who may not have joined yet."""
        place = self._places.get(who) or self._place(priority, client, 0.0, 0.0)
        before = self._order[: bisect_left(self._order, place)]
        return sum(each.calls for each in before), sum(each.tokens for each in before)

    def _place(self, priority: int, client: str, calls: float, tokens: float) -> _Place:
        """The place of one who joins now."""
        turn = max(self._round, self._clients.get(client, 0)) + 1
        return _Place(-priority if self._prioritise else 0, turn, self._arrived, calls, tokens)
