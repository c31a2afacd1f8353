"""What a gateway derives from its configuration once, when it is made: the keys that callers may show, for how long
models stay loaded, what heat means for the machine, whom there is to choose from, and what is done about failures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from zlib import crc32

from ollamux.backends import Backend
from ollamux.gate import IssuedKey
from ollamux.hardware.machine import Machine
from ollamux.hardware.thermal import ThermalLimits
from ollamux.hardware.vram import VramPolicy
from ollamux.resilience.fallback import Policy
from ollamux.resilience.guards import Guards
from ollamux.resilience.quota import Quota
from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet, is_ours
from ollamux.routing.patterns import vendors_of

if TYPE_CHECKING:
    from ollamux.config import Config

__all__ = ("fleet", "guards", "issued_keys", "keep_alive", "machine")


def issued_keys(config: Config) -> list[IssuedKey]:
    """The keys that callers may show, as digests; one whose text could not be read is none."""
    found: list[IssuedKey] = []
    for key in config.server.keys:
        if key.key_sha256:
            found.append(IssuedKey(key.name, bytes.fromhex(key.key_sha256), key.scopes))
        elif key.key is not None:
            digest = hashlib.sha256(key.key.reveal().encode()).digest()
            found.append(IssuedKey(key.name, digest, key.scopes))
    return found


def keep_alive(config: Config) -> float | None:
    """The default, in seconds: infinite for ever, None where nothing was said. A number in a text is seconds too, as in
    Ollama's own variable."""
    told = config.keep_alive if config.keep_alive is not None else config.response_optimization.keep_alive
    if told is None:
        return None
    from ollamux.config.values import number
    from ollamux.formats.ollama.goleaves import keep_alive_of  # rarely told, and it brings much with it

    seconds = number(told)
    try:
        return keep_alive_of(told if seconds is None else seconds)
    except ValueError:  # longer than Go's durations are
        return math.inf


def machine(config: Config) -> Machine:
    """The machine, in its efficiency mode, with its limits of heat and what is done about memory, before any sensor was
    read."""
    heat = config.thermal

    def limits(hardware: str) -> ThermalLimits:
        warning, critical, shutdown = heat.of(hardware)
        return ThermalLimits(warning=warning, critical=critical, shutdown=shutdown, cooldown=heat.cooldown)

    memory = config.vram
    return Machine(
        mode=config.routing.efficiency,
        limits=limits(""),
        by_hardware={hardware: limits(hardware) for hardware in heat.hardware},
        policy=VramPolicy(
            strategy=memory.strategy,
            reserve=memory.reserve,
            pinned=memory.pinned,
            assumed_size=memory.assumed_size,
            threshold=memory.threshold,
        ),
    )


def fleet(config: Config, backends: Mapping[str, Backend], stale: set[str]) -> Fleet:
    """The stations of these backends, by their ids. `stale` are those of which something changed."""

    def formats(offer: Offer) -> tuple[str, ...]:
        backend = backends[offer.backend]
        return (*backend.others, backend.calling.name) if backend.calling is not None else ()

    made = Fleet(
        regions=config.routing.regions,
        kwh_price=config.routing.kwh_price,
        vendors=vendors_of,
        formats=formats,
        stale=stale,
    )
    for backend in backends.values():
        made.add(backend.config, endpoint=backend.endpoint, weight=backend.config.weight)
    return made


def guards(config: Config, backends: Iterable[Backend], seed: str, parts: int = 1) -> Guards:
    """What is done about backends that fail. A quota have those for which one is configured, and those that are not on
    a machine of ours: vendors tell of their limits. Chance is drawn from `seed`; `parts` gateways share one budget."""
    mode, hedging = config.routing.fallback, config.hedging
    policies: dict[str, Policy] = {}
    quotas: dict[str, Quota] = {}
    for backend in backends:
        own, limit = backend.config.retry, backend.config.rate_limit
        if own is not None:
            policies[backend.id] = Policy(mode=mode, attempts=own.attempts, on=own.on, backoff=own)
        if limit.requests or limit.tokens or not is_ours(backend.config, backend.endpoint):
            quotas[backend.id] = Quota(requests=limit.requests, tokens=limit.tokens, prioritise=config.queue.prioritise)
    hedges = None
    if hedging.enabled and mode != "none":
        from ollamux.resilience.hedge import Hedging

        hedges = Hedging(hedging.percentile)
    retry = config.retry
    return Guards(
        Policy(mode=mode, attempts=retry.attempts, on=retry.on, backoff=retry),
        config.breaker,
        budget=retry.budget,
        policies=policies,
        quotas=quotas,
        hedging=hedges,
        seed=crc32(seed.encode()),
        parts=parts,
    )
