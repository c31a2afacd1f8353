"""What a client is told of the decision behind its answer, in lines of its head.

Strategy: all that is told of the one who answers is encoded once and kept with its standing, in pieces between which
the two things stand that change with nearly every request where many run: the latency, and the alternatives.

Rules: texts are made for headers that go out, and for nothing else; what is kept is told again only where all that it
says is as it was.
"""

from __future__ import annotations

from ollamux.contract import HeaderPairs
from ollamux.head_lines import line_of, value_of
from ollamux.routing.catalog import Offer
from ollamux.routing.plan import Candidate, Plan, rough
from ollamux.routing.strategies.base import Strategy

__all__ = ("Told", "told", "why")

_ALTERNATIVES = 3
_NUMBERS: dict[int, bytes] = {}
"""Latencies as text; rough as they are, there are fewer than a thousand."""


class Told:
    """What is told of a first choice, while a plan says the same of it: `before` the latency, `between` the two places
    where it stands, and after it, `alone` where there is no alternative and `beside` where those follow."""

    __slots__ = (
        "_first",
        "_leaning",
        "_primary",
        "_strategy",
        "_tier",
        "_watts",
        "alone",
        "before",
        "beside",
        "between",
    )

    def __init__(self, plan: Plan, first: HeaderPairs) -> None:
        self._first = first
        self._strategy: Strategy = plan.strategy
        self._leaning = plan.ask.leaning
        self._tier = plan.tier
        self._primary = plan.primary
        self._watts = plan.watts
        reason, rest = plan.around_latency()
        provider = line_of("X-Provider-Used", plan.chosen.station.provider)
        self.before = _lines(first) + provider + b"X-Routing-Reason: " + value_of(reason)
        self.between = rest.encode() + b"\r\nX-Estimated-Latency-Ms: "
        self.alone = b"\r\n" + line_of("X-Estimated-Power-Watts", f"{plan.watts:g}")
        self.beside = self.alone + b"X-Alternatives: "

    def holds(self, plan: Plan, first: HeaderPairs) -> bool:
        """Whether that is what is to be told of this plan's first choice."""
        return (
            plan.primary == self._primary
            and plan.watts == self._watts
            and plan.tier == self._tier
            and plan.strategy is self._strategy
            and plan.ask.leaning == self._leaning
            and first is self._first
        )


def why(plan: Plan, offer: Offer) -> str:
    """Why this offer answers, in one line."""
    best = plan.chosen
    if offer is best.offer:
        return plan.reason
    return f"{plan.strategy.name}: {offer.backend}, for {best.station.id} failed or had no place"


def told(plan: Plan, offer: Offer, first: HeaderPairs) -> bytes:
    """The lines by which a client is told who answers: `first`, the backend's own headers, and why, which an offer that
    was no candidate of the plan has none of."""
    standing = plan.chosen
    if offer is not standing.offer:
        return _rarely_told(plan, offer, first)
    kept = standing.said
    if kept is None or not kept.holds(plan, first):
        kept = standing.said = Told(plan, first)
    latency = rough(plan.latency_ms)
    number = _NUMBERS.get(latency)
    if number is None:
        number = _NUMBERS[latency] = b"%d" % latency
    best = plan.first
    size = len(best)
    if size == 1:
        return b"".join((kept.before, number, kept.between, number, kept.alone))
    other = best[1]
    second, third, fourth = other.station.label, b"", b""
    if size > 2:
        other = best[2]
        third = other.station.behind
    if size > 3:
        other = best[3]
        fourth = other.station.behind
    return b"".join((kept.before, number, kept.between, number, kept.beside, second, third, fourth, b"\r\n"))


def _rarely_told(plan: Plan, offer: Offer, first: HeaderPairs) -> bytes:
    """The same of one who was not the first choice."""
    candidates = plan.candidates
    found = [each for each in candidates if each.offer is offer]
    if not found:
        return _lines(first)
    seen: Candidate = found[0]
    others = [each.backend for each in candidates if each is not seen]
    pairs = (
        *first,
        ("X-Provider-Used", seen.standing.station.provider),
        ("X-Routing-Reason", why(plan, offer)),
        ("X-Estimated-Latency-Ms", str(rough(seen.latency_ms))),
        ("X-Estimated-Power-Watts", f"{seen.watts:g}"),
    )
    return _lines((*pairs, ("X-Alternatives", ", ".join(others[:_ALTERNATIVES]))) if others else pairs)


def _lines(pairs: HeaderPairs) -> bytes:
    return b"".join([line_of(name, value) for name, value in pairs])
