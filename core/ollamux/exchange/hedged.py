"""A stream with a second attempt beside a first one that takes long: who answers first is heard, the other is let go.

Strategy: it is an exchange like any other until its call has had no first token for longer than nearly all calls to
that model took. Then a second exchange is opened for the same request among the other backends; its attempts are
numbered apart, and its reports go to it. What it wants is passed on but for its answer, which is held back until it is
known for a good one; with that the first attempt is over, and from there on the second one is the exchange.

Rules: one second attempt for a request, paid from the retry budget, and never one that waits for a place; an error of
the second is nobody's matter, one of the first is told when the second has failed as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ollamux.contract import (
    Call,
    Cancel,
    ClientRequest,
    Data,
    FailureKind,
    Head,
    HeaderPairs,
    WakeAt,
    Want,
    Wants,
    spread,
)
from ollamux.errors import OllamuxError
from ollamux.exchange.base import House
from ollamux.exchange.model import ModelExchange
from ollamux.exchange.phases import Phase
from ollamux.formats.base import NOWHERE, Place, Serving, ServingRoute

__all__ = ("HedgedExchange",)

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

_APART = 1_000_000_000
"""From here on the attempts of the second exchange are numbered."""


class HedgedExchange(ModelExchange):
    """See the module."""

    __slots__ = ("_hedge_at", "_hedged", "_held", "_refused", "_second", "_second_at", "_won")

    _hedged: int

    def __init__(
        self, house: House, request: ClientRequest, serving: Serving, route: ServingRoute, place: Place = NOWHERE
    ) -> None:
        ModelExchange.__init__(self, house, request, serving, route, place)
        self._second: ModelExchange | None = None
        self._second_at = math.inf
        self._hedge_at = math.inf
        self._hedged = 0
        self._held: Sequence[Want] | None = None
        self._refused = False
        self._won = False

    # Reports ----------------------------------------------------------------------------------------------------------

    def proceed(self, now: float) -> Wants:
        return self._own(ModelExchange.proceed(self, now), now)

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        if attempt < _APART:
            return self._own(ModelExchange.attempt_head(self, attempt, status, headers, now), now)
        second = self._second
        return None if second is None else self._of_second(second.attempt_head(attempt, status, headers, now), now)

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        if attempt < _APART:
            return self._own(ModelExchange.attempt_data(self, attempt, data, now), now)
        second = self._second
        return None if second is None else self._of_second(second.attempt_data(attempt, data, now), now)

    def attempt_end(self, attempt: int, now: float) -> Wants:
        if attempt < _APART:
            return self._own(ModelExchange.attempt_end(self, attempt, now), now)
        second = self._second
        return None if second is None else self._of_second(second.attempt_end(attempt, now), now)

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        if attempt < _APART:
            return self._own(ModelExchange.attempt_failed(self, attempt, kind, sent, now, detail), now)
        second = self._second
        return None if second is None else self._of_second(second.attempt_failed(attempt, kind, sent, now, detail), now)

    def client_paused(self, now: float) -> Wants:
        own = ModelExchange.client_paused(self, now)
        return own if self._second is None else _joined(own, self._of_second(self._second.client_paused(now), now))

    def client_resumed(self, now: float) -> Wants:
        if self._paused_at is not None:
            self._hedge_at += now - self._paused_at  # nothing could come meanwhile
        own = ModelExchange.client_resumed(self, now)
        return own if self._second is None else _joined(own, self._of_second(self._second.client_resumed(now), now))

    def client_gone(self, now: float) -> Wants:
        own = ModelExchange.client_gone(self, now)
        return own if self._second is None else _joined(own, self._drop(now))

    def woken(self, now: float) -> Wants:
        second = self._second
        if self._held is not None and now < self._second_at:
            return (self._wake(now),)
        if second is not None and (self._won or now >= self._second_at):
            self._second_at = math.inf
            found = self._of_second(second.woken(now), now)
            if self._won or self._phase is _OVER:
                return found
            return _joined(found, self._own(ModelExchange.woken(self, now), now))
        if second is None and self._may_hedge() and now >= self._hedge_at:
            self._hedge_at = math.inf
            hedged = self._hedge(now)
            return _joined(hedged, self._own(ModelExchange.woken(self, now), now))
        return self._own(ModelExchange.woken(self, now), now)

    # The second attempt -----------------------------------------------------------------------------------------------

    def _next_wake(self, now: float) -> float:
        when = ModelExchange._next_wake(self, now)
        if self._second is None and self._may_hedge():
            if self._hedged >= 0 and self._attempt != self._hedged:  # each call has its own time
                self._hedged = self._attempt
                self._hedge_at = self._due()
            when = min(when, self._hedge_at)
        return min(when, self._second_at)

    def _may_hedge(self) -> bool:
        """Whether a call is under way, and nothing of the answer has gone out."""
        return self._phase is _CALLING and self._paused_at is None and not self._going_on and not self._resumed

    def _due(self) -> float:
        """When a second attempt is to begin beside the first one."""
        hedging, backend, offer, incoming = self._house.guards.hedging, self._backend, self._offer, self._incoming
        if hedging is None or backend is None or offer is None or incoming is None or not incoming.stream:
            return math.inf
        after = hedging.after(backend.id, offer.upstream)
        return self._dispatched + after if after is not None else math.inf

    def _hedge(self, now: float) -> Wants:
        house, backend, tries = self._house, self._backend, self._tries
        assert backend is not None and tries is not None
        budget = house.guards.budget
        made = tries.before + tries.calls
        if made >= house.guards.policy_of(backend.id).attempts or not budget.allows(now):
            return None
        deadline = self._wishes().deadline_ms
        if deadline is not None and now >= self._arrived + deadline / 1000.0:
            return None
        second = ModelExchange(house, self._request, self._serving, self._route, self._place)
        second.narrow(frozenset([each.id for each in house.backends() if each is not backend]))
        second.caller, second.request_id = self.caller, self.request_id
        second.number_from(_APART, made)
        wants = second.start(now)
        second.keep_quiet()
        if isinstance(wants, bytes) or not any(isinstance(want, Call) for want in wants or ()):
            second.client_gone(now)
            return None
        budget.take(now)
        self._hedged = -1  # this once
        self._second = second
        tries.spare([want.backend for want in wants or () if isinstance(want, Call)])
        return self._of_second(wants, now)

    def _of_second(self, wants: Wants, now: float) -> Wants:
        """What the second exchange wants, as far as it is to be done."""
        if self._won or wants is None:
            return wants
        assert self._second is not None
        self._agree()
        found: list[Want] = []
        won = False
        for want in () if isinstance(wants, bytes) else spread(wants):
            if isinstance(want, Head):
                if want.status >= 400:
                    return _joined(found, self._lose(now))
                found += self._yield(now)
                won = True
                if not self._committed:
                    found.append(want)
            elif isinstance(want, WakeAt) and not won:
                self._second_at = want.when
            else:
                found.append(want)
        if self._second.waits_for_a_place:
            return _joined(found, _joined(self._drop(now), self._lose(now)))
        return found if won else (*found, self._wake(now))

    def _own(self, wants: Wants, now: float) -> Wants:
        """What this exchange itself wants, beside the second one."""
        under_way = self._phase in (_CALLING, _FETCHING, _QUEUED, _RESTING)
        if self._second is not None:
            self._agree()
        if self._second is None or self._won or self._held is not None or under_way:
            return wants
        told = () if isinstance(wants, bytes) else spread(wants)
        if self._phase is _OVER and (self._refused or any(isinstance(w, Head) and w.status >= 400 for w in told)):
            self._held = [want for want in told if not isinstance(want, Cancel)]
            return (*(want for want in told if isinstance(want, Cancel)), self._wake(now))
        return _joined(self._drop(now), wants)

    def _agree(self) -> None:
        """Each knows of the other's calls: together they may make so many."""
        second = self._second
        assert second is not None
        self.made_elsewhere(second.calls)
        second.made_elsewhere(self.calls)

    def _yield(self, now: float) -> tuple[Want, ...]:
        """The second has an answer: the first is let go."""
        self._won = True
        if self._held is not None:  # the first is over already
            self._held = None
            return ()
        hedging, backend, offer = self._house.guards.hedging, self._backend, self._offer
        if hedging is not None and backend is not None and offer is not None:
            hedging.seen(backend.id, offer.upstream, now - self._dispatched)  # it took that long at least
        cancel = self._release(now)
        self._over(now)
        return cancel

    def _lose(self, now: float) -> Wants:
        """The second has failed: the first goes on alone, or its own failure is told."""
        self._second = None
        self._second_at = math.inf
        held, self._held = self._held, None
        return held if held is not None else (self._wake(now),)

    def _drop(self, now: float) -> Wants:
        """The second is not needed any more."""
        second, self._second = self._second, None
        self._second_at = math.inf
        return second.client_gone(now) if second is not None else None

    def _wake(self, now: float) -> WakeAt:
        return WakeAt(self._second_at if self._phase is _OVER else self._next_wake(now))

    def _refuse(self, error: OllamuxError, now: float, decision: HeaderPairs = ()) -> tuple[Want, ...]:
        self._refused = True
        return ModelExchange._refuse(self, error, now, decision)


def _joined(first: Wants, second: Wants) -> Wants:
    """Both, in this order."""
    if first is None or second is None:
        return second if first is None else first
    parts = [(Data(part),) if isinstance(part, bytes) else part for part in (first, second)]
    return (*parts[0], *parts[1])
