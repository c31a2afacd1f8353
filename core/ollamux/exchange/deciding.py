"""The decision behind a request: whom it is sent to, in which order, and what is told of that.

Strategy: what is known of a backend at this moment (whether it can be called, how it is, how many run and wait there)
is read from the machines that own it when a plan is made, so that a plan is never older than what they know. Then the
planner orders the offers. Where an order is given already (`auto` has ranked several models, or load balancing is off)
it stays, and what the filters rule out is taken out of it.

Rules: nothing is sent here and nothing is remembered; texts are made for headers that go out, and for nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.contract import HeaderPairs
from ollamux.formats.asking import Incoming
from ollamux.routing.affinity import marks
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.plan import Plan, refuse
from ollamux.routing.standing import Field
from ollamux.routing.station import DEGRADED, OUT, READY

if TYPE_CHECKING:
    from ollamux.backends import Backend
    from ollamux.exchange.base import House

__all__ = ("asked", "brought_up_to_date", "decided", "told")

_ALTERNATIVES = 3
_BY_PREFIX = "prefix_affinity"


def asked(
    house: House,
    incoming: Incoming,
    format_: str,
    wishes: Constraints | None,
    *,
    body: bytes = b"",
    tokens: float = 0.0,
    elapsed: float = 0.0,
) -> Ask:
    """What a request asks of a plan. `tokens` is about how long its prompt is, `elapsed` the seconds since it arrived.
    Raises InvalidRequest where it names what is not there."""
    planner = house.planner
    strategy = wishes.strategy if wishes is not None and wishes.strategy else planner.default.name
    return planner.ask(
        wishes,
        needs=incoming.needs,
        format_=format_,
        tokens_in=int(tokens),
        prefix=marks((body,)) if strategy == _BY_PREFIX else (),
        elapsed_ms=elapsed * 1000.0,
    )


def decided(
    house: House, name: str, offers: tuple[Offer, ...], ask: Ask, now: float
) -> tuple[list[tuple[Offer, Backend]], Plan | None]:
    """The candidates in their order, and the plan where one was made. Raises InvalidRequest where what the request asks
    leaves nobody, and Busy where nobody is left for now."""
    planner = house.planner
    alike = all(offer.name == offers[0].name for offer in offers)
    if house.balances and alike:
        field = planner.fleet.field(offers)
        brought_up_to_date(house, field)
        plan = planner.plan(field, ask, now, house.admission.waiting)
        return [(each.offer, house.backend(each.backend)) for each in plan.candidates], plan
    field = Field(name, offers, [planner.fleet.standing(offer) for offer in offers])
    brought_up_to_date(house, field)
    field.refresh(now)
    needs = ask.needs
    left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left and needs:  # that nobody can do it is the format's to tell
        needs = 0
        left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left:
        refuse(field, ask, needs, now)
    left.sort(key=lambda standing: standing.station.condition == OUT)
    return [(standing.offer, house.backend(standing.station.id)) for standing in left], None


def brought_up_to_date(house: House, field: Field) -> None:
    """Tells the stations of a field what is known of their backends now."""
    admission = house.admission
    for standing in field.standings:
        station = standing.station
        backend = house.backend(station.id)
        callable_ = backend.callable
        if callable_ != station.callable or not callable_:
            station.allow(callable_, backend.trouble)
        health = backend.health
        if not health.usable:
            condition = OUT
        else:
            condition = DEGRADED if health.condition == "degraded" else READY
        queued = admission.waiting_for(station.id) + max(admission.running(station.id) - station.running, 0)
        if condition != station.condition or queued != station.queued:
            station.reading(condition=condition, queued=queued)


def told(plan: Plan, offer: Offer) -> HeaderPairs:
    """The headers that say why this offer answers; none where it was no candidate of the plan."""
    chosen = next((each for each in plan.candidates if each.offer is offer), None)
    if chosen is None:
        return ()
    reason = plan.reason
    if chosen is not plan.best:
        reason = f"{plan.strategy.name}: {chosen.backend}, for {plan.best.backend} failed or had no place"
    pairs = [
        ("X-Provider-Used", chosen.standing.station.provider),
        ("X-Routing-Reason", reason),
        ("X-Estimated-Latency-Ms", f"{chosen.latency_ms:.0f}"),
        ("X-Estimated-Power-Watts", f"{chosen.watts:g}"),
    ]
    others = [each.backend for each in plan.candidates if each is not chosen][:_ALTERNATIVES]
    if others:
        pairs.append(("X-Alternatives", ", ".join(others)))
    return tuple(pairs)
