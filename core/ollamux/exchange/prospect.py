"""What a request that waits for a place would do now: its plan, made anew whenever it is asked.

Strategy: the queue asks the first of each model's line, in two rounds (`Plan.goes`), whenever a place comes free,
somebody joins, or something is learned of a backend. The answer rests on all that is known then: the speed, the places,
what is in memory, the circuits. Where patience is what holds it back, the moment at which that ends is its alarm.

Rules: it stands for a request that was not called yet; what it finds changes nothing that another plan could see.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ollamux.errors import OllamuxError
from ollamux.exchange.deciding import planned
from ollamux.routing.ask import AVAILABILITY, Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.plan import Plan

if TYPE_CHECKING:
    from ollamux.exchange.base import House

__all__ = ("Prospect",)

_SOON = 0.01
"""Seconds until it is asked again at the soonest."""


class Prospect:
    """See the module. `plan` is the last one; `wanted` are the backends to which a plan may ever send it, `group` the
    name of what they serve; `alarm` is when it is to be asked again though nothing happened, infinite for never."""

    __slots__ = ("_arrived", "_ask", "_house", "_name", "_offers", "_stuck", "alarm", "group", "plan", "wanted")

    def __init__(self, house: House, plan: Plan, name: str, arrived: float) -> None:
        self._house = house
        self._ask: Ask = plan.ask
        self._name = name
        self._offers: tuple[Offer, ...] = plan.field.offers
        self._arrived = arrived
        self._stuck = False
        self.plan = plan
        self.group = plan.field.name
        self.alarm = math.inf
        self.wanted: tuple[str, ...] = ()

    def waits(self) -> None:
        """It waits, for one of those that no filter leaves out for good: they are `wanted`."""
        ask, needs = self._ask, self.plan.needs
        self.wanted = tuple(
            [
                standing.station.id
                for standing in self.plan.field.standings
                if not 0 < ask.filtered(standing, needs) < AVAILABILITY
            ]
        )

    def goes(self, now: float, first_round: bool) -> str:
        """The backend to whose place it goes now, empty where it waits on. The second round asks of the first's
        plan."""
        if first_round:
            self._stuck = not self._plan_anew(now)
        if self._stuck:
            return ""
        plan, waited = self.plan, now - self._arrived
        if plan.goes(waited, first_round):
            return plan.chosen.station.id
        if not first_round:
            patience = plan.patience
            self.alarm = max(self._arrived + patience, now + _SOON) if patience > waited else math.inf
        return ""

    def _plan_anew(self, now: float) -> bool:
        """False where there is nobody now to whom it could go."""
        house, ask = self._house, self._ask
        self.alarm = math.inf
        wishes = ask.wishes
        if wishes is not None and wishes.deadline_ms is not None:
            ask.until(wishes.deadline_ms - (now - self._arrived) * 1000.0)
        self._offers = house.catalog.find(self._name) or self._offers
        try:
            plan = planned(house, self._offers, ask, now, house.admission.waiting - 1)
        except OllamuxError:
            return False
        if plan is None:
            return False
        self.plan = plan
        return True
