"""The circuit breakers of all backends and of the models on them, and which failure counts against whom.

Strategy: a call goes through two breakers, its backend's and its model's there. What says that the backend is gone
counts against the backend; what only one model can be blamed for counts against that model, and against the backend as
well unless another of its models was answered of late. ::

    outcome      what happened                                  backend   model
    unreachable  refused, no such host, TLS, no connection      always    -
    silent       nothing came in time                           shared    yes
    error        a status of 5xx, an answer that is none        shared    yes
    broken       the answer broke off                           shared    yes
    slow         the first token came later than `slow`         shared    yes
    refused      401 or 403: the gateway's key is not accepted  always    -
    missing      404: it does not have this model               -         yes

Rules: a client's own mistake (any other 4xx), a limit (429) and a client that went away count against nobody. A call
is judged once, by its `Pass`; a stream that breaks after it was answered is judged again. What is kept is bounded: so
many models for each backend, the oldest gives way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ollamux.resilience.breaker import Breaker, BreakerSettings, Change, State

__all__ = ("Circuits", "Outcome", "Pass", "outcome_of")

Outcome = Literal["unreachable", "silent", "error", "broken", "slow", "refused", "missing"]

_NEVER, _SHARED, _ALWAYS = 0, 1, 2

_COUNTS: dict[str, tuple[int, bool, bool]] = {
    "unreachable": (_ALWAYS, False, True),
    "silent": (_SHARED, True, True),
    "error": (_SHARED, True, False),
    "broken": (_SHARED, True, False),
    "slow": (_SHARED, True, False),
    "refused": (_ALWAYS, False, False),
    "missing": (_NEVER, True, False),
}
"""For each outcome: whether it counts against the backend, whether against the model, whether nobody answered."""

_KINDS: dict[str, Outcome] = {
    "refused": "unreachable",
    "dns": "unreachable",
    "tls": "unreachable",
    "unreachable": "unreachable",
    "timeout": "unreachable",
    "reset": "broken",
    "closed": "broken",
    "protocol": "error",
}
"""How an attempt failed (`contract.FailureKind`): its outcome. What is configured wrongly says nothing of a backend."""

_STATUSES: dict[int, Outcome] = {401: "refused", 403: "refused", 404: "missing"}
_NOT_ITS_FAULT = (501, 529)

_MOST = 512

_NONE: tuple[Change, ...] = ()


class _Circuit:
    """A backend's breaker, those of its models, and the last two of them that were answered."""

    __slots__ = ("at", "before", "before_at", "breaker", "last", "models")

    def __init__(self, breaker: Breaker) -> None:
        self.breaker = breaker
        self.models: dict[str, Breaker] = {}
        self.last = self.before = ""
        self.at = self.before_at = 0.0

    def answered(self, model: str, now: float) -> None:
        """This model was answered."""
        if model != self.last:
            self.before, self.before_at = self.last, self.at
            self.last = model
        self.at = now

    def another_answered(self, model: str, since: float) -> bool:
        """Whether a model other than this one was answered after that moment."""
        if self.last != model:
            return bool(self.last) and self.at >= since
        return bool(self.before) and self.before_at >= since


class Pass:
    """One call that was let in. `changes` are those that letting it in made."""

    __slots__ = ("_circuit", "_circuits", "_model", "_model_ticket", "_ticket", "_told", "changes")

    _circuits: Circuits
    _circuit: _Circuit
    _model: Breaker | None
    _ticket: int
    _model_ticket: int
    _told: int
    changes: tuple[Change, ...]

    def begin(
        self, circuits: Circuits, circuit: _Circuit, model: Breaker | None, now: float, changes: tuple[Change, ...]
    ) -> None:
        """It goes through these."""
        self._circuits = circuits
        self._circuit = circuit
        self._model = model
        self._ticket = circuit.breaker.begin(now)
        self._model_ticket = 0 if model is None else model.begin(now)
        self._told = 0
        self.changes = changes

    def answered(self, now: float, waited: float = 0.0, loading: bool = False) -> tuple[Change, ...]:
        """The first token is there, `waited` seconds after the call (0.0 where an answer comes whole); `loading`: for
        it a model had to be loaded."""
        if self._told:
            return _NONE
        if waited > self._circuits.slow > 0.0 and not loading:
            return self.failed("slow", now)
        self._told = 1
        model = self._model
        change = self._circuit.breaker.good(self._ticket, now)
        if model is None:
            return _NONE if change is None else (change,)
        self._circuit.answered(model.model, now)
        second = model.good(self._model_ticket, now)
        return _NONE if change is None and second is None else _both(change, second)

    def failed(self, outcome: Outcome, now: float) -> tuple[Change, ...]:
        """The call failed."""
        if self._told == 2:
            return _NONE
        again, self._told = self._told == 1, 2
        circuit, model = self._circuit, self._model
        blame, of_model, silent = _COUNTS[outcome]
        if blame == _SHARED and model is not None:
            blame = _NEVER if circuit.another_answered(model.model, now - self._circuits.window) else _ALWAYS
        change = second = None
        if blame != _NEVER:
            change = circuit.breaker.bad(self._ticket, now, silent=silent, again=again)
        elif not again:
            circuit.breaker.dropped(self._ticket)
        if model is not None:
            if of_model:
                second = model.bad(self._model_ticket, now, silent=silent, again=again)
            elif not again:
                model.dropped(self._model_ticket)
        return _both(change, second)

    def dropped(self) -> None:
        """The call ended and says nothing. Does nothing where it was told already."""
        if self._told:
            return
        self._told = 2
        self._circuit.breaker.dropped(self._ticket)
        if self._model is not None:
            self._model.dropped(self._model_ticket)


class Circuits:
    """All breakers. `opened` are those that are open, so that a plan need not look where there is none."""

    __slots__ = ("_circuits", "_most", "opened", "settings", "slow", "window")

    def __init__(self, settings: BreakerSettings, *, most: int = _MOST) -> None:
        self.settings = settings
        self.slow = settings.slow
        self.window = settings.window
        self._most = most
        self.opened: set[Breaker] = set()
        self._circuits: dict[str, _Circuit] = {}

    def take(self, backend: str, model: str, now: float, force: bool = False) -> Pass | None:
        """Lets a call in, or not. `force`: it is made though a circuit is open, for want of any other backend. An empty
        model is none."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            circuit = self._circuits[backend] = _Circuit(Breaker(self.settings, backend, "", self.opened))
        whole = circuit.breaker
        part: Breaker | None = None
        if model:
            part = circuit.models.get(model)
            if part is None:
                part = self._first_of(circuit, model)
        changes = _NONE
        if not whole.closed or (part is not None and not part.closed):
            if not force:
                first = whole.asks(now)
                second = part is None or part.asks(now)  # both are asked, so that both count this question
                if not (first and second):
                    return None
            changes = _both(_due(whole, now), None if part is None else _due(part, now))
        found = Pass.__new__(Pass)
        found.begin(self, circuit, part, now, changes)
        return found

    def standing(self, backend: str, model: str, now: float) -> State:
        """The worse state of the two, for a plan; asking changes nothing."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            return "closed"
        whole = circuit.breaker.standing(now)
        part = circuit.models.get(model)
        if part is None or whole == "open":
            return whole
        state = part.standing(now)
        return whole if state == "closed" else state

    def silent(self, backend: str, model: str, now: float) -> bool:
        """Whether a circuit is open because nobody answers there: not worth a call even where there is no other."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            return False
        part = circuit.models.get(model)
        return _is_silent(circuit.breaker, now) or (part is not None and _is_silent(part, now))

    def recovers_in(self, backend: str, model: str, now: float) -> float:
        """Seconds until both let a trial in at the latest; 0 where neither is open."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            return 0.0
        found = [circuit.breaker, circuit.models.get(model)]
        return max((one.recovers_at() - now for one in found if one and one.standing(now) == "open"), default=0.0)

    def probed(self, backend: str, asked: float, now: float) -> tuple[Change, ...]:
        """A probe of the backend was answered well that was `asked` then: whatever is open there since before that is
        tried at once. Of what broke after the question its answer tells nothing."""
        circuit = self._circuits.get(backend)
        if circuit is None:
            return _NONE
        found = [circuit.breaker, *circuit.models.values()]
        changes = [breaker.half_open(now, "proof") for breaker in found if breaker.changed <= asked]
        return tuple([change for change in changes if change is not None])

    def of_backend(self, backend: str) -> Breaker | None:
        """A backend's breaker, to be read; None where it was never called."""
        circuit = self._circuits.get(backend)
        return None if circuit is None else circuit.breaker

    def of_models(self, backend: str) -> Mapping[str, Breaker]:
        """The breakers of a backend's models, to be read."""
        circuit = self._circuits.get(backend)
        return {} if circuit is None else circuit.models

    def _first_of(self, circuit: _Circuit, model: str) -> Breaker:
        """The breaker of a model that was not called yet."""
        if len(circuit.models) >= self._most:
            self.opened.discard(circuit.models.pop(next(iter(circuit.models))))
        found = circuit.models[model] = Breaker(self.settings, circuit.breaker.backend, model, self.opened)
        return found


def outcome_of(status: int, kind: str = "", retry_after: float | None = None) -> Outcome | None:
    """The outcome of a call that failed with this status, or in this way where there was none; None where that says
    nothing against anybody: a client's mistake, a limit, a backend that is merely busy and says until when."""
    if status == 0:
        return _KINDS.get(kind)
    if status in _STATUSES:
        return _STATUSES[status]
    return "error" if status >= 500 and status not in _NOT_ITS_FAULT and retry_after is None else None


def _due(breaker: Breaker, now: float) -> Change | None:
    """Half-opens one that is open and has waited long enough."""
    return breaker.half_open(now, "waited") if breaker.standing(now) == "half_open" else None


def _is_silent(breaker: Breaker, now: float) -> bool:
    return breaker.silent and breaker.standing(now) == "open"


def _both(first: Change | None, second: Change | None) -> tuple[Change, ...]:
    if first is None:
        return _NONE if second is None else (second,)
    return (first,) if second is None else (first, second)
