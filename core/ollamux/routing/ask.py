"""What one request asks of whoever answers it, in numbers that a walk over a field compares.

Strategy: names were looked up before (`Fleet.ask`): capabilities and formats are bits, a target, a provider and a
region are numbers, limits are infinite where nobody set one. An `Ask` without wishes is made once for each set of needs
and serves every request that has them.

The filters, in their order; a candidate is left out by the first that it fails:

====================  ==================================================================================
`capabilities`        it lacks what the request needs, and does not speak the client's format either
`X-Target-Backend`    it is another backend
`X-Provider`          it is another backend, or of another provider
`routing.regions`     the configuration leaves its region out
`X-Region`            it is elsewhere, or nobody says where
`X-Media-Type`        `image`: its abilities are known, and images are not among them
`X-Max-Power-Watts`   it draws more
`X-Max-Latency-Ms`    its first token would take longer even if nothing else ran there
`X-Deadline-Ms`       the same, for the time that is left
`availability`        it may not be called at all now
`exclusion`           heat, an efficiency mode or whatever else rules it out now, and the client did not name it
`load`                its first token would come later than a limit of time allows, for what runs there
====================  ==================================================================================

Those before `availability` say no for good: where they leave nobody, the request is at fault. The others say: not now.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ollamux.routing.standing import REFERENCE_PROMPT, REFERENCE_TOKENS, Standing

if TYPE_CHECKING:
    from ollamux.routing.constraints import Constraints
    from ollamux.routing.strategies.base import Strategy

__all__ = ("AVAILABILITY", "CAPABILITIES", "FILTERS", "LOAD", "Ask")

FILTERS: tuple[str, ...] = (
    "",
    "capabilities",
    "X-Target-Backend",
    "X-Provider",
    "routing.regions",
    "X-Region",
    "X-Media-Type",
    "X-Max-Power-Watts",
    "X-Max-Latency-Ms",
    "X-Deadline-Ms",
    "availability",
    "exclusion",
    "load",
)
"""By the number that `Ask.filtered` gives; 0 is none."""

CAPABILITIES = 1
AVAILABILITY = 10
LOAD = 12
_NEEDS, _TARGET, _PROVIDER, _REGIONS, _REGION, _MEDIA, _POWER, _LATENCY, _DEADLINE = range(1, 10)
_CALLABLE, _EXCLUDED, _LOAD = range(10, 13)


class Ask:
    """See the module. `latency`, `power` and `price` are weights of the score's terms; `leaning` says that the client,
    or the efficiency mode, set some of them, `plain` that they and the length of the answer are the ordinary ones.
    `tokens_in` and `tokens_out` are what is expected of this request, `extra` how many tokens its prompt has more than
    one of ordinary length, `prefix` the marks of its beginning (`affinity.marks`). `wishes` are the constraints as they
    were read, None where there were none; `strategy` is None for the planner's own."""

    __slots__ = (
        "_limited",
        "_soonest",
        "deadline_ms",
        "extra",
        "format",
        "latency",
        "leaning",
        "max_latency_ms",
        "max_watts",
        "media",
        "needs",
        "plain",
        "power",
        "prefix",
        "price",
        "provider",
        "region",
        "strategy",
        "strict",
        "target",
        "tokens_in",
        "tokens_out",
        "wishes",
    )

    def __init__(
        self,
        needs: int = 0,
        format_: int = 0,
        *,
        tokens_in: float = REFERENCE_PROMPT,
        tokens_out: float = REFERENCE_TOKENS,
        strategy: Strategy | None = None,
        prefix: tuple[int, ...] = (),
    ) -> None:
        self.needs = needs
        self.format = format_
        self.tokens_in = tokens_in
        self.extra = tokens_in - REFERENCE_PROMPT
        self.tokens_out = tokens_out
        self.strategy = strategy
        self.prefix = prefix
        self.latency = self.power = self.price = 1.0
        self.leaning = False
        self.plain = tokens_out == REFERENCE_TOKENS
        self.strict = False
        self.target = -1
        self.provider = -1
        self.region = -1
        self.media = 0
        self.max_watts = self.max_latency_ms = self.deadline_ms = math.inf
        self._limited = False
        self._soonest = math.inf
        self.wishes: Constraints | None = None

    def sized(self, tokens_in: float) -> Ask:
        """The same for a prompt of so many tokens; it has no wishes."""
        found = Ask.__new__(Ask)
        found.needs = self.needs
        found.format = self.format
        found.tokens_in = tokens_in
        found.extra = self.extra + tokens_in - self.tokens_in
        found.tokens_out = self.tokens_out
        found.strategy = self.strategy
        found.prefix = self.prefix
        found.latency = self.latency
        found.power = self.power
        found.price = self.price
        found.leaning = self.leaning
        found.plain = self.plain
        found.strict = False
        found.target = found.provider = found.region = -1
        found.media = 0
        found.max_watts = found.max_latency_ms = found.deadline_ms = found._soonest = self._soonest
        found._limited = False
        found.wishes = None
        return found

    def restrict(
        self,
        *,
        target: int = -1,
        provider: int = -1,
        region: int = -1,
        media: int = 0,
        max_watts: float = math.inf,
        max_latency_ms: float = math.inf,
        deadline_ms: float = math.inf,
    ) -> None:
        """Candidates have to meet these, too."""
        self.target = target
        self.provider = provider
        self.region = region
        self.media = media
        self.max_watts = max_watts
        self.max_latency_ms = max_latency_ms
        self.deadline_ms = deadline_ms
        self._soonest = min(max_latency_ms, deadline_ms)
        self._limited = self._soonest < math.inf
        self.strict = max(target, provider, region) >= 0 or media != 0 or max_watts < math.inf or self._limited

    def until(self, deadline_ms: float) -> None:
        """So much is left of its deadline."""
        self.deadline_ms = deadline_ms
        self._soonest = min(self.max_latency_ms, deadline_ms)

    def lean(self, latency: float, power: float, price: float) -> None:
        """The client says what it cares for."""
        self.latency = latency
        self.power = power
        self.price = price
        self.leaning = True
        self.plain = latency == power == price == 1.0 and self.tokens_out == REFERENCE_TOKENS

    def named(self, number: int) -> str:
        """The name of a filter, as the client knows it: a backend may be named in either of two headers."""
        if number == _TARGET and self.wishes is not None and not self.wishes.target:
            return "X-Provider"
        return FILTERS[number]

    def filtered(self, standing: Standing, needs: int) -> int:
        """The number of the first filter that leaves it out, 0 for none. `needs` are the bits to ask for: the
        request's own, or none where nobody has them and its error is another's to tell."""
        station = standing.station
        first = 0.0
        if needs & ~standing.able and not self.format & standing.native:
            return _NEEDS
        if self.strict:
            if self.target >= 0 and station.number != self.target:
                return _TARGET
            if self.provider >= 0 and station.provider_number != self.provider:
                return _PROVIDER
        if standing.blocked:
            return _REGIONS
        if self.strict:
            if self.region >= 0 and station.region_number != self.region:
                return _REGION
            if self.media and standing.told and self.media & ~standing.able:
                return _MEDIA
            if station.watts > self.max_watts:
                return _POWER
            if self._limited:
                first = standing.wait_ms + self.extra * standing.read_ms
                if first > self._soonest:
                    return _LATENCY if first > self.max_latency_ms else _DEADLINE
        if station.blocked:
            if not station.callable:
                return _CALLABLE
            if station.number != self.target:
                return _EXCLUDED
        if self._limited and first + station.queue_ms > self._soonest:
            return _LOAD
        return 0
