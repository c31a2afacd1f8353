"""The score of a candidate: one formula in points, of which one is a millisecond of a person's waiting.

::

    score = priority + preference - waiting - pace - power - price - heat - trust

    priority    10 for each step of the backend's priority (50 where unset)
    preference  200 where the configuration prefers this model there (`preferred_models`)
    waiting     latency * (first_ms for this prompt + load_ms if the model is not in memory + queue_ms)
    pace        latency * 20 * token_ms: a tenth of the time that 200 tokens take
    power       power * 0.25 * watts * answer_s: joules of an answer of 200 tokens, a quarter of a point each
    price       price * 50000 * dollars of this request, so that a cent is worth half a second
    heat        the penalty that the hardware part hands in, as it is
    trust       1000 * the decaying share of failures, and 500 more where it is degraded

`latency`, `power` and `price` are 1 unless the request leans: X-Latency-Critical (or a realtime or audio medium) makes
them 4, 0 and 0.25, X-Power-Efficient 0.25, 40 and 1, both together 2, 20 and 0.5; a request that says nothing leans as
the efficiency mode does (`hardware.efficiency`). Where nobody knows a price, that of an ordinary model is assumed
(`ASSUMED_IN`, `ASSUMED_OUT`). The estimates are explained in `standing` and `station`.

Rule: `score` is the sum of the `Terms`, without taking them down; of a request of ordinary weights nearly all of it is
there already (`Standing.base`).
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import ASSUMED_IN, ASSUMED_OUT, DOLLAR, JOULE, PACE, Standing

__all__ = ("LEANINGS", "PREFERENCE", "PRIORITY", "TERMS", "Terms", "dollars", "score")

PRIORITY = 10.0
_PRIORITY = PRIORITY
PREFERENCE = 200.0
_PACE, _JOULE, _DOLLAR, _IN, _OUT = PACE, JOULE, DOLLAR, ASSUMED_IN, ASSUMED_OUT
LEANINGS: dict[tuple[bool, bool], tuple[float, float, float]] = {
    (True, False): (4.0, 0.0, 0.25),
    (False, True): (0.25, 40.0, 1.0),
    (True, True): (2.0, 20.0, 0.5),
}
"""The weights of latency, power and price, by whether time and whether power is what the client cares for."""

TERMS: tuple[str, ...] = ("priority", "preference", "waiting", "pace", "power", "price", "heat", "trust")
"""The names of the terms, in the order of the formula."""


def dollars(standing: Standing, ask: Ask) -> float:
    """What the request is expected to cost there, in US dollars; a guess where nobody knows the price."""
    if ask.plain and standing.priced:
        return standing.bill + ask.extra * standing.cost_in
    if standing.priced:
        return standing.cost_each + ask.tokens_in * standing.cost_in + ask.tokens_out * standing.cost_out
    return ask.tokens_in * _IN + ask.tokens_out * _OUT


def score(standing: Standing, ask: Ask) -> float:
    """Points, more is better. See the module."""
    station = standing.station
    if ask.plain:
        return standing.base - ask.extra * standing.slope - station.queue_ms - station.burden
    return (
        standing.merit
        - ask.latency * (standing.wait_ms + ask.extra * standing.read_ms + station.queue_ms + _PACE * standing.token_ms)
        - ask.power * _JOULE * station.watts * standing.answer_s
        - ask.price * _DOLLAR * dollars(standing, ask)
        - station.burden
        - standing.distrust
    )


class Terms:
    """The score of one candidate and its terms, each with its sign, as they were at one moment."""

    __slots__ = (*TERMS, "score")

    def fill(self, standing: Standing, ask: Ask) -> None:
        """Takes them down."""
        station = standing.station
        self.priority = _PRIORITY * standing.priority
        self.preference = standing.merit - self.priority
        self.waiting = -ask.latency * (standing.wait_ms + ask.extra * standing.read_ms + station.queue_ms)
        self.pace = -ask.latency * _PACE * standing.token_ms
        self.power = -ask.power * _JOULE * station.watts * standing.answer_s
        self.price = -ask.price * _DOLLAR * dollars(standing, ask)
        self.heat = -station.heat
        self.trust = station.heat - station.burden - standing.distrust
        self.score = (
            self.priority
            + self.preference
            + self.waiting
            + self.pace
            + self.power
            + self.price
            + self.heat
            + self.trust
        )

    @property
    def terms(self) -> dict[str, float]:
        """By their names, in the order of `TERMS`."""
        return {name: getattr(self, name) for name in TERMS}
