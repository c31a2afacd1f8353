"""What a gateway derives from its configuration once, when it is made: the keys that callers may show, for how long
models stay loaded, what heat means for the machine, and whom there is to choose from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

from ollamux.backends import Backend
from ollamux.config import Config
from ollamux.config.values import number
from ollamux.formats.ollama.goleaves import keep_alive_of
from ollamux.gate import IssuedKey
from ollamux.hardware.machine import Machine
from ollamux.hardware.thermal import ThermalLimits
from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet
from ollamux.routing.patterns import vendors_of

__all__ = ("fleet", "issued_keys", "keep_alive", "machine")


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
    seconds = number(told)
    try:
        return keep_alive_of(told if seconds is None else seconds)
    except ValueError:  # longer than Go's durations are
        return math.inf


def machine(config: Config) -> Machine:
    """The machine, in its efficiency mode and with its limits of heat, before any sensor was read."""
    heat = config.thermal
    limits = ThermalLimits(warning=heat.warning, critical=heat.critical, shutdown=heat.shutdown)
    return Machine(mode=config.routing.efficiency, limits=limits)


def fleet(config: Config, backends: Mapping[str, Backend]) -> Fleet:
    """The stations of these backends, by their ids."""

    def formats(offer: Offer) -> tuple[str, ...]:
        backend = backends[offer.backend]
        return (*backend.others, backend.calling.name) if backend.calling is not None else ()

    made = Fleet(regions=config.routing.regions, vendors=vendors_of, formats=formats)
    for backend in backends.values():
        made.add(backend.config, endpoint=backend.endpoint, weight=backend.config.weight)
    return made
