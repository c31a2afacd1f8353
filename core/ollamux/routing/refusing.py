"""Why a request has nobody to go to, in words: which filter left out the last candidate, and what would have done.

Rules: a filter that says no for good makes it the request's fault (400), one that says not now is a 503 that tells when
to come back; a text names backends by their ids, and at most a few of them.
"""

from __future__ import annotations

from typing import NoReturn

from ollamux.errors import Busy, InvalidRequest
from ollamux.routing.ask import AVAILABILITY, FILTERS, LOAD, Ask
from ollamux.routing.standing import Field, Standing

__all__ = ("refuse",)

_NAMED = 4
_PATIENCE = 5.0
_LONGEST = 300.0
"""Seconds to wait before one tries again: where nobody knows how many, and at most."""


def refuse(field: Field, ask: Ask, needs: int, now: float) -> NoReturn:
    """Says which filter removed the last candidate."""
    verdicts = [(ask.filtered(standing, needs), standing) for standing in field.standings]
    last = max(number for number, _ in verdicts)
    lost = [standing for number, standing in verdicts if number == last]
    if last < AVAILABILITY:
        name = ask.named(last)
        told = f"{name} leaves no backend for {field.name!r}: {_lacking(FILTERS[last], lost, field, ask)}"
        raise InvalidRequest(told, param=name)
    waits = [standing.station.excluded_until - now for standing in lost if standing.station.excluded_until > now]
    if last == LOAD:
        waits = [standing.station.queue_ms / 1000.0 for standing in lost]
    after = min(max(min(waits, default=_PATIENCE), 1.0), _LONGEST)
    why = "; ".join(dict.fromkeys(_waiting(standing, last) for standing in lost[:_NAMED]))
    raise Busy(f"no backend for {field.name!r} is free now: {why}", retry_after=after)


def _lacking(name: str, lost: list[Standing], field: Field, ask: Ask) -> str:
    """What would have been needed."""
    quickest = min(lost, key=lambda standing: standing.wait_ms)
    leanest = min(lost, key=lambda standing: standing.station.watts)
    ids = ", ".join(dict.fromkeys(standing.station.id for standing in lost))
    if name == "X-Target-Backend" and any(standing.station.number == ask.target for standing in field.standings):
        return f"it cannot do what the request needs; {ids} can"
    match name:
        case "X-Target-Backend":
            return f"it is served by {ids}"
        case "X-Provider":
            return f"it is served by {', '.join(sorted({standing.station.provider for standing in lost}))}"
        case "X-Region" | "routing.regions":
            where = sorted({standing.station.region or "nowhere that is known" for standing in lost})
            return f"it is served in {', '.join(where)}"
        case "X-Media-Type":
            return f"{ids} cannot read images"
        case "X-Max-Power-Watts":
            return f"{leanest.station.id} draws the least, {leanest.station.watts:g} W"
        case _:
            return f"{quickest.station.id} is the quickest, with about {quickest.wait_ms:.0f} ms to the first token"


def _waiting(standing: Standing, number: int) -> str:
    """Why it is not to be had now."""
    station = standing.station
    if number == AVAILABILITY:
        return f"{station.id} cannot be called" + (f" ({station.trouble})" if station.trouble else "")
    if number == LOAD:
        return f"{station.id} needs about {standing.wait_ms + station.queue_ms:.0f} ms to the first token"
    return f"{station.id} is ruled out by {station.excluded_by}"
