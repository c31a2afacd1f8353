"""What is asked of the backends in the background: whether they answer, what they have, and for their access tokens.

Strategy: the probes of one backend are asked together, as a round; the round's last answer decides what it says of the
backend's health and its models. Whoever needs to know what the backends have now waits for the rounds under way, and
is let go on when the last of them is over. Where several workers serve, each tells the others what a round of its own
brought, and a round that was heard of is as good as one: the first that is due asks, the others are due a little later.

Rules: nothing is called here: chores are handed out and reported; a backend has one round at a time; a backend that
turns out to be ollamux is refused for good and never called again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from ollamux.backends import Backend
from ollamux.contract import Call, FailureKind
from ollamux.exchange import Exchange
from ollamux.exchange.base import FRESH
from ollamux.models import Inventory, ProbeAnswer
from ollamux.resilience.health import Kind

if TYPE_CHECKING:
    from ollamux.config import HealthConfig
    from ollamux.workers.messages import Round

__all__ = ("Chore", "ProbedHouse", "Probing")

_UNANSWERED: dict[FailureKind, str] = {
    "dns": "its name cannot be resolved",
    "refused": "nothing listens there",
    "timeout": "it did not answer in time",
}
_TOKEN = "an access token"
"""What stands in place of a probe's path where the chore asks for a token."""
_TOKEN_TIME = 15.0
_LATER = 0.1
"""How much later than the one before it a worker is due, as a share of the interval."""
_FIRST = 1.0
"""Seconds that a worker waits, when it begins, to hear from the one before it."""
_SELF = "it is ollamux itself: a gateway is never its own backend"


class Chore(msgspec.Struct, frozen=True):
    """A question to a backend, or for its access token, to be asked in the background and reported with `chore_done` or
    `chore_failed`. `limit` bounds its answer in bytes, `timeout` its time in seconds; `model` is the one that it takes
    out of memory, empty where it asks something."""

    backend: str
    path: str
    call: Call
    timeout: float
    limit: int = 16 * 1024 * 1024
    model: str = ""


class ProbedHouse(Protocol):
    """What the probes need of their gateway."""

    hurry: bool

    def stock(self, backend: Backend, inventory: Inventory, now: float) -> None:
        """A backend told what it has."""
        ...

    def notice(self, backend: Backend, now: float) -> None:
        """Something was learned of this backend's health."""
        ...

    def proved(self, backend: Backend, asked: float, now: float) -> None:
        """A probe of this backend was answered well that was `asked` then."""
        ...

    def resume(self, exchange: Exchange) -> None:
        """What this exchange waited for has come."""
        ...


class _Round:
    """The probes of one backend that are under way."""

    __slots__ = ("answers", "began", "failed", "kind", "left", "took")

    def __init__(self, left: int, began: float) -> None:
        self.left = left
        self.began = began
        self.answers: dict[str, ProbeAnswer] = {}
        self.failed = ""
        self.kind: Kind = "unreachable"
        self.took = -1.0


class Probing:
    """The rounds of all backends. `tell` hears of each round here; `later` is how many others may be due before."""

    def __init__(
        self,
        house: ProbedHouse,
        backends: Mapping[str, Backend],
        config: HealthConfig,
        *,
        later: int = 0,
        tell: Callable[[Round], None] | None = None,
    ) -> None:
        self._house = house
        self._backends = backends
        self._config = config
        self._rounds: dict[str, _Round] = {}
        self._tell = tell
        self._interval = config.interval * (1.0 + _LATER * later)
        self._wait = _FIRST * later
        self._due: dict[str, float] = dict.fromkeys(backends, -math.inf)
        self._asked: dict[str, float] = {}
        self._seen: dict[str, float] = {}
        self._waiters: dict[Exchange, set[str]] = {}

    # Chores -----------------------------------------------------------------------------------------------------------

    def chores(self, now: float) -> list[Chore]:
        """What is due."""
        found: list[Chore] = []
        self._house.hurry = False
        if self._wait:
            self._due = {id_: max(at, now + self._wait) for id_, at in self._due.items()}
            self._wait = 0.0
        for backend in self._backends.values():
            if backend.token is not None and backend.token.due <= now:
                found.append(Chore(backend.id, _TOKEN, backend.token_call(), _TOKEN_TIME))
            if self._due[backend.id] > now or backend.id in self._rounds:
                continue
            self._due[backend.id] = now + self._interval
            self._house.notice(backend, now)
            probes = backend.provider.probes if backend.callable and backend.answers_itself is None else ()
            if probes:
                self._rounds[backend.id] = _Round(len(probes), now)
                self._asked[backend.id] = now
                backend.probe_key = backend.choose_key(now)
                found += [
                    Chore(backend.id, probe.path, backend.probe(probe.path, now), self._config.timeout)
                    for probe in probes
                ]
        return found

    @property
    def chores_at(self) -> float:
        """When the next chore is due."""
        tokens = (backend.token.due for backend in self._backends.values() if backend.token is not None)
        return min((*tokens, *(at for id_, at in self._due.items() if id_ not in self._rounds)), default=math.inf)

    def done(self, chore: Chore, status: int, headers: Sequence[tuple[str, str]], body: bytes, now: float) -> None:
        """A chore was answered."""
        backend = self._backends[chore.backend]
        if chore.path == _TOKEN:
            self._told_token(backend, status, body, now)
            return
        if backend.watched:
            backend.answered(backend.probe_key, status, headers, now)
        if any(name.lower() == "x-ollamux" for name, _ in headers):
            backend.health.refuse(_SELF, now)
        round_ = self._rounds[chore.backend]
        if chore.path == backend.provider.probes[0].path:
            round_.took = now - round_.began
        round_.answers[chore.path] = ProbeAnswer(status, body)
        self._settle(backend, round_, now)

    def failed(self, chore: Chore, kind: FailureKind, detail: str, now: float) -> None:
        """A chore was not answered."""
        if chore.path == _TOKEN:
            self._no_token(self._backends[chore.backend], _unanswered(kind, detail), now)
            return
        round_ = self._rounds[chore.backend]
        round_.answers[chore.path] = ProbeAnswer(0, b"")
        round_.failed = round_.failed or _unanswered(kind, detail)
        if kind == "timeout":
            round_.kind = "timeout"
        self._settle(self._backends[chore.backend], round_, now)

    def heard(self, told: Round, now: float) -> None:
        """Another worker's round is over."""
        backend = self._backends.get(told.backend)
        if backend is None or told.backend in self._rounds or not backend.callable:
            return
        self._asked[told.backend] = now
        self._due[told.backend] = now + self._interval
        round_ = _Round(0, now - told.lasted)
        round_.answers = {path: ProbeAnswer(status, body) for path, (status, body) in told.answers.items()}
        round_.failed, round_.kind, round_.took = told.failed, told.kind, told.took
        self._over(backend, round_, now)

    def fresh(self, backend_id: str, now: float) -> bool:
        """Whether the backend was asked just now."""
        return now - self._asked.get(backend_id, -math.inf) < FRESH

    def look_at(self, backend_id: str) -> None:
        """This backend is to be asked at once."""
        self._due[backend_id] = -math.inf
        self._house.hurry = True

    def seen(self, backend_id: str) -> float | None:
        """When the backend's last round was over; None where it had none yet."""
        return self._seen.get(backend_id)

    # Those who wait ---------------------------------------------------------------------------------------------------

    def refresh(self, exchange: Exchange, now: float, *, older_than: float) -> bool:
        """See `House.refresh`."""
        waiting: set[str] = set()
        for backend in self._backends.values():
            if backend.answers_itself is not None or not backend.callable:
                continue
            if backend.id not in self._rounds:
                if now - self._asked.get(backend.id, -math.inf) < older_than:
                    continue
                self.look_at(backend.id)
            if backend.health.usable:
                waiting.add(backend.id)
        if waiting:
            self._waiters[exchange] = waiting
        return bool(waiting)

    def forget(self, exchange: Exchange) -> None:
        """It waits no longer."""
        self._waiters.pop(exchange, None)

    # Judging ----------------------------------------------------------------------------------------------------------

    def _settle(self, backend: Backend, round_: _Round, now: float) -> None:
        """One more answer of a round is there; the last one decides."""
        round_.left -= 1
        if round_.left:
            return
        del self._rounds[backend.id]
        if self._tell is not None and not self._of_a_key(backend, round_):
            answers = {path: (answer.status, answer.body) for path, answer in round_.answers.items()}
            from ollamux.workers.messages import Round

            lasted = now - round_.began
            self._tell(Round(backend.id, answers, round_.failed, round_.kind, round_.took, lasted))
        self._over(backend, round_, now)

    def _of_a_key(self, backend: Backend, round_: _Round) -> bool:
        """Whether a round tells of a key rather than of the backend: keys and tokens are each worker's own matter."""
        return round_.answers[backend.provider.probes[0].path].status in (401, 403, 429)

    def _over(self, backend: Backend, round_: _Round, now: float) -> None:
        """A round is over, here or elsewhere."""
        self._seen[backend.id] = now
        if backend.health.state != "refused":
            self._judge(backend, round_, now)
        self._house.notice(backend, now)
        for exchange, waiting in list(self._waiters.items()):
            waiting.discard(backend.id)
            if not waiting:
                del self._waiters[exchange]
                self._house.resume(exchange)

    def _judge(self, backend: Backend, round_: _Round, now: float) -> None:
        first = round_.answers[backend.provider.probes[0].path]
        if first.status == 0:
            backend.health.bad(round_.failed, now, round_.kind)
        elif backend.another_key(backend.probe_key, first.status, now):  # it spoke of this key: ask with the next one
            self.look_at(backend.id)
        elif first.status in (401, 403):
            backend.health.bad(f"it refuses the API key (status {first.status})", now, "error")
            if backend.token is not None:
                backend.token.refused(now)
        elif first.status in (404, 405, 501) and _says_what_it_has(backend):
            backend.health.proved(round_.began, now, round_.took)
            self._house.proved(backend, round_.began, now)
            self._house.stock(backend, Inventory(), now)
        elif first.status != 200:
            backend.health.bad(f"it answered with status {first.status}", now, "error")
        else:
            try:
                inventory = backend.provider.learn(round_.answers)
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                backend.health.bad(f"its list of models cannot be read: {error}", now, "error")
            else:
                backend.health.proved(round_.began, now, round_.took)
                self._house.proved(backend, round_.began, now)
                self._house.stock(backend, inventory, now)

    # Tokens -----------------------------------------------------------------------------------------------------------

    def _told_token(self, backend: Backend, status: int, body: bytes, now: float) -> None:
        """The token endpoint answered. With its first token a backend begins to be of use, and is asked what it has."""
        before = backend.callable
        assert backend.token is not None
        backend.loading = False
        if not backend.token_told(status, body, now):
            due = backend.token.due <= now
            backend.loading = due and not backend.token.value
            self._house.hurry = self._house.hurry or due
            if not backend.token.value and not backend.loading:
                backend.health.bad(backend.token.trouble, now, "error")
        elif not before:
            self.look_at(backend.id)

    def _no_token(self, backend: Backend, reason: str, now: float) -> None:
        assert backend.token is not None
        backend.loading = False
        backend.token.failed(reason, now)
        if not backend.token.value:
            backend.health.bad(backend.token.trouble, now, "error")


def _says_what_it_has(backend: Backend) -> bool:
    """Whether its configuration does."""
    return bool(backend.config.models or backend.config.model_capability.supported_model_patterns)


def _unanswered(kind: FailureKind, detail: str) -> str:
    return _UNANSWERED.get(kind) or detail or kind
