"""All stations and standings, and the names by which requests ask for them.

Strategy: names become numbers when the configuration is read: capabilities and formats bits, backends, providers and
regions positions, so that a decision compares integers. A field is made when a name is first asked for, and again when
the catalog has new offers for it; the standings outlive it, with all that was measured.

Rules: what clients can cause to be remembered is bounded; an unknown name is told together with those that are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from ollamux.config.types import type_called
from ollamux.errors import InvalidRequest
from ollamux.hardware.power import TYPICAL_WATTS
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.patterns import PatternTable
from ollamux.routing.score import LEANINGS, PREFERENCE, PRIORITY
from ollamux.routing.standing import REFERENCE_PROMPT, REFERENCE_TOKENS, Field, Standing
from ollamux.routing.station import Station
from ollamux.routing.strategies.base import Strategy

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("TYPICAL", "Fleet", "Typical", "is_ours")

_FIELDS = 4096
_STANDINGS = 65_536
_ASKS = 256
_BITS = 60


class Typical(msgspec.Struct, frozen=True):
    """What a kind of hardware is taken for where nobody says better: watts while it answers, and milliseconds to the
    first token (0: as quick as the quickest that is known)."""

    watts: float
    first_ms: float


_FIRST_MS = {"npu": 800.0, "igpu": 350.0, "nvidia": 150.0, "amd": 150.0, "cpu": 1200.0, "cloud": 500.0}
TYPICAL: Mapping[str, Typical] = {kind: Typical(watts, _FIRST_MS[kind]) for kind, watts in TYPICAL_WATTS.items()}
_UNTOLD = Typical(28.0, 0.0)
_ELSEWHERE = Typical(0.0, 0.0)


class Fleet:
    """See the module. `regions` are those that the configuration allows, none for all; `kwh_price` is in US dollars;
    `vendors` tells whose models have a name, as types of providers; `formats` in which formats an offer can be
    called. `stale` are the ids of those of which something changed since they were read, `out` the standings that are
    out since a circuit of theirs is open, both for whoever brings them up to date."""

    def __init__(
        self,
        *,
        regions: Iterable[str] = (),
        kwh_price: float = 0.0,
        vendors: Callable[[str], Iterable[str]] | None = None,
        formats: Callable[[Offer], Iterable[str]] | None = None,
        stale: set[str] | None = None,
    ) -> None:
        self.stale: set[str] = set() if stale is None else stale
        self.out: list[Standing] = []
        self.stations: dict[str, Station] = {}
        self._allowed = frozenset(region.lower() for region in regions)
        self._kwh_price = kwh_price
        self._vendors = vendors
        self._formats = formats
        self._providers: dict[str, int] = {}
        self._regions: dict[str, int] = {}
        self._bits: dict[str, int] = {}
        self._configs: dict[str, BackendConfig] = {}
        self._preferred: dict[str, PatternTable[bool]] = {}
        self._standings: dict[tuple[str, str], Standing] = {}
        self._fields: dict[str, Field] = {}
        self._leaning: tuple[float, float, float] | None = None
        self._asks: dict[str, dict[frozenset[str], Ask]] = {}
        self._loaded: dict[str, frozenset[str]] = {}

    # What there is ----------------------------------------------------------------------------------------------------

    def add(self, config: BackendConfig, *, endpoint: str | None = None, weight: float = 1.0) -> Station:
        """One more backend; its order is that of the calls. `endpoint` is where it is, None for as configured."""
        told = config.characteristics
        local = is_ours(config, endpoint)
        typical = TYPICAL.get(config.hardware or "", _UNTOLD if local else _ELSEWHERE)
        region = (config.region or "").lower()
        tokens = told.max_tokens_per_second
        station = Station(
            config.id,
            config.type,
            number=len(self.stations),
            provider_number=self._providers.setdefault(config.type, len(self._providers)),
            region=region,
            region_number=self._regions.setdefault(region, len(self._regions)) if region else -1,
            local=local,
            weight=weight,
            watts=told.power_watts if told.power_watts is not None else typical.watts,
            slots=config.max_concurrent_requests or 0,
            first_ms=told.avg_latency_ms if told.avg_latency_ms is not None else typical.first_ms,
            token_ms=1000.0 / tokens if tokens else 0.0,
        )
        self.stations[config.id] = station
        self.stale.add(config.id)
        self._configs[config.id] = config
        self._preferred[config.id] = PatternTable((name, True) for name in config.model_capability.preferred_models)
        return station

    def field(self, offers: tuple[Offer, ...]) -> Field:
        """The standings of these offers, which are what the catalog finds for one name."""
        name = offers[0].name
        found = self._fields.get(name)
        if found is None or found.offers is not offers:
            turn = found.turn if found is not None else 0.0
            found = Field(name, offers, [self.standing(offer) for offer in offers])
            found.turn = turn
            while len(self._fields) >= _FIELDS:
                del self._fields[next(iter(self._fields))]
            self._fields[name] = found
        return found

    def known(self, offers: tuple[Offer, ...]) -> Field | None:
        """Their field where it was made for these very offers."""
        first = offers[0]
        found = self._fields.get(first.name)
        return found if found is not None and found.offers is offers else None

    def standing(self, offer: Offer) -> Standing:
        """What is known of one offer; kept from one set of offers to the next."""
        key = (offer.backend, offer.name)
        found = self._standings.get(key)
        if found is None:
            while len(self._standings) >= _STANDINGS:
                oldest = self._standings.pop(next(iter(self._standings)))
                oldest.station.standings.remove(oldest)
            found = Standing(self.stations[offer.backend], offer, kwh_price=self._kwh_price)
            found.station.standings.append(found)
            loaded = self._loaded.get(offer.backend)
            found.cold = loaded is not None and offer.upstream not in loaded
            self._standings[key] = found
            self._describe(found, offer)
        elif found.offer is not offer:
            self._describe(found, offer)
        return found

    def loaded(self, backend: str, upstreams: Iterable[str], now: float) -> None:
        """These models are in a backend's memory now, and no others; only for one that tells."""
        names = self._loaded[backend] = frozenset(upstreams)
        for standing in self.stations[backend].standings:
            standing.reading(now, loaded=standing.offer.upstream in names)

    def mask(self, names: Iterable[str]) -> int:
        """The bits of capabilities or formats."""
        found = 0
        for name in names:
            bit = self._bits.setdefault(name, min(len(self._bits), _BITS))
            found |= 1 << bit
        return found

    # What is asked ----------------------------------------------------------------------------------------------------

    def ask(
        self,
        wishes: Constraints | None = None,
        *,
        needs: frozenset[str] = frozenset(),
        format_: str = "",
        strategy: Strategy | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        prefix: tuple[int, ...] = (),
        elapsed_ms: float = 0.0,
    ) -> Ask:
        """What a request asks. Tokens 0 are not known; `elapsed_ms` is what has passed of its deadline. Raises
        InvalidRequest where a name is unknown, which lists those that are known."""
        if wishes is None and strategy is None and not (tokens_out or prefix):
            return self.plain(needs, format_, tokens_in)
        found = Ask(
            self.mask(needs),
            self._format(format_),
            tokens_in=tokens_in or REFERENCE_PROMPT,
            tokens_out=tokens_out or REFERENCE_TOKENS,
            strategy=strategy,
            prefix=prefix,
        )
        if self._leaning is not None:
            found.lean(*self._leaning)
        if wishes is not None:
            self._wish(found, wishes, elapsed_ms)
        return found

    def plain(self, needs: frozenset[str], format_: str, tokens_in: float) -> Ask:
        """The same of a request without wishes."""
        asks = self._asks.get(format_)
        if asks is None:
            asks = self._asks[format_] = {}
        found = asks.get(needs)
        if found is None:
            found = Ask(self.mask(needs), self._format(format_))
            if self._leaning is not None:
                found.lean(*self._leaning)
            if len(asks) < _ASKS:
                asks[needs] = found
        return found.sized(tokens_in) if tokens_in else found

    def lean(self, weights: tuple[float, float, float] | None) -> None:
        """What latency, power and price weigh from now on for requests that say nothing of it themselves; None: the
        same."""
        if weights != self._leaning:
            self._leaning = weights
            self._asks.clear()

    def _wish(self, ask: Ask, wishes: Constraints, elapsed_ms: float) -> None:
        ask.wishes = wishes
        target = self._station("X-Target-Backend", wishes.target) if wishes.target else -1
        provider = -1
        if wishes.provider and wishes.provider in self.stations:
            named = self.stations[wishes.provider].number
            if target >= 0 and target != named:
                raise InvalidRequest(
                    f"X-Provider: {wishes.provider!r} is another backend than X-Target-Backend: {wishes.target!r}",
                    param="X-Provider",
                )
            target = named
        elif wishes.provider:
            provider = _known("X-Provider", type_called(wishes.provider.lower()), self._providers, wishes.provider)
        limits: dict[str, float] = {}
        if wishes.max_watts is not None:
            limits["max_watts"] = wishes.max_watts
        if wishes.max_latency_ms is not None:
            limits["max_latency_ms"] = wishes.max_latency_ms
        if wishes.deadline_ms is not None:
            limits["deadline_ms"] = wishes.deadline_ms - elapsed_ms
        ask.restrict(
            target=target,
            provider=provider,
            region=_known("X-Region", wishes.region, self._regions, wishes.region) if wishes.region else -1,
            media=self.mask(("vision",)) if wishes.media == "image" else 0,
            **limits,
        )
        leaning = LEANINGS.get((wishes.urgent, wishes.power_efficient))
        if leaning is not None:
            ask.lean(*leaning)

    def _station(self, header: str, id_: str) -> int:
        if id_ not in self.stations:
            raise _unknown(header, id_, self.stations)
        return self.stations[id_].number

    def _format(self, name: str) -> int:
        return self.mask((f"format:{name}",)) if name else 0

    def _describe(self, standing: Standing, offer: Offer) -> None:
        station = standing.station
        config = self._configs[offer.backend]
        patterns = self._preferred[offer.backend]
        preferred = offer.name in patterns or offer.upstream in patterns
        formats = self._formats(offer) if self._formats is not None else ()
        standing.describe(
            offer,
            able=self.mask(offer.capabilities),
            native=self.mask(f"format:{name}" for name in formats),
            merit=PRIORITY * offer.priority + (PREFERENCE if preferred else 0.0),
            home=self._vendors is not None and config.type in self._vendors(offer.upstream),
            blocked=bool(self._allowed) and station.region not in self._allowed,
        )


def is_ours(config: BackendConfig, endpoint: str | None = None) -> bool:
    """Whether a backend runs on a machine of ours: as its hardware says, else by its address."""
    if config.hardware is not None and config.hardware != "custom":
        return config.hardware != "cloud"
    where = endpoint or config.endpoint
    if where is None:
        return config.type in ("demo", "gguf", "llama_cpp", "ollama")
    try:
        host = urlsplit(where if "://" in where else f"http://{where}").hostname or ""
    except ValueError:
        return False
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or "." not in host or host.endswith((".local", ".lan", ".internal", ".home.arpa"))
    return address.is_private or address.is_loopback


def _known(header: str, name: str, known: Mapping[str, int], spelled: str) -> int:
    if name not in known:
        raise _unknown(header, spelled, known)
    return known[name]


def _unknown(header: str, name: str, known: Iterable[str]) -> InvalidRequest:
    listed = ", ".join(sorted(known)) or "none is configured"
    return InvalidRequest(f"{header}: {name!r} is not known; there is: {listed}", param=header)
