"""What happens in a gateway, told to those who want to hear it: a backend's health or circuit changed, a model was
unloaded, a request was answered.

Strategy: whoever has something to tell asks first whether anybody listens, and makes nothing where nobody does: no
value, no text. Who listens is called with plain values and does what it likes with them.

Rules: no value holds a secret or a word of a conversation; a listener does not raise, takes no time, and what is slow
behind it is its own matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

__all__ = ("CircuitChange", "Decision", "Feed", "HealthChange", "News", "Unloaded")


class HealthChange(msgspec.Struct, frozen=True, tag="health", tag_field="event"):
    """A backend is in another condition than before (`resilience.health`); `at` is `now`."""

    at: float
    backend: str
    before: str
    state: str
    reason: str


class CircuitChange(msgspec.Struct, frozen=True, tag="circuit", tag_field="event"):
    """A circuit is in another state than before (`resilience.breaker`): that of a backend, or that of one model there
    as the backend calls it; `model` is empty for the backend's own."""

    at: float
    backend: str
    model: str
    before: str
    state: str
    reason: str


class Unloaded(msgspec.Struct, frozen=True, tag="unload", tag_field="event"):
    """A model was taken out of a backend's memory, which frees so many bytes, for this reason; `failure` says why it
    was not, empty where it was."""

    at: float
    backend: str
    model: str
    size: int
    reason: str
    failure: str


class Decision(msgspec.Struct, frozen=True, tag="decision", tag_field="event"):
    """A request was answered, or refused: which backend was chosen and why, and how long everything took, in seconds.
    `model` is the name that the client asked for, `upstream` the backend's; `backend` is empty where none was called;
    `strategy` and `reason` are empty where nothing had to be chosen; `failure` is the kind of error that the client was
    told, empty where none; `waited` is the time in the queue; `first_token` is None where the answer was no stream;
    tokens are None where nobody told."""

    at: float
    request_id: str
    format: str
    operation: str
    model: str
    backend: str
    upstream: str
    reason: str
    calls: int
    failure: str
    status: int
    waited: float
    first_token: float | None
    seconds: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    strategy: str = ""

    @property
    def ordinary(self) -> bool:
        """Whether everything went well at the first try."""
        return not self.failure and self.calls <= 1


News: TypeAlias = HealthChange | CircuitChange | Unloaded | Decision
Listener: TypeAlias = Callable[[News], None]


class Feed:
    """Those who listen, and the names of requests for them, which begin with `name`. `heard` says whether anybody does,
    `detailed` whether anybody wants to hear of requests that went as they should, too."""

    __slots__ = ("_counted", "_listeners", "_name", "detailed", "heard")

    def __init__(self, name: str = "request") -> None:
        self._name = name
        self._counted = 0
        self._listeners: tuple[tuple[Listener, bool], ...] = ()
        self.heard = False
        self.detailed = False

    def listen(self, listener: Listener, *, ordinary: bool = True) -> Callable[[], None]:
        """Calls this with all news from now on, without those of ordinary requests where `ordinary` is false. Returns
        what ends that."""
        entry = (listener, ordinary)
        self._set((*self._listeners, entry))
        return lambda: self._set(tuple(each for each in self._listeners if each is not entry))

    def next_id(self) -> str:
        """The name of a request that its client has none for."""
        self._counted += 1
        return f"{self._name}-{self._counted}"

    def tell(self, news: News) -> None:
        """Something happened."""
        ordinary = isinstance(news, Decision) and news.ordinary
        for listener, all_of_it in self._listeners:
            if all_of_it or not ordinary:
                listener(news)

    def _set(self, listeners: tuple[tuple[Listener, bool], ...]) -> None:
        self._listeners = listeners
        self.heard = bool(listeners)
        self.detailed = any(ordinary for _, ordinary in listeners)
