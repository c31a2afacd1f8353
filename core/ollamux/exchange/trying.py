"""The calls of one request: who may be called, how often each was, and what the one under way has in hand.

Strategy: the candidates are the plan, in its order, and are never struck out; `choices` are those of them that the next
call may go to, the first that has a place. A call takes a place, a pass through the circuits and, where the backend has
one, its share of a quota; `end` gives back whatever is held, and tells the standing of who was called what became of
it, for later plans. After a failure, and where nobody can be called at once, `resilience.fallback` is asked; a request
whose first call is answered never gets there.

Rules: one call at a time; a candidate whose circuit says no is remembered as shut until the next decision about the
whole plan; a place that was taken in vain goes back without a trace.
"""

from __future__ import annotations

from collections.abc import Sequence

from ollamux.backends import Backend
from ollamux.resilience.admission import Admission, Waiting
from ollamux.resilience.circuits import Outcome, Pass
from ollamux.resilience.fallback import Candidate, Failure, GiveUp, next_step
from ollamux.resilience.guards import Guards
from ollamux.resilience.quota import Quota
from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet
from ollamux.routing.standing import Standing

__all__ = ("Tries",)

_FEW = tuple(tuple(range(number)) for number in range(9))


class Tries:
    """See the module. `calls` counts all calls, `before` those that were made for the same request elsewhere; `after`
    is for how many seconds to rest before the next one; `tokens` is what the request is taken to need of a quota, and
    `urgency` and `client` are its place among those who wait for one, `parts` of how many calls it is at the backends
    that take it in parts. `likely` is the standing of whom the plan names first, where there is a plan."""

    __slots__ = (
        "_admission",
        "_answered",
        "_backend",
        "_began",
        "_counts",
        "_failed",
        "_first",
        "_fleet",
        "_force",
        "_full",
        "_guards",
        "_left",
        "_loading",
        "_offer",
        "_pass",
        "_position",
        "_quota",
        "_ranks",
        "_resting",
        "_shut",
        "_standing",
        "after",
        "before",
        "calls",
        "candidates",
        "choices",
        "client",
        "likely",
        "parts",
        "tokens",
        "urgency",
        "wanted",
    )

    def __init__(
        self,
        guards: Guards,
        admission: Admission,
        candidates: list[tuple[Offer, Backend]],
        fleet: Fleet | None = None,
    ) -> None:
        self.prepare(guards, admission, candidates, fleet)

    def prepare(
        self, guards: Guards, admission: Admission, candidates: list[tuple[Offer, Backend]], fleet: Fleet | None
    ) -> None:
        """What a constructor does, whose call would cost as much again."""
        self._fleet = fleet
        self._guards = guards
        self._admission = admission
        self.candidates = candidates
        self.choices = _in_order(len(candidates))
        self.calls = 0
        self.before = 0
        self.after = 0.0
        self.tokens = 0.0
        self.urgency = 0
        self.client = ""
        self.wanted: list[str] = []
        self._backend: Backend | None = None
        self._offer: Offer | None = None
        self._pass: Pass | None = None
        self._quota: Quota | None = None
        self._resting: Quota | None = None
        self._left = 0
        self.parts: dict[str, int] = {}
        self._standing: Standing | None = None
        self.likely: Standing | None = None
        self._answered = self._failed = False
        self._began = self._first = 0.0
        self._position = 0
        self._loading = False
        self._force = False
        self._counts: list[int] | None = None
        self._ranks: dict[tuple[str, str], float] | None = None
        self._full: list[str] | None = None
        self._shut: set[int] | None = None

    # A call -----------------------------------------------------------------------------------------------------------

    def take(self, position: int, who: Waiting, now: float) -> bool:
        """Takes all that a call to this candidate needs, and those that belong to it; False where something is
        missing."""
        offer, backend = self.candidates[position]
        guards, admission = self._guards, self._admission
        quota: Quota | None = guards.quotas.get(backend.id) if guards.limited else None
        if quota is not None and self._wait(quota, backend, now) > 0.0:
            return False
        if not admission.take(backend.id, who):
            if self._full is None:
                self._full = []
            self._full.append(backend.id)
            return False
        found = guards.circuits.take(backend.id, offer.upstream, now, self._force)
        if found is None:
            admission.give_back(backend.id)
            if self._shut is None:
                self._shut = set()
            self._shut.add(position)
            return False
        if found.changes:
            guards.tell(found.changes)
        if quota is not None:
            parts = self.parts.get(backend.id, 1)
            quota.take(self.tokens, now, parts)
            self._left = parts - 1
        if self._resting is not None:
            self.rest_no_more(served=True)
        if self._fleet is not None:
            standing = self.likely
            if standing is None or standing.offer is not offer:
                standing = self._fleet.standing(offer)
            self._standing = standing
            standing.began(now)
            self._began = now
            self._first = 0.0
            self._answered = self._failed = False
        self._quota = quota
        self._pass = found
        self._backend = backend
        self._offer = offer
        self._position = position
        self._loading = backend.manages and offer.upstream not in backend.loaded
        self.calls += 1
        self._full = None
        if self._counts is not None:
            self._counts[position] += 1
        return True

    def answered(self, now: float, waited: float) -> None:
        """Content came, in a stream `waited` seconds after the call; 0.0 for an answer that came whole."""
        if self._standing is not None:
            self._answered = True
            if waited > 0.0:
                self._first = waited
                self._standing.first_token(now, waited, self.tokens)
        if self._pass is not None:
            changes = self._pass.answered(now, waited, self._loading)
            if changes:
                self._guards.tell(changes)
            hedging = self._guards.hedging
            if hedging is not None and waited > 0.0 and not self._loading:
                assert self._backend is not None and self._offer is not None
                hedging.seen(self._backend.id, self._offer.upstream, waited)

    def part(self) -> None:
        """A further call of the same request goes to the same backend; it is counted there already."""
        self._left -= 1

    def rest_no_more(self, served: bool = False) -> None:
        """It does not wait for a quota any longer; `served`: since it has its share."""
        if self._resting is not None:
            self._resting.line.leave(self, served=served)
            self._resting = None

    @property
    def metered(self) -> bool:
        """Whether the call counts against a quota, which wants to know what it used."""
        return self._quota is not None

    def told(self, status: int, headers: Sequence[tuple[str, str]], now: float, unix: float) -> None:
        """The head of an answer: what the vendor tells of its limits there."""
        if self._quota is not None:
            self._quota.answered(status, headers, now, unix, self.tokens)

    def failed(self, outcome: Outcome | None, now: float) -> None:
        """The call failed; None where that says nothing against anybody."""
        self._failed = outcome is not None
        if self._pass is not None:
            if outcome is None:
                self._pass.dropped()
            else:
                self._guards.tell(self._pass.failed(outcome, now))

    def left(self) -> None:
        """The client has gone: what its call took says nothing of who was called."""
        self._answered = False

    def end(self, now: float, used: float, tokens: int = 0) -> None:
        """The call is over and used so many tokens of a quota, less than none where nobody knows; `tokens` are those of
        its answer, 0 where nobody told. Gives back what it held."""
        backend = self._backend
        if backend is None:
            return
        self._backend = None
        self._admission.give_back(backend.id, now)
        standing = self._standing
        if standing is not None:
            self._standing = None
            if self._failed:
                standing.failed(now)
            elif self._answered:
                standing.ended(now, tokens, now - self._began, self._first)
            else:
                standing.left()
        if self._pass is not None:
            self._pass.dropped()
            self._pass = None
        if self._quota is not None:
            if self._left > 0:
                self._quota.owe(float(-self._left), now)
            self._quota.settle(self.tokens, used if used >= 0.0 else self.tokens, now)
            self._quota = None

    # Whom to call -----------------------------------------------------------------------------------------------------

    def crowded(self) -> bool:
        """Whether it was for want of a place that nobody could be called; `wanted` are those where one would do."""
        if not self._full:
            return False
        self.wanted, self._full = self._full, None
        return True

    def next(self, now: float, deadline: float, failure: Failure | None = None) -> GiveUp | None:
        """Decides about the next call: sets `choices` and `after`. `failure`: how the last one ended, where that was
        not yet decided upon."""
        guards = self._guards
        counts = self._counted()
        known = [self._seen(position, counts[position], now) for position in range(len(self.candidates))]
        last = self.candidates[self._position][1].id
        found = next_step(
            guards.policy_of(last) if self.calls else guards.policy,
            known,
            used=self.before + self.calls,
            failed=self._position,
            failure=failure,
            now=now,
            deadline=deadline,
            may_repeat=guards.budget.allows(now),
            chance=guards.chance(),
        )
        if isinstance(found, GiveUp):
            return found
        self._rest_for(self.candidates[found.index][1] if known[found.index].wait > 0.0 else None)
        if found.repeat:
            guards.budget.take(now)
        self.after = found.after
        self._force = found.force
        self._shut = None
        first = found.index
        if found.after > 0.0 or found.force or counts[first]:
            self.choices = (first,)
        else:  # where the first has no place, one of the others that are free may do
            rest = [
                place
                for place, seen in enumerate(known)
                if place != first and not seen.calls and not seen.open and seen.wait <= 0.0
            ]
            self.choices = (first, *rest)
        return None

    def _rest_for(self, backend: Backend | None) -> None:
        """Waits for the quota of this one and for no other one."""
        quota: Quota | None = None if backend is None else self._guards.quotas.get(backend.id)
        if quota is not self._resting:
            self.rest_no_more()
            self._resting = quota
        if quota is not None and backend is not None:
            quota.line.join(self, self.urgency, self.client, self.parts.get(backend.id, 1), self.tokens)

    def _wait(self, quota: Quota, backend: Backend, now: float) -> float:
        """Seconds until it may be called as far as its quota goes."""
        return quota.turn(self, self.urgency, self.client, self.tokens, now, self.parts.get(backend.id, 1))

    def spare(self, backends: Sequence[str]) -> None:
        """These are called for the same request elsewhere, and are not called once more."""
        counts = self._counted()
        for position, (_, backend) in enumerate(self.candidates):
            if backend.id in backends and not counts[position]:
                counts[position] = 1

    def add(self, candidates: list[tuple[Offer, Backend]]) -> bool:
        """More candidates, behind all others. False where none of them is new."""
        known = {(backend.id, offer.upstream) for offer, backend in self.candidates}
        fresh = [pair for pair in candidates if (pair[1].id, pair[0].upstream) not in known]
        counts = self._counted()
        self.candidates = self.candidates + fresh
        counts += [0] * len(fresh)
        return bool(fresh)

    def recovers_in(self, now: float) -> float:
        """Seconds until the first of the circuits that are open lets a call in."""
        circuits = self._guards.circuits
        return min(circuits.recovers_in(backend.id, offer.upstream, now) for offer, backend in self.candidates)

    def renew(self, candidates: list[tuple[Offer, Backend]]) -> None:
        """Other candidates, before any was called."""
        self.candidates = candidates
        self.choices = _in_order(len(candidates))
        self._shut = self._full = None

    def leave_out(self, positions: list[int]) -> None:
        """These are not called any more."""
        counts = self._counted()
        for position in positions:
            counts[position] = max(counts[position], 1)

    def rank(self, offers: list[Offer]) -> None:
        """The candidates are as good now as their offers stand here; who is not among them is worse than all."""
        self._ranks = {(offer.backend, offer.upstream): float(place) for place, offer in enumerate(offers)}

    @property
    def lacks_place(self) -> bool:
        """Whether somebody was not called for want of a place."""
        return bool(self._full)

    def _seen(self, position: int, calls: int, now: float) -> Candidate:
        offer, backend = self.candidates[position]
        circuits = self._guards.circuits
        shut = self._shut is not None and position in self._shut
        quota: Quota | None = self._guards.quotas.get(backend.id)
        return Candidate(
            calls=calls,
            open=shut or circuits.standing(backend.id, offer.upstream, now) == "open",
            silent=circuits.silent(backend.id, offer.upstream, now),
            wait=self._wait(quota, backend, now) if quota is not None else 0.0,
            score=self._score(offer, backend),
        )

    def _score(self, offer: Offer, backend: Backend) -> float:
        """How good an alternative is now: as the last plan has it; without one, who is well before who is not, the more
        important one, and of two equals the less busy one."""
        if self._ranks is not None:
            return -self._ranks.get((backend.id, offer.upstream), 1e6)
        busy = self._admission.running(backend.id) + self._admission.waiting_for(backend.id)
        return (0.0 if backend.health.usable else -1e6) + offer.priority - busy / (busy + 1.0)

    def _counted(self) -> list[int]:
        """How often each candidate was called. While there was one call it is known without a table."""
        if self._counts is None:
            self._counts = [0] * len(self.candidates)
            if self.calls:
                self._counts[self._position] = self.calls
        return self._counts


def _in_order(number: int) -> tuple[int, ...]:
    """The positions of so many candidates."""
    return _FEW[number] if number < len(_FEW) else tuple(range(number))
