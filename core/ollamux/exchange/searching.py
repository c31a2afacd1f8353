"""Who can answer a request, and who may be asked next: the part of an exchange that looks before it calls.

Strategy: offers come from the catalog as it ranks them; where there are several, or the client's headers ask for
something, `deciding` puts them in order. `trying` keeps the candidates and decides among them; when they are exhausted,
the models that are configured to follow are looked up one after the other.

Rules: nothing is called and nothing is answered here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ollamux.backends import Backend
from ollamux.errors import Busy, OllamuxError
from ollamux.exchange import failures
from ollamux.exchange.counting import CountingState
from ollamux.exchange.deciding import asked, decided, planned
from ollamux.exchange.prospect import Prospect
from ollamux.exchange.sharing import begun, ended
from ollamux.exchange.trying import Tries
from ollamux.formats.asking import Incoming, Served, served_as
from ollamux.formats.base import Calling
from ollamux.formats.outgoing import Outgoing
from ollamux.resilience.fallback import Failure, GiveUp
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.plan import Plan

__all__ = ("SearchState",)

_SPENT = ("none_left", "silent", "limited")
"""Why a model's own candidates are exhausted, so that others may follow."""

_NO_WISHES = Constraints()
_SHORT = 32.0 * 1024
_BYTES = 4.0
_SOME = 8192.0
_AGAIN = 5.0


class SearchState(CountingState):
    """See the module."""

    __slots__ = ()

    # Who can do it ----------------------------------------------------------------------------------------------------

    def _chosen(self, incoming: Incoming) -> tuple[Offer, ...]:
        """The offers where the name leaves open which model it is. Raises what is wrong with the request. Ollama cuts
        what is too long for a model, so its clients expect that."""
        truncates = self._format == "ollama"
        return self._visible(self._house.automatic.find(incoming, self._request.headers, truncates=truncates))

    def _visible(self, offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
        """These, where one of those that may answer is among them; else none."""
        among = self._among
        return offers if among is None or [offer for offer in offers if offer.backend in among] else ()

    def _ordered(self, offers: tuple[Offer, ...], now: float) -> list[tuple[Offer, Backend]]:
        """The candidates in the order in which they are asked; all as they were ranked where none can be called. Raises
        InvalidRequest where what the client asks leaves nobody, and Busy where nobody is left for now."""
        incoming, house, wishes = self._incoming, self._house, self._constraints
        assert incoming is not None
        if len(offers) == 1 and wishes is None:
            backend = house.backend(offers[0].backend)
            if not (backend.can_be_called() and (backend.restricted or self._among is not None)):
                return [(offers[0], backend)]
        body, tokens = self._request.body or b"", self._estimated(incoming, offers[0])
        ask = asked(house, incoming, self._format, wishes, body, tokens, now - self._arrived)
        try:
            found, plan = decided(house, incoming.model, offers, ask, now)
        except Busy:
            pairs = [(offer, house.backend(offer.backend)) for offer in offers]
            if [pair for pair in pairs if pair[1].callable]:
                raise
            return pairs
        if plan is not None:
            self._plan = plan
        if self._among is not None:
            return self._narrowed(found if plan is None else self._all_of(plan))
        if plan is not None and len(plan.first) > 1:
            self._prospect = None
            self._choosy = True
        return found

    def _narrowed(self, pairs: list[tuple[Offer, Backend]]) -> list[tuple[Offer, Backend]]:
        """Those of them that may answer. Raises Busy where none of these is left."""
        among = self._among
        found = [pair for pair in pairs if among is None or pair[1].id in among]
        if not found:
            raise Busy("none of the backends that may answer is free now", retry_after=_AGAIN)
        return found

    def _all_of(self, plan: Plan) -> list[tuple[Offer, Backend]]:
        """All candidates of a plan."""
        house = self._house
        return [(each.offer, house.backend(each.backend)) for each in plan.candidates]

    def _following(self, now: float) -> list[tuple[Offer, Backend]]:
        """Those who serve the next of the models that are configured to follow this one; none where none is left."""
        incoming, house = self._incoming, self._house
        assert incoming is not None
        if self._others is None:
            self._others = list(house.fallbacks(incoming.model)) if house.fail_over else []
        while self._others:
            offers = house.catalog.find(self._others.pop(0))
            try:
                found = [pair for pair in self._ordered(offers, now) if pair[1].callable] if offers else []
                self._waits_no_more()
                if not found:
                    continue
                offer, backend = found[0]
                # The offer at hand stays: its call is not given back yet.
                if offer.configured or not self._same_format(offer, backend):
                    incoming.check(_served(incoming, offer))
            except OllamuxError:  # that model could not do it either way
                continue
            return found
        return []

    def _seen_as(self, offer: Offer) -> Served:
        """What a format has to know of a candidate."""
        if offer is not self._offer:
            self._offer = offer
            self._served = None
        if self._served is None:
            incoming = self._incoming
            assert incoming is not None
            self._served = _served(incoming, offer)
        return self._served

    def _same_format(self, offer: Offer, backend: Backend) -> bool:
        called = self._calling(offer, backend)
        return called is not None and called.name == self._format

    def _calling(self, offer: Offer, backend: Backend) -> Calling | None:
        assert self._incoming is not None
        return backend.calling_for(offer, self._format, self._incoming.operation)

    def _estimated(self, incoming: Incoming, offer: Offer) -> float:
        """About how many tokens the request has, for quotas. What is long may be pictures, so it is looked at."""
        body = self._request.body
        size = 0.0 if body is None else float(len(body))
        if size <= _SHORT:
            return size / _BYTES
        from ollamux.accounting.estimate import estimate

        try:
            return float(estimate(incoming.neutral(self._seen_as(offer), {})))
        except (OllamuxError, RecursionError):
            return _SOME

    def _parts(self, incoming: Incoming, offer: Offer, backend: Backend) -> int:
        """Of how many calls the request is there, since the backend takes it in parts only."""
        called, dialect = self._calling(offer, backend), backend.dialect_for(offer.upstream)
        if called is None or called.name == self._format or not (incoming.choices > 1 or dialect.most_inputs):
            return 1
        from ollamux.exchange.fanout import split

        try:
            return len(split(incoming.neutral(self._seen_as(offer), {}), incoming.choices, dialect.most_inputs))
        except (OllamuxError, RecursionError):  # that is for the call itself to say
            return 1

    # Who is next ------------------------------------------------------------------------------------------------------

    def _decide(self, now: float, failure: Failure | None) -> GiveUp | None:
        """Whom to call next, after this failure where there was one just now; or why nobody."""
        tries = self._tries
        assert tries is not None
        self._look_further(tries, now)
        found = tries.next(now, self._patience(now), failure)
        while found is not None and found.why in _SPENT and (more := self._following(now)):
            if self._resumed:
                more = [pair for pair in more if self._can_resume(pair[0], pair[1])]
            if tries.add(more):
                found = tries.next(now, self._patience(now), failure)
        return found

    def _can_resume(self, offer: Offer, backend: Backend) -> bool:
        """Whether this one could go on with what was sent."""
        from ollamux.exchange.resuming import can_go_on

        called, sent, incoming = self._calling(offer, backend), self._sent, self._incoming
        assert sent is not None and incoming is not None
        return called is not None and can_go_on(sent, backend.dialect_for(offer.upstream))

    def _look_further(self, tries: Tries, now: float) -> None:
        """The first few of a plan were not enough: the others stand behind them, in an order of now where the best
        alternative is wanted."""
        plan, house = self._plan, self._house
        if plan is None or not house.fail_over:
            return
        pairs = self._all_of(plan)
        tries.add(pairs if self._among is None else self._narrowed(pairs))
        if house.guards.policy.mode == "best_alternative":
            try:
                anew = planned(house, plan.field.offers, plan.ask, now, house.admission.waiting)
            except OllamuxError:  # nobody is left now, so the old order is as good as any
                anew = plan
            tries.rank([each.offer for each in (anew or plan).candidates])

    def _given_up(self, found: GiveUp, now: float) -> OllamuxError:
        """What the client is told where nobody is called any more: the last failure, or why nobody was called."""
        tries = self._tries
        assert tries is not None
        if self._lost is not None:
            return self._lost
        if found.why == "limited":
            return failures.limited(found.retry_after)
        if found.why == "deadline":
            return failures.long_wait()
        return failures.silent(tries.candidates[0][1], tries.recovers_in(now))

    def _foresee(self) -> None:
        """It will wait, and goes where a plan of then sends it."""
        plan, incoming = self._plan, self._incoming
        assert plan is not None and incoming is not None
        if self._prospect is None:
            self._prospect = Prospect(self._house, plan, incoming.model, self._arrived)
        self._prospect.waits()

    def _waits_no_more(self) -> None:
        """Its plan decides no longer whether it waits."""
        self._choosy = False
        self._prospect = None

    def _wishes(self) -> Constraints:
        """What the client's headers ask for."""
        return self._constraints if self._constraints is not None else _NO_WISHES

    def _took(self, offer: Offer) -> None:
        """A call goes out that a plan is behind."""
        plan = self._plan
        assert plan is not None
        standing = plan.chosen
        if offer is not standing.offer:
            standing = self._house.planner.fleet.standing(offer)
        plan.strategy.took(plan.field, standing, plan.ask)

    def _patience(self, now: float) -> float:
        """Until when the next call has to begin: a wait for it lasts no longer than the queue allows, nor than the
        client's deadline."""
        if self._queued_until == math.inf:
            self._queued_until = now + self._house.queue_timeout
            deadline = self._wishes().deadline_ms
            if deadline is not None:
                self._queued_until = min(self._queued_until, self._arrived + deadline / 1000.0)
        return self._queued_until

    # What a call tells ------------------------------------------------------------------------------------------------

    def _tell_limits(self, status: int, headers: Sequence[tuple[str, str]], now: float) -> None:
        """What an answer says of the backend's limits. One of several keys speaks for all where no other is left."""
        backend, tries = self._backend, self._tries
        assert backend is not None and tries is not None
        several = len(backend.config.api_keys) > 1
        if not several or (status == 429 and not backend.another_key(self._key, status, now)):
            tries.told(status, headers, now, self._house.clock.unix(now))

    def _kept(self, backend: Backend, incoming: Incoming, outgoing: Outgoing, now: float) -> Outgoing:
        """The request as it goes to a backend that loads models by itself, so that those under way share one."""
        assert backend.keeping is not None
        self._keeps = True
        stay = self._house.keep_alive
        return begun(backend.keeping, backend.id, self._upstream_of_offer(), incoming, stay, outgoing, now)

    def _keep_no_more(self, backend: Backend, incoming: Incoming, now: float) -> None:
        """What `_kept` began is over."""
        assert backend.keeping is not None
        self._keeps = False
        ended(backend.keeping, backend.id, self._upstream_of_offer(), incoming, now)

    def _upstream_of_offer(self) -> str:
        assert self._offer is not None
        return self._offer.upstream

    def _let_go(self, now: float) -> None:
        """Gives back what the call held."""
        backend, incoming, tries = self._backend, self._incoming, self._tries
        assert tries is not None and backend is not None and incoming is not None
        if self._keeps:
            self._keep_no_more(backend, incoming, now)
        used = -1.0
        tokens = self._count_attempt(now)
        if self._house.guards.limited and tries.metered:
            usage = self._used()
            if usage is not None:
                used = float((usage.input or 0) + tokens)
        tries.end(now, used, tokens)
        self._backend = None


def _served(incoming: Incoming, offer: Offer) -> Served:
    return served_as(incoming.model, offer.name, offer.capabilities, offer.context_length, offer.told)
