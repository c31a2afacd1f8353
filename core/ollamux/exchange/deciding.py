"""The decision behind a request: whom it is sent to, and in which order.

Strategy: what is known of a backend at this moment (whether it can be called, how it is, whether its circuits are open,
how many run and wait there) is read from the machines that own it when a plan is made, so that a plan is never older
than what they know; whoever changes puts its backend's id where it is found then. After that the planner orders the
offers. Where an order is given already (`auto` has ranked several models, or load balancing is off) it stays, and what
the filters rule out is taken out of it.

Rules: nothing is sent here and nothing is remembered; a plan's first few are all that a request looks at before
something fails. What is told of a decision stands in `telling`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats.asking import Incoming
from ollamux.resilience.admission import Admission
from ollamux.resilience.circuits import Circuits
from ollamux.routing.affinity import marks
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import BY_PREFIX, Plan
from ollamux.routing.standing import Field, Standing
from ollamux.routing.station import DEGRADED, OUT, READY, Station

if TYPE_CHECKING:
    from ollamux.backends import Backend
    from ollamux.exchange.base import House

__all__ = ("asked", "best_few", "brought_up_to_date", "decided", "in_order", "planned")


def asked(
    house: House,
    incoming: Incoming,
    format_: str,
    wishes: Constraints | None,
    body: bytes = b"",
    tokens: float = 0.0,
    elapsed: float = 0.0,
) -> Ask:
    """What a request asks of a plan. `tokens` is about how long its prompt is, `elapsed` the seconds since it arrived.
    Raises InvalidRequest where it names what is not there."""
    planner = house.planner
    if wishes is None and not planner.by_prefix:
        fleet = planner.fleet
        return fleet.plain(incoming.needs, format_, int(tokens))
    strategy = wishes.strategy if wishes is not None and wishes.strategy else planner.default.name
    return planner.ask(
        wishes,
        needs=incoming.needs,
        format_=format_,
        tokens_in=int(tokens),
        prefix=marks((body,)) if strategy == BY_PREFIX else (),
        elapsed_ms=elapsed * 1000.0,
    )


def planned(house: House, offers: tuple[Offer, ...], ask: Ask, now: float, waiting: int) -> Plan | None:
    """The plan, where offers of one name are to be put in order: None where their order is given. `waiting` others wait
    for a place. Raises InvalidRequest where what the request asks leaves nobody, and Busy where nobody is left now."""
    if not house.balances:
        return None
    planner = house.planner
    fleet = planner.fleet
    field = fleet.known(offers)
    if field is None:
        name = offers[0].name
        if [offer for offer in offers if offer.name != name]:
            return None
        field = fleet.field(offers)
    brought_up_to_date(house, now)
    return planner.plan(field, ask, now, waiting)


def in_order(house: House, name: str, offers: tuple[Offer, ...], ask: Ask, now: float) -> list[tuple[Offer, Backend]]:
    """The offers that pass the filters, in the order that is given. Raises as `planned`."""
    field = Field(name, offers, [house.planner.fleet.standing(offer) for offer in offers])
    brought_up_to_date(house, now)
    field.refresh(now)
    needs = ask.needs
    left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left and needs:  # that nobody can do it is the format's to tell
        needs = 0
        left = [standing for standing in field.standings if not ask.filtered(standing, needs)]
    if not left:
        from ollamux.routing.refusing import refuse

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
    return best_few(plan), plan


def best_few(plan: Plan) -> list[tuple[Offer, Backend]]:
    """The first few of a plan with their backends."""
    return [_pair(standing) for standing in plan.first]


def _pair(standing: Standing) -> tuple[Offer, Backend]:
    """An offer with its backend, kept."""
    if standing.pair is None:
        standing.pair = (standing.offer, standing.station.source)
    return standing.pair


def brought_up_to_date(house: House, now: float) -> None:
    """Tells stations and standings what is known of their backends now: of those of which something changed."""
    fleet = house.planner.fleet
    stale = fleet.stale
    admission: Admission = house.admission
    circuits: Circuits = house.guards.circuits
    if admission.moved:
        for places in admission.moved:
            places.moved = False
            station = fleet.stations.get(places.backend)
            if station is not None:
                station.admits(places.running)
        admission.moved = []
    if stale:
        changed = list(stale)
        stale.clear()
        for id_ in changed:
            if id_ in fleet.stations:
                _read(house, fleet.stations[id_], stale)
    if circuits.opened or fleet.out:
        _close_off(fleet, circuits, now)


def _read(house: House, station: Station, stale: set[str]) -> None:
    """How a backend is, whether it can be called, and how many run and wait there. One whose token may come and go is
    read again the next time."""
    backend: Backend | None = station.source
    if backend is None:
        backend = station.source = house.backend(station.id)
    health = backend.health
    callable_ = backend.can_be_called()
    if callable_ != station.callable or not callable_:
        station.allow(callable_, backend.trouble)
    if not callable_ or backend.token is not None:
        stale.add(station.id)
    if not health.usable:
        condition = OUT
    else:
        condition = DEGRADED if health.condition == "degraded" else READY
    admission: Admission = house.admission
    queued = admission.waiting_for(station.id)
    admitted = admission.running(station.id)
    if condition != station.condition or queued != station.queued or admitted != station.admitted:
        station.reading(condition=condition, queued=queued, admitted=admitted)


def _close_off(fleet: Fleet, circuits: Circuits, now: float) -> None:
    """Puts out the standings whose circuits are open, and lets those in again whose circuits are so no longer."""
    still: list[Standing] = []
    for standing in fleet.out:
        if circuits.standing(standing.station.id, standing.offer.upstream, now) == "open":
            still.append(standing)
        else:
            standing.reading(now, condition=READY)
    for breaker in circuits.opened:
        for standing in fleet.stations[breaker.backend].standings:
            if standing.out or (breaker.model and breaker.model != standing.offer.upstream):
                continue
            if circuits.standing(breaker.backend, standing.offer.upstream, now) == "open":
                standing.reading(now, condition=OUT)
                still.append(standing)
    fleet.out = still
