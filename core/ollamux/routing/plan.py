"""The plan of a request: who is asked, in which order, and why.

Strategy: one walk over the field. Each standing falls into a tier (ready, full, out) and is compared by the strategy's
`primary` and `rate`; the few best of those that pass the filters (`ask`) are kept in order as the walk goes, which is
all that a request needs nearly always. The rest is put in order when somebody asks for it. Texts are written when they
are read.

Rules: the same standings and the same ask give the same plan; ties keep the order of the configuration; every offer is
a candidate or was left out by a filter that is named; planning changes nothing that another plan could see, until
`Planner.took` says that a request went somewhere.
"""

from __future__ import annotations

from typing import Any

from ollamux.errors import InvalidRequest
from ollamux.routing.ask import CAPABILITIES, Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.score import Terms
from ollamux.routing.standing import Field, Standing
from ollamux.routing.strategies import make
from ollamux.routing.strategies.base import Strategy
from ollamux.routing.walking import OUT, freed, latency, walk

__all__ = ("BY_PREFIX", "Candidate", "Plan", "Planner", "rough")

BY_PREFIX = "prefix_affinity"
_OUT = OUT
_READY = 2
_STATES = ("out", "full", "ready")
"""By their tiers: see `station`."""

_LONGEST = 1e9
_LOADS = 16.0
_SLOW = 2.0


class Candidate(Terms):
    """One backend for one request, and how it was when the plan was made. `latency_ms` is the estimate until the first
    token, `watts` what it draws, `primary` what the strategy compared first."""

    __slots__ = ("latency_ms", "primary", "standing", "tier", "watts")

    def __init__(self, standing: Standing, ask: Ask) -> None:
        self._take_down(standing, ask)

    def _take_down(self, standing: Standing, ask: Ask) -> None:
        self.standing = standing
        self.tier = standing.tier
        self.primary = standing.primary
        self.latency_ms = latency(standing, ask)
        self.watts = standing.station.watts
        self.fill(standing, ask)

    @property
    def offer(self) -> Offer:
        """What is asked for there."""
        offer: Offer = self.standing.offer
        return offer

    @property
    def backend(self) -> str:
        """The backend's id."""
        return self.standing.station.id

    @property
    def state(self) -> str:
        """ready, full or out."""
        return _STATES[self.tier]


class Plan:
    """See the module. `chosen` is the first choice, `first` are the best few in order; `needs` are the capabilities
    that were asked for, as bits: none where nobody has them. `latency_ms` (until the first token, as estimated),
    `watts`, `tier` and `primary` are those of the first choice when the plan was made."""

    __slots__ = (
        "_all",
        "_best",
        "_left_out",
        "ask",
        "chosen",
        "field",
        "first",
        "latency_ms",
        "needs",
        "now",
        "primary",
        "strategy",
        "tier",
        "waiting",
        "watts",
    )

    field: Field
    ask: Ask
    strategy: Strategy
    now: float
    first: list[Standing]
    needs: int
    waiting: int
    chosen: Standing
    tier: int
    primary: float
    latency_ms: float
    watts: float
    _all: list[Candidate] | None
    _best: Candidate | None
    _left_out: tuple[tuple[Standing, str], ...]

    def choose(self, first: list[Standing]) -> None:
        """These are the best few; how the first of them is now is what is told of it."""
        self.first = first
        chosen = self.chosen = first[0]
        self.tier = chosen.tier
        self.primary = chosen.primary
        self.latency_ms = latency(chosen, self.ask)
        self.watts = chosen.station.watts
        self._all = self._best = None
        self._left_out = ()

    @property
    def best(self) -> Candidate:
        """The first choice, with its score; the terms of that are as they are when this is first asked for."""
        best = self._best
        if best is None:
            best = self._best = Candidate(self.chosen, self.ask)
            best.tier, best.primary, best.latency_ms, best.watts = self.tier, self.primary, self.latency_ms, self.watts
        return best

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All of them in order. Those after the first few are put in order now, by their readings of now."""
        if self._all is None:
            self._sort()
        return tuple(self._all or ())

    @property
    def filtered(self) -> tuple[tuple[Standing, str], ...]:
        """Who was left out, and by which filter."""
        if self._all is None:
            self._sort()
        return self._left_out

    @property
    def alternatives(self) -> tuple[str, ...]:
        """The backends after the first choice: the next few."""
        return tuple([standing.station.id for standing in self.first[1:]])

    @property
    def patience(self) -> float:
        """For how many seconds, from its arrival, the request does better to wait than to go to the first choice: more
        than 0 only where that would be slow (it has to load the model, or is `_SLOW` times slower than the quickest of
        the field), and others, of no lower rank, that would be sooner are full and likely to have a place in time.

        That is likely where (waiting + 1) / rate + first < the first choice's own estimate (divided by `_SLOW` where it
        has not to load): the requests that wait in the gateway, the places that those others free in a second, and
        their time to the first token."""
        return self._patience()

    def _patience(self) -> float:
        standing, own = self.chosen, self.latency_ms
        if not standing.cold and standing.first_ms <= _SLOW * self.field.quickest:
            return 0.0
        rate, first = freed(self.field, self.ask, self.strategy, self.needs, self.primary, own)
        worth = own if standing.cold else own / _SLOW
        if rate <= 0 or (self.waiting + 1) / rate + first >= worth:
            return 0.0
        return (own - first) / 1000.0

    def goes(self, waited: float, first_round: bool = False) -> bool:
        """Whether a request that has waited for so many seconds is sent to the first choice now, or waits on.

        Where several wait and a place comes free they are asked in two rounds, by age. In the first they go where their
        model is in memory, so that a place serves those first for whom it is ready; in the second also where it has to
        be loaded, once their patience is over. Whoever has waited for `_LOADS` loads goes anywhere at once. Where all
        are out nobody waits for any of them: they are asked as a last resort."""
        if self.tier < _READY:
            return self.tier == _OUT
        standing = self.chosen
        if standing.cold and waited < _LOADS * standing.load_ms / 1000.0:
            return not first_round and waited >= self._patience()
        return standing.cold or waited >= self._patience()

    @property
    def reason(self) -> str:
        """Why the first choice is it, in one line of ASCII."""
        before, after = self.around_latency()
        return f"{before}{rough(self.latency_ms)}{after}"

    def around_latency(self) -> tuple[str, str]:
        """What the reason says before its estimated latency, and after that."""
        why = self.strategy.why(self.chosen, self.ask, self.primary)
        before = f"{self.strategy.name}: {self.chosen.station.id}, {why}; "
        after = " ms to the first token"
        if self.watts > 0:
            after += f", {self.watts:g} W"
        if self.tier != _READY:
            after += f"; {_STATES[self.tier]}, as are all others"
        return before.encode("ascii", "replace").decode(), after

    def explain(self) -> dict[str, Any]:
        """All of it, for people and for JSON."""
        return {
            "model": self.field.name,
            "strategy": self.strategy.name,
            "backend": self.chosen.station.id,
            "reason": self.reason,
            "estimated_latency_ms": round(self.latency_ms, 1),
            "estimated_power_watts": round(self.watts, 1),
            "alternatives": list(self.alternatives),
            "candidates": [self._explained(candidate) for candidate in self.candidates],
            "filtered": [
                {"backend": standing.station.id, "model": standing.offer.upstream, "by": name}
                for standing, name in self.filtered
            ],
        }

    def _explained(self, candidate: Candidate) -> dict[str, Any]:
        return {
            "backend": candidate.backend,
            "model": candidate.offer.upstream,
            "state": candidate.state,
            "score": round(candidate.score, 1),
            "terms": {name: round(term, 1) for name, term in candidate.terms.items()},
            "reason": self.strategy.why(candidate.standing, self.ask, candidate.primary),
            "estimated_latency_ms": round(candidate.latency_ms, 1),
            "estimated_power_watts": round(candidate.watts, 1),
        }

    def _sort(self) -> None:
        """Puts the rest in order. Who was among the first stays there."""
        ask, strategy = self.ask, self.strategy
        strategy.prepare(self.field, ask)
        known = {id(standing) for standing in self.first}
        found: list[Standing] = []
        left_out: list[tuple[Standing, str]] = []
        for standing in self.field.standings:
            if id(standing) in known:
                continue
            number = ask.filtered(standing, self.needs)
            if number:
                left_out.append((standing, ask.named(number)))
                continue
            standing.tier = _OUT if standing.out else standing.station.tier
            standing.primary = strategy.primary(standing, ask)
            standing.rate = strategy.rate(standing, ask)
            found.append(standing)
        found.sort(key=lambda standing: (-standing.tier, -standing.primary, -standing.rate))
        self._all = [self.best, *(Candidate(standing, ask) for standing in (*self.first[1:], *found))]
        self._left_out = tuple(left_out)


class Planner:
    """Makes plans. `strategies` are all that there are, by name; `default` is the one that is used where neither the
    request nor its alias names another, `by_prefix` whether that asks for the marks of a request's beginning."""

    __slots__ = ("by_prefix", "default", "fleet", "strategies")

    def __init__(self, fleet: Fleet, strategy: str = "capability_based") -> None:
        self.fleet = fleet
        self.strategies = make()
        self.default = self.strategy(strategy)
        self.by_prefix = strategy == BY_PREFIX

    def strategy(self, name: str) -> Strategy:
        """The strategy of this name. Raises InvalidRequest where there is none, which lists them."""
        found = self.strategies.get(name)
        if found is None:
            listed = ", ".join(sorted(self.strategies))
            raise InvalidRequest(
                f"X-Routing-Strategy: {name!r} is not known; there is: {listed}", param="X-Routing-Strategy"
            )
        return found

    def ask(
        self,
        wishes: Constraints | None = None,
        *,
        needs: frozenset[str] = frozenset(),
        format_: str = "",
        strategy: str = "",
        tokens_in: int = 0,
        tokens_out: int = 0,
        prefix: tuple[int, ...] = (),
        elapsed_ms: float = 0.0,
    ) -> Ask:
        """What a request asks; `strategy` is its alias's. Raises InvalidRequest, see `Fleet.ask`."""
        name = wishes.strategy if wishes is not None and wishes.strategy else strategy
        return self.fleet.ask(
            wishes,
            needs=needs,
            format_=format_,
            strategy=self.strategy(name) if name else None,
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            prefix=prefix,
            elapsed_ms=elapsed_ms,
        )

    def plan(self, field: Field, ask: Ask, now: float, waiting: int = 0) -> Plan:
        """Who is asked; `waiting` is how many others wait for a place in the gateway. Raises InvalidRequest where the
        request's constraints leave nobody, and Busy where nobody is left for now."""
        strategy: Strategy = ask.strategy if ask.strategy is not None else self.default
        if now >= field.due:
            field.refresh(now)
        strategy.prepare(field, ask)
        first: list[Standing] = []
        needs = ask.needs
        kept = walk(field, ask, strategy, needs, first)
        if not kept and needs and _unable(field, ask):  # its error is the format's to tell
            needs = 0
            kept = walk(field, ask, strategy, needs, first)
        if not kept:
            from ollamux.routing.refusing import refuse

            refuse(field, ask, needs, now)
        found = Plan.__new__(Plan)
        found.field = field
        found.ask = ask
        found.strategy = strategy
        found.now = now
        found.needs = needs
        found.waiting = waiting
        found.choose(first)
        return found

    def took(self, plan: Plan, candidate: Candidate, now: float) -> None:
        """A request is sent to this candidate. One of `ended`, `failed` and `left` of its standing follows."""
        standing = candidate.standing
        plan.strategy.took(plan.field, standing, plan.ask)
        standing.began(now)


def rough(number: float) -> int:
    """An estimate as it is told: to the unit below 100, to two digits above, so that it is often the same."""
    number = min(max(number, 0.0), _LONGEST)
    scale = 1
    while number >= 100.0 * scale:
        scale *= 10
    return int(number / scale + 0.5) * scale


def _unable(field: Field, ask: Ask) -> bool:
    """Whether nobody has what the request needs."""
    return all(ask.filtered(standing, ask.needs) == CAPABILITIES for standing in field.standings)
