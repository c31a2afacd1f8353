"""What is known of one model of one backend, as plain numbers that a decision only has to read.

Strategy: a `Standing` is one model of one `Station` (how quick it has been, whether it is in memory, what it costs), a
`Field` the standings of one name in the order of the configuration. Whoever learns something tells it here, and what
follows from it is worked out at that moment, so that a decision is a walk over a field that reads and adds.

Estimates of time, in milliseconds:

- A decaying average follows each sample by the larger of `STEP` and `gap / (gap + MEMORY)`, `gap` being the seconds
  since the sample before: in a stream of samples it forgets slowly, after a long silence at once.
- The time to the first token grows with the prompt: beside its average the line through the samples is kept (decaying
  means, variance and covariance), so that `first_ms` is for a prompt of `REFERENCE_PROMPT` tokens, and `read_ms` what
  each further one takes; it is never so steep that an empty prompt would take less than nothing. Until prompts of two
  lengths were seen, half of the time is taken to be the prompt's on a machine of ours, a tenth of it in a cloud.
- An answer that came whole is a sample of both speeds: what is known of them, times the share by which it took longer
  than they let expect.
- Until the first sample the estimate is what the configuration tells, else what the kind of hardware suggests, else
  `EAGER` of the quickest known of the field, so that it is tried; but one request at a time: while that one runs, it
  is taken to be as slow as the field on average.
- An estimate that nobody has confirmed for `FRESH` seconds drifts to that first guess where the guess is better, by
  half in `MEMORY` seconds, so that who was slow once is tried again.

What a decision reads is worked out here as far as no request is needed: `base` and `slope` are the score (`score`) of a
request of ordinary weights and length, `base - extra * slope`, without what its backend adds; `bill` and `cost_in` are
its price in the same way.

What is held against it (`distrust`, points): `FAILING` times the share of failures, which decays by half in `DOUBT`
seconds, and `DEGRADED_COSTS` where it is degraded.

Rules: who calls `began` calls one of `ended`, `failed` and `left` once; nothing here decides.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ollamux.routing.catalog import Offer
from ollamux.routing.station import DEGRADED, DEGRADED_COSTS, OUT, READY, Station

__all__ = ("REFERENCE_PROMPT", "REFERENCE_TOKENS", "Field", "Standing")

REFERENCE_TOKENS = 200.0
"""The length of the answer by which backends are compared where nobody says how long it will be."""

REFERENCE_PROMPT = 500.0
"""The same for prompts."""

_TOKENS = REFERENCE_TOKENS
_PROMPT = REFERENCE_PROMPT
STEP = 0.2
MEMORY = 300.0
FRESH = 60.0
EAGER = 0.9
_LINE_STEP = 0.05
LOAD_MS = 2000.0
LOAD_BYTES_MS = 1e6
"""Bytes of a model that are read in a millisecond."""
REFRESH = 5.0
"""Seconds for which what drifts with time is left as it is."""
PACE = 20.0
JOULE = 0.25
DOLLAR = 50_000.0
ASSUMED_IN = 2e-6
ASSUMED_OUT = 8e-6
"""US dollars for a token, where nobody knows a price."""
_PACE, _JOULE, _DOLLAR, _IN, _OUT = PACE, JOULE, DOLLAR, ASSUMED_IN, ASSUMED_OUT
FAILING = 1000.0
DOUBT = 60.0
_SHUT, _ILL, _ILL_COSTS, _FAILING = OUT, DEGRADED, DEGRADED_COSTS, FAILING
_FIRST_MS = 500.0
_LOCAL_SHARE = 0.5
_CLOUD_SHARE = 0.1
_TOKEN_MS = 25.0


class Standing:
    """One model of one backend. `able` and `native` are bit sets of capabilities and of formats that it is called in.
    `merit` is what its priority and the operator's preference are worth. Times are milliseconds, costs US dollars:
    `cost_each` for a request, `cost_in` and `cost_out` for a token. `loaded` is None where nobody tells; `blocked` says
    that the configuration's regions leave it out; `home` that its backend is the vendor's whose models have such
    names. `tier`, `primary` and `rate` belong to the decision that is being made; `said` keeps what is told of it as
    a first choice (`exchange.telling`), `pair` its offer with the backend itself (`exchange.deciding`)."""

    __slots__ = (
        "_avg_first",
        "_avg_load",
        "_avg_prompt",
        "_avg_token",
        "_covariance",
        "_energy",
        "_failures",
        "_failures_at",
        "_first_at",
        "_load_at",
        "_loaded_at",
        "_quickest",
        "_size_ms",
        "_token_at",
        "_usual",
        "_variance",
        "able",
        "answer_s",
        "base",
        "bill",
        "blocked",
        "cold",
        "condition",
        "cost_each",
        "cost_in",
        "cost_out",
        "distrust",
        "first_ms",
        "home",
        "kwh_price",
        "load_ms",
        "measured",
        "merit",
        "name",
        "native",
        "offer",
        "out",
        "pair",
        "priced",
        "primary",
        "priority",
        "rate",
        "read_ms",
        "running",
        "said",
        "slope",
        "station",
        "tier",
        "token_ms",
        "told",
        "turn",
        "wait_ms",
    )

    first_ms: float
    read_ms: float
    token_ms: float
    load_ms: float
    wait_ms: float
    answer_s: float
    base: float
    bill: float
    slope: float
    distrust: float
    cost_each: float
    cost_in: float
    cost_out: float
    primary: float
    rate: float
    turn: float
    _avg_first: float
    _avg_prompt: float
    _avg_token: float
    _avg_load: float
    _covariance: float
    _variance: float
    _first_at: float
    _token_at: float
    _load_at: float
    _loaded_at: float
    _failures: float
    _failures_at: float
    _quickest: float
    _usual: float
    _size_ms: float

    def __init__(self, station: Station, offer: Offer, *, kwh_price: float = 0.0) -> None:
        self.station = station
        self.kwh_price = kwh_price
        self.condition = READY
        self.out = False
        self.running = 0
        self.turn = 0.5 / station.weight
        self.tier = 0
        self.primary = self.rate = self.base = self.slope = self.bill = 0.0
        self.cold = False
        self.measured = False
        self.first_ms = self.read_ms = self.token_ms = self.load_ms = self.wait_ms = self.answer_s = self.distrust = 0.0
        self._avg_first = self._avg_token = self._avg_load = -1.0
        self._first_at = self._token_at = self._load_at = self._loaded_at = 0.0
        self._avg_prompt = self._variance = self._covariance = 0.0
        self._failures = self._failures_at = 0.0
        self._quickest = self._usual = -1.0
        self.describe(offer)

    def describe(
        self,
        offer: Offer,
        *,
        able: int = 0,
        native: int = 0,
        merit: float = 0.0,
        home: bool = False,
        blocked: bool = False,
    ) -> None:
        """What the catalog and the configuration say of it now; what was measured stays."""
        self.said: Any = None
        self.pair: tuple[Offer, Any] | None = None
        self.offer = offer
        self.name = offer.name
        self.priority = offer.priority
        self.told = offer.told
        self.able = able
        self.native = native
        self.merit = merit
        self.home = home
        self.blocked = blocked
        self._size_ms = LOAD_MS + offer.info.size / LOAD_BYTES_MS
        self.cost_each = self.cost_in = self.cost_out = 0.0
        self.priced = self._energy = False
        self._price()
        self.estimate(self._first_at)

    # What the gateway tells -------------------------------------------------------------------------------------------

    def began(self, now: float) -> None:
        """A request was sent there."""
        self.running += 1
        station = self.station
        station.running += 1
        station.crowd()
        if not self.measured:
            self.estimate(now)

    def first_token(self, now: float, seconds: float, prompt: float = 0.0) -> None:
        """The first token of an answer came, this long after the request was sent. `prompt` is how many tokens it had,
        by whatever measure `Ask.tokens_in` is given in; 0 where nobody knows."""
        sample = seconds * 1000.0
        if self.cold or now - seconds < self._loaded_at:
            load = max(sample - self.first_ms, 0.0) if self.measured else sample
            if self.cold:
                self._avg_load = _follow(self._avg_load, load, now - self._load_at)
                self._load_at = now
                self._loaded_at = now
                self.cold = False
        else:
            self._sample(sample, prompt, now - self._first_at)
            self._first_at = now
            self.measured = True
        self.estimate(now)

    def ended(self, now: float, tokens: int, seconds: float, first: float = 0.0) -> None:
        """An answer is complete: its tokens, the seconds since it was sent, and those until its first token; 0 where it
        came whole."""
        station = self.station
        station.busy_ms = seconds * 1000.0 if station.busy_ms <= 0 else station.busy_ms * 0.9 + seconds * 100.0
        if first <= 0:
            self._whole(now, tokens, seconds)
        elif tokens > 1 and seconds > first:
            self._avg_token = _follow(self._avg_token, (seconds - first) * 1000.0 / tokens, now - self._token_at)
            self._token_at = now
        if self._failures:
            self._failures *= 1.0 - STEP
            self._failures_at = now
        self._free()
        self.estimate(now)

    def failed(self, now: float) -> None:
        """A request failed there, by the backend's fault."""
        self._failures = STEP + (1.0 - STEP) * self._failures
        self._failures_at = now
        self._free()
        self.estimate(now)

    def left(self) -> None:
        """A request is over that says nothing of the backend: the client went away, or had asked for what is not."""
        self._free()

    def reading(self, now: float, *, loaded: bool | None = None, condition: int | None = None) -> None:
        """Something was learned of it; None is nothing new."""
        if loaded is not None:
            if loaded and self.cold:
                self._loaded_at = now
            self.cold = not loaded
        if condition is not None:
            self.condition = condition
        self.estimate(now)

    # What follows -----------------------------------------------------------------------------------------------------

    def compared(self, quickest: float, usual: float, now: float) -> None:
        """How quick the field is where it is known: its quickest and its average, below 0 where nothing is."""
        self._quickest = quickest
        self._usual = usual
        self.estimate(now)

    def _whole(self, now: float, tokens: int, seconds: float) -> None:
        """Of an answer that came whole nobody knows when it began: both speeds are off by one share."""
        if self.cold:
            self.cold = False
            self._loaded_at = now
        elif tokens > 0 and seconds > 0:
            share = seconds * 1000.0 / (self.first_ms + tokens * self.token_ms)
            self._sample(self.first_ms * share, 0.0, now - self._first_at)
            self._first_at = now
            self._avg_token = _follow(self._avg_token, self.token_ms * share, now - self._token_at)
            self._token_at = now
            self.measured = True

    def _sample(self, sample: float, prompt: float, gap: float) -> None:
        if prompt <= 0:
            prompt = self._avg_prompt if self._avg_first >= 0 else _PROMPT
        prompt = max(prompt, 1.0)
        if self._avg_first < 0:
            self._avg_first = sample
            self._avg_prompt = prompt
            return
        step = _step(gap)
        x, y = prompt - self._avg_prompt, sample - self._avg_first
        self._avg_prompt += step * x
        self._avg_first += step * y
        step = min(step, _LINE_STEP)
        self._variance = (1.0 - step) * (self._variance + step * x * x)
        self._covariance = (1.0 - step) * (self._covariance + step * x * y)

    def estimate(self, now: float) -> None:
        """Works out what is expected of it."""
        station = self.station
        guess = station.guess_first_ms
        if guess <= 0:
            guess = self._quickest * EAGER if self._quickest > 0 else _FIRST_MS
        share = _LOCAL_SHARE if station.local else _CLOUD_SHARE
        if self.measured:
            self.read_ms = share * self._avg_first / self._avg_prompt
            if self._variance > 0:
                steepest = self._avg_first / self._avg_prompt
                self.read_ms = min(max(self._covariance / self._variance, 0.0), steepest)
            first = self._avg_first + self.read_ms * (_PROMPT - self._avg_prompt)
            silent = now - self._first_at - FRESH
            if silent > 0 and guess < first:
                first = guess + (first - guess) * MEMORY / (MEMORY + silent)
        elif self.running and self._usual > guess:
            first = self._usual
        else:
            first = guess
        if not self.measured:
            self.read_ms = share * first / _PROMPT
        self.first_ms = first
        if self._avg_token > 0:
            self.token_ms = self._avg_token
        else:
            self.token_ms = station.guess_token_ms if station.guess_token_ms > 0 else _TOKEN_MS
        self.load_ms = self._avg_load if self._avg_load >= 0 else self._size_ms
        self.wait_ms = first + self.load_ms if self.cold else first
        self.answer_s = (first + _TOKENS * self.token_ms) / 1000.0
        self.out = self.condition == _SHUT
        self.distrust = _ILL_COSTS if self.condition == _ILL else 0.0
        if self._failures > 0:
            self.distrust += _FAILING * self._failures * DOUBT / (DOUBT + max(now - self._failures_at, 0.0))
        self.weigh()

    def weigh(self) -> None:
        """Works out what its score and its price are made of."""
        station = self.station
        if self._energy:
            dollars = station.watts * self.kwh_price / 3.6e9
            self.cost_each = dollars * self.first_ms
            self.cost_out = dollars * self.token_ms
        input_, output = (self.cost_in, self.cost_out) if self.priced else (_IN, _OUT)
        self.bill = self.cost_each + _PROMPT * input_ + _TOKENS * output
        self.slope = self.read_ms + _DOLLAR * input_
        self.base = (
            self.merit
            - self.distrust
            - self.wait_ms
            - _PACE * self.token_ms
            - _JOULE * station.watts * self.answer_s
            - _DOLLAR * self.bill
        )

    def _price(self) -> None:
        price = self.offer.price
        if price is not None and (price.input is not None or price.output is not None):
            self.priced = True  # and of one that is not, the assumed price is in `bill` and `slope` alone
            self.cost_in = (price.input or 0.0) / 1e6
            self.cost_out = (price.output or 0.0) / 1e6
        elif self.station.local:
            self.priced = True
            self._energy = self.kwh_price > 0

    def _free(self) -> None:
        if self.running > 0:
            self.running -= 1
            station = self.station
            station.running -= 1
            station.crowd()


class Field:
    """The standings of one name, in the order of the configuration. `turn` is where the rotation stands,
    `quickest` the milliseconds to the first token of the quickest that was measured."""

    __slots__ = ("due", "name", "offers", "quickest", "standings", "turn")

    def __init__(self, name: str, offers: tuple[Offer, ...], standings: Iterable[Standing]) -> None:
        self.name = name
        self.offers = offers
        self.standings = tuple(standings)
        self.turn = 0.0
        self.quickest = math.inf
        self.due = 0.0

    def refresh(self, now: float) -> None:
        """Brings up to date what drifts with time, and tells each how quick the others are."""
        self.due = now + REFRESH
        known = [standing.first_ms for standing in self.standings if standing.measured]
        self.quickest = min(known) if known else math.inf
        quickest = self.quickest if known else -1.0
        usual = sum(known) / len(known) if known else -1.0
        for standing in self.standings:
            standing.compared(quickest, usual, now)


def _step(gap: float) -> float:
    """How far an average follows a sample; samples may come in another order than they were taken."""
    return max(STEP, gap / (gap + MEMORY)) if gap > 0 else STEP


def _follow(average: float, sample: float, gap: float) -> float:
    """The average after one more sample, `gap` seconds after the one before."""
    if average < 0:
        return sample
    return average + _step(gap) * (sample - average)
