"""What a client is told of the decision behind its answer, in headers.

Strategy: what is told of the one who answers is kept with its standing, by the latency that it tells: that is what
changes most often, and then among a few values. The alternatives change with nearly every request where many run, so
they are put behind it each time, and are no part of what is kept.

Rules: texts are made for headers that go out, and for nothing else; what is kept is told again only where all that it
says is as it was; it is bounded for each standing.
"""

from __future__ import annotations

from ollamux.contract import HeaderPairs
from ollamux.routing.catalog import Offer
from ollamux.routing.plan import Candidate, Plan, rough
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("Told", "told", "why")

_ALTERNATIVES = 3
_LATENCIES = 8
"""Of so many the headers are kept for each standing."""
_KINDS = 4
"""The same of media types, for each of those."""


class Told:
    """What is told of a first choice, while a plan says the same of it: `pairs`, after `first`, the backend's own."""

    __slots__ = (
        "_first",
        "_kind",
        "_kinds",
        "_last",
        "_leaning",
        "_others",
        "_primary",
        "_strategy",
        "_tier",
        "_watts",
        "pairs",
    )

    def __init__(self, plan: Plan, first: HeaderPairs, latency: int) -> None:
        self._first = first
        self._strategy: Strategy = plan.strategy
        self._leaning = plan.ask.leaning
        self._tier = plan.tier
        self._primary = plan.primary
        self._watts = plan.watts
        self.pairs = _headers(plan.chosen, plan.reason, latency, plan.watts)
        self._kinds: dict[str, HeaderPairs] = {}
        self._kind = self._others = ""
        self._last: HeaderPairs = ()

    def holds(self, plan: Plan, first: HeaderPairs) -> bool:
        """Whether that is what is to be told of this plan's first choice, at the same latency."""
        return (
            plan.primary == self._primary
            and plan.watts == self._watts
            and plan.tier == self._tier
            and plan.strategy is self._strategy
            and plan.ask.leaning == self._leaning
            and first is self._first
        )

    def headers(self, kind: str, others: str) -> HeaderPairs:
        """All of them, after those of a media type where there is one; the very same tuple where that is what was asked
        for last."""
        if self._last and others == self._others and kind == self._kind:
            return self._last
        found = self._kinds.get(kind)
        if found is None:
            found = _typed(kind, self._first + self.pairs)
            if len(self._kinds) < _KINDS:
                self._kinds[kind] = found
        if others:
            found = (*found, ("X-Alternatives", others))
        self._kind, self._others, self._last = kind, others, found
        return found


def why(plan: Plan, offer: Offer) -> str:
    """Why this offer answers, in one line."""
    best = plan.chosen
    if offer is best.offer:
        return plan.reason
    return f"{plan.strategy.name}: {offer.backend}, for {best.station.id} failed or had no place"


def told(plan: Plan, offer: Offer, first: HeaderPairs, kind: str = "") -> HeaderPairs:
    """The headers by which a client is told who answers, after those of the media type `kind` where it is given:
    `first`, the backend's own, and why, which an offer that was no candidate of the plan has none of."""
    standing = plan.chosen
    if offer is not standing.offer:
        return _typed(kind, first + _rarely_told(plan, offer))
    latency = rough(plan.latency_ms)
    found = standing.said.get(latency)
    if found is None or not found.holds(plan, first):
        if len(standing.said) >= _LATENCIES:
            standing.said.clear()
        found = standing.said[latency] = Told(plan, first, latency)
    return found.headers(kind, ", ".join(plan.alternatives))


def _rarely_told(plan: Plan, offer: Offer) -> HeaderPairs:
    """Why one answers who was not the first choice."""
    candidates = plan.candidates
    found = [each for each in candidates if each.offer is offer]
    if not found:
        return ()
    seen: Candidate = found[0]
    pairs = _headers(seen.standing, why(plan, offer), rough(seen.latency_ms), seen.watts)
    others = [each.backend for each in candidates if each is not seen]
    return (*pairs, ("X-Alternatives", ", ".join(others[:_ALTERNATIVES]))) if others else pairs


def _headers(standing: Standing, reason: str, latency: int, watts: float) -> HeaderPairs:
    return (
        ("X-Provider-Used", standing.station.provider),
        ("X-Routing-Reason", reason),
        ("X-Estimated-Latency-Ms", str(latency)),
        ("X-Estimated-Power-Watts", f"{watts:g}"),
    )


def _typed(kind: str, headers: HeaderPairs) -> HeaderPairs:
    return (("Content-Type", kind), *headers) if kind else headers
