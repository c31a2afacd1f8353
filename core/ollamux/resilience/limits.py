"""Rate limits: so many events in so much time, for all clients, for each key and for each address.

Strategy: the generic cell rate algorithm. What is kept of a client is one number, the moment at which it will have used
up nothing; a limit of 600 a minute lets 600 through at once and then one every tenth of a second. Clients are kept in
two generations: one that was not seen for a whole generation is forgotten, which by then changes nothing, so a table
needs no sweeping and holds no more than it may.

Rules: a request that is refused uses up nothing, of no limit; a client that is not known (no key, no address) is not
counted there; addresses of IPv6 count by their network, since whoever has one has 2**64 of them.
"""

from __future__ import annotations

from ipaddress import IPv6Address
from math import inf
from typing import Literal

import msgspec

from ollamux.config.pacing import Rate

__all__ = ("ClientLimits", "Exceeded", "KeyedLimit", "Rate", "Scope", "network_of")

Scope = Literal["key", "address", "global"]

_MOST = 16384
_HAIR = 1e-6
"""What sums of floats may be off: who waits exactly as long as he was told is let in."""

_WHOSE: dict[Scope, str] = {"key": "this API key", "address": "this address", "global": "all clients together"}


class Exceeded(msgspec.Struct, frozen=True):
    """Which limit a request is over, and after how many seconds it would not be."""

    scope: Scope
    seconds: float

    @property
    def text(self) -> str:
        """For the client."""
        return f"rate limit of {_WHOSE[self.scope]} exceeded, please try again in {max(1, round(self.seconds))}s"


class _Use:
    """The moment at which a client will have used up nothing."""

    __slots__ = ("until",)

    def __init__(self, until: float) -> None:
        self.until = until


class KeyedLimit:
    """One rate for each of many."""

    __slots__ = ("_burst", "_each", "_half", "_lifetime", "_old", "_turned", "_young")

    def __init__(self, rate: Rate, *, most: int = _MOST) -> None:
        self._each = rate.seconds / rate.count
        self._burst = max(rate.seconds, self._each) - self._each
        self._lifetime = max(rate.seconds, self._each)
        self._half = max(1, most // 2)
        self._young: dict[str, _Use] = {}
        self._old: dict[str, _Use] = {}
        self._turned = -inf

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def use(self, key: str, now: float) -> _Use:
        """What is kept of one who comes now."""
        found = self._young.get(key)
        return self._seen_again(key, now) if found is None else found

    def left(self, use: _Use, now: float) -> float:
        """Seconds until one more is allowed; 0.0 for now."""
        wait = use.until - now - self._burst
        return wait if wait > _HAIR else 0.0

    def add(self, use: _Use, now: float) -> None:
        """One more came."""
        use.until = max(use.until, now) + self._each

    def _seen_again(self, key: str, now: float) -> _Use:
        """Of one that the younger generation does not know."""
        found = self._old.pop(key, None) or _Use(now)
        if len(self._young) >= self._half or now - self._turned >= self._lifetime:
            self._old, self._young = self._young, {}
            self._turned = now
        self._young[key] = found
        return found

    def wait(self, key: str, now: float) -> float:
        """Seconds until one more is allowed; 0.0 for now. Counts nothing."""
        use = self._young.get(key)
        if use is None:
            use = self._old.get(key)
            if use is None:
                return 0.0
        return self.left(use, now)

    def count(self, key: str, now: float) -> None:
        """One more came."""
        self.add(self.use(key, now), now)

    def take(self, key: str, now: float) -> float:
        """Counts one more where it is allowed; else the seconds until it is."""
        wait = self.wait(key, now)
        if wait <= 0.0:
            self.count(key, now)
        return wait


class ClientLimits:
    """The limits of `rate_limit:`; None is no limit."""

    __slots__ = ("_all", "_per_address", "_per_key", "any")

    def __init__(
        self,
        *,
        per_key: Rate | None = None,
        per_address: Rate | None = None,
        overall: Rate | None = None,
        most: int = _MOST,
    ) -> None:
        self._per_key = KeyedLimit(per_key, most=most) if per_key else None
        self._per_address = KeyedLimit(per_address, most=most) if per_address else None
        self._all = KeyedLimit(overall, most=2) if overall else None
        self.any = bool(per_key or per_address or overall)

    def take(self, key: str, address: str, now: float) -> Exceeded | None:
        """Lets a request of this key (its name) from this address through; or says which limit it is over."""
        per_key, per_address, overall = self._per_key, self._per_address, self._all
        scope: Scope | None = None
        longest = 0.0
        of_key = of_address = of_all = None
        if per_key is not None and key:
            of_key = per_key.use(key, now)
            longest = per_key.left(of_key, now)
            if longest > 0.0:
                scope = "key"
        if per_address is not None and address:
            if ":" in address:
                address = network_of(address)
            of_address = per_address.use(address, now)
            wait = per_address.left(of_address, now)
            if wait > longest:
                longest, scope = wait, "address"
        if overall is not None:
            of_all = overall.use("", now)
            wait = overall.left(of_all, now)
            if wait > longest:
                longest, scope = wait, "global"
        if scope is not None:
            return Exceeded(scope, longest)
        if per_key is not None and of_key is not None:
            per_key.add(of_key, now)
        if per_address is not None and of_address is not None:
            per_address.add(of_address, now)
        if overall is not None and of_all is not None:
            overall.add(of_all, now)
        return None


def network_of(address: str) -> str:
    """The name under which an address is counted: itself for IPv4, its /64 for IPv6, what cannot be read as it is."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
