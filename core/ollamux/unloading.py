"""Models that are taken out of memory: before one is loaded that does not fit beside them, and where devices are fuller
than they may be.

Strategy: `hardware.vram` says what has to go; here it becomes chores, each a request to the backend that holds the
model, and exchanges that are to load something wait until those are over, however they ended. Nothing here is on the
way of a request whose model is loaded.

Rules: a backend that cannot unload is never asked; a model that was asked for since its backend told last what it holds
is taken for loaded; room for one model is made once in `_AGAIN` seconds, so that two that do not fit together cannot
drive each other out again and again; what was not answered is told and is no error of anybody's request.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from ollamux.backends import Backend
from ollamux.contract import FailureKind
from ollamux.exchange import Exchange
from ollamux.formats.base import Outgoing
from ollamux.hardware.vram import Unload, Vram
from ollamux.news import Feed, Unloaded
from ollamux.probing import Chore

__all__ = ("PATIENCE", "Unloading", "UnloadingHouse")

PATIENCE = 10.0
"""Seconds for one model to go."""

_AGAIN = 30.0
_SETTLING = 5.0
_MOST = 1024
_PATH = "/api/generate"

_encode = msgspec.json.Encoder().encode
_Key = tuple[str, str]


class UnloadingHouse(Protocol):
    """What it needs of its gateway."""

    hurry: bool
    feed: Feed

    def backend(self, id_: str) -> Backend:
        """A backend by its id."""
        ...

    def seen(self, backend_id: str) -> float | None:
        """When a backend told last what it holds."""
        ...

    def changed(self, backend_id: str) -> None:
        """A backend's models changed: ask it at once."""
        ...

    def resume(self, exchange: Exchange) -> None:
        """What this exchange waited for has come."""
        ...


class Unloading:
    """See the module."""

    def __init__(self, house: UnloadingHouse, vram: Vram) -> None:
        self._house = house
        self._vram = vram
        self._due: list[_Key] = []
        self._going: dict[_Key, tuple[Unload, str]] = {}
        self._rooms: dict[_Key, float] = {}
        self._waiting: dict[Exchange, tuple[_Key, set[_Key]]] = {}
        self._settled = 0.0

    def make_room(self, exchange: Exchange, backend: Backend, model: str, now: float) -> bool:
        """Whether this exchange has to wait before it sends a request for this model there, which is not loaded: it
        will be told to proceed. An exchange that waited is not made to wait again."""
        if self._waiting.pop(exchange, None) is not None or not backend.manages:
            return False
        wanted = (backend.id, model)
        made = self._rooms.get(wanted)
        if made is not None and now < made + _AGAIN:
            left = next((left for room, left in self._waiting.values() if room == wanted), None)
            if left is not None:
                self._waiting[exchange] = (wanted, set(left))
            return left is not None
        if self._taken_for_loaded(backend, model):
            return False
        unload = self._vram.room(backend.id, model).unload
        if not unload:
            return False
        while len(self._rooms) >= _MOST:
            del self._rooms[next(iter(self._rooms))]
        self._rooms.pop(wanted, None)
        self._rooms[wanted] = now
        self._order(unload, f"to make room for '{model}' on '{backend.id}'")
        self._waiting[exchange] = (wanted, {(each.backend, each.model) for each in unload})
        return True

    def relieve(self, now: float) -> None:
        """The memory was measured anew: what is too much on a device goes. What has just gone may not show yet."""
        if now >= self._settled + _SETTLING and not self._going:
            self._order(self._vram.pressure(), "its device is too full")

    def chores(self, now: float) -> list[Chore]:
        """What is due."""
        due, self._due = self._due, []
        found: list[Chore] = []
        for id_, model in due:
            backend = self._house.backend(id_)
            body = _encode({"model": model, "keep_alive": 0, "stream": False})
            call = backend.call(0, Outgoing(_PATH, body), model, backend.choose_key(now), now)
            found.append(Chore(id_, _PATH, call, PATIENCE, model=model))
        return found

    def done(self, chore: Chore, status: int, now: float) -> None:
        """A backend answered."""
        if status == 200:
            self._vram.released(chore.backend, chore.model)
        self._settle(chore, "" if status == 200 else f"it answered with status {status}", now)

    def failed(self, chore: Chore, kind: FailureKind, now: float) -> None:
        """A backend did not answer."""
        self._settle(chore, kind, now)

    def _order(self, unload: Iterable[Unload], why: str) -> None:
        for each in unload:
            key = (each.backend, each.model)
            if key not in self._going:
                self._going[key] = (each, why)
                self._due.append(key)
                self._house.hurry = True

    def _settle(self, chore: Chore, failure: str, now: float) -> None:
        key = (chore.backend, chore.model)
        unload, why = self._going.pop(key)
        self._settled = now
        self._house.changed(chore.backend)
        if self._house.feed.heard:
            self._house.feed.tell(Unloaded(now, unload.backend, unload.model, unload.size, why, failure))
        for exchange, (_, left) in list(self._waiting.items()):
            left.discard(key)
            if not left:
                self._house.resume(exchange)

    def _taken_for_loaded(self, backend: Backend, model: str) -> bool:
        use = self._vram.keeping.use(backend.id, model)
        seen = self._house.seen(backend.id)
        return use.running > 0 or (seen is not None and use.used_at > seen)
