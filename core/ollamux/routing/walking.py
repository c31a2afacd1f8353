"""The walk over a field: the few best of those that pass the filters, and what those that are full will free.

Strategy: each standing falls into a tier (ready, full, out) and is compared by the strategy's `primary` and `rate`; who
is no better than the last of those that are kept is not asked whether he would pass.

Rule: ties keep the order of the field; nothing is changed but what belongs to the decision that is being made.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Field, Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("OUT", "freed", "latency", "walk")

OUT = 0
"""The tier of who is out: see `station`."""
_OUT = OUT
_KEPT = 4
"""How many of the best are put in order at once."""
_LAST = _KEPT - 1


def latency(standing: Standing, ask: Ask) -> float:
    """Milliseconds to the first token of this request there, with what it waits for."""
    return standing.wait_ms + ask.extra * standing.read_ms + standing.station.queue_ms


def walk(field: Field, ask: Ask, strategy: Strategy, needs: int, first: list[Standing]) -> int:
    """Puts the best of those that pass the filters in order, and says how many it kept. Who is no better than those is
    not asked whether he would pass."""
    size = 0
    strict = ask.strict
    # Of those that are kept, the best first: where they stand in the field, and how they compare.
    numbers = [0, 0, 0, 0]
    tiers = [0, 0, 0, 0]
    primaries = [0.0, 0.0, 0.0, 0.0]
    rates = [0.0, 0.0, 0.0, 0.0]
    number = -1
    for standing in field.standings:
        number += 1
        tier = _OUT if standing.out else standing.station.tier
        if size == _KEPT and tier < tiers[_LAST]:
            continue
        primary = strategy.primary(standing, ask)
        if size == _KEPT and tier == tiers[_LAST] and primary < primaries[_LAST]:
            continue
        rate = strategy.rate(standing, ask)
        if size == _KEPT and tier == tiers[_LAST] and primary == primaries[_LAST] and rate <= rates[_LAST]:
            continue
        careful = strict or standing.blocked or standing.station.blocked or needs & ~standing.able
        if careful and ask.filtered(standing, needs):
            continue
        standing.tier = tier
        standing.primary = primary
        standing.rate = rate
        if size < _KEPT:
            size += 1
        place = size - 1
        while place > 0:  # ties keep their order
            before = place - 1
            if tier != tiers[before]:
                if tier < tiers[before]:
                    break
            elif primary != primaries[before]:
                if primary < primaries[before]:
                    break
            elif rate <= rates[before]:
                break
            numbers[place] = numbers[before]
            tiers[place] = tiers[before]
            primaries[place] = primaries[before]
            rates[place] = rates[before]
            place = before
        numbers[place] = number
        tiers[place] = tier
        primaries[place] = primary
        rates[place] = rate
    for place in range(size):
        first.append(field.standings[numbers[place]])
    return size


def freed(field: Field, ask: Ask, strategy: Strategy, needs: int, least: float, than_ms: float) -> tuple[float, float]:
    """How many places those free in a millisecond that are full, compare no worse, and would be sooner than that; and
    their milliseconds to the first token, on average over the places."""
    rate = sooner = 0.0
    strategy.prepare(field, ask)
    for standing in field.standings:
        station = standing.station
        if standing.cold or standing.out or not station.full or station.busy_ms <= 0:
            continue
        first = standing.wait_ms + ask.extra * standing.read_ms
        if first < than_ms and strategy.primary(standing, ask) >= least and not ask.filtered(standing, needs):
            places = station.slots / station.busy_ms
            rate += places
            sooner += places * first
    return rate, sooner / rate if rate > 0 else 0.0
