"""The decision behind a request: whom it is sent to, in which order, and what is told of that.

Strategy: what is known of a backend at this moment (whether it can be called, how it is, whether its circuits are open,
how many run and wait there) is read from the machines that own it when a plan is made, so that a plan is never older
than what they know. Then the planner orders the offers. Where an order is given already (`auto` has ranked several
models, or load balancing is off) it stays, and what the filters rule out is taken out of it.

Rules: nothing is sent here and nothing is remembered; texts are made for headers that go out, and for nothing else; a
plan's first few are all that a request looks at before something fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.contract import HeaderPairs
from ollamux.formats.asking import Incoming
from ollamux.resilience.admission import Admission
from ollamux.resilience.circuits import Circuits
from ollamux.routing.affinity import marks
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.plan import Plan
from ollamux.routing.refusing import refuse
from ollamux.routing.standing import Field
from ollamux.routing.station import DEGRADED, OUT, READY

if TYPE_CHECKING:
    from ollamux.backends import Backend
    from ollamux.exchange.base import House

__all__ = ("asked", "brought_up_to_date", "decided", "in_order", "planned", "told", "why")

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


def planned(house: House, offers: tuple[Offer, ...], ask: Ask, now: float, waiting: int) -> Plan | None:
    """The plan, where offers of one name are to be put in order: None where their order is given. `waiting` others wait
    for a place. Raises InvalidRequest where what the request asks leaves nobody, and Busy where nobody is left now."""
    name = offers[0].name
    if not house.balances or not all(offer.name == name for offer in offers):
        return None
    field = house.planner.fleet.field(offers)
    brought_up_to_date(house, field, now)
    return house.planner.plan(field, ask, now, waiting)


def in_order(house: House, name: str, offers: tuple[Offer, ...], ask: Ask, now: float) -> list[tuple[Offer, Backend]]:
    """The offers that pass the filters, in the order that is given. Raises as `planned`."""
    field = Field(name, offers, [house.planner.fleet.standing(offer) for offer in offers])
    brought_up_to_date(house, field, now)
    field.refresh(now)
    needs = ask.needs
    left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left and needs:  # that nobody can do it is the format's to tell
        needs = 0
        left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left:
        refuse(field, ask, needs, now)
    left.sort(key=lambda standing: standing.out or standing.station.condition == OUT)
    return [(standing.offer, house.backend(standing.station.id)) for standing in left]


def decided(
    house: House, name: str, offers: tuple[Offer, ...], ask: Ask, now: float
) -> tuple[list[tuple[Offer, Backend]], Plan | None]:
    """The candidates in their order, of a plan's its first few; and the plan where one was made. Raises as
    `planned`."""
    plan = planned(house, offers, ask, now, house.admission.waiting)
    if plan is None:
        return in_order(house, name, offers, ask, now), None
    return [(offer, house.backend(offer.backend)) for offer in plan.firsts], plan


def brought_up_to_date(house: House, field: Field, now: float) -> None:
    """Tells the standings of a field what is known of their backends now."""
    admission: Admission = house.admission
    circuits: Circuits = house.guards.circuits
    any_open = bool(circuits.opened)
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
        queued = admission.waiting_for(station.id)
        apart = max(admission.running(station.id) - station.running, 0)
        if condition != station.condition or queued != station.queued or apart != station.apart:
            station.reading(condition=condition, queued=queued, apart=apart)
        if any_open or standing.out:
            out = any_open and circuits.standing(station.id, standing.offer.upstream, now) == "open"
            if out != standing.out:
                standing.reading(now, condition=OUT if out else READY)


def why(plan: Plan, offer: Offer) -> str:
    """Why this offer answers, in one line."""
    if offer is plan.best.offer:
        return plan.reason
    return f"{plan.strategy.name}: {offer.backend}, for {plan.best.backend} failed or had no place"


def told(plan: Plan, offer: Offer) -> HeaderPairs:
    """The headers that say why this offer answers; none where it was no candidate of the plan."""
    best = plan.best
    if offer is best.offer:
        chosen, reason, others = best, plan.reason, plan.alternatives
    else:
        found = [each for each in plan.candidates if each.offer is offer]
        if not found:
            return ()
        chosen, reason = found[0], why(plan, offer)
        others = tuple([each.backend for each in plan.candidates if each is not chosen])
    pairs = [
        ("X-Provider-Used", chosen.standing.station.provider),
        ("X-Routing-Reason", reason),
        ("X-Estimated-Latency-Ms", f"{chosen.latency_ms:.0f}"),
        ("X-Estimated-Power-Watts", f"{chosen.watts:g}"),
    ]
    if others:
        pairs.append(("X-Alternatives", ", ".join(others[:_ALTERNATIVES])))
    return tuple(pairs)
