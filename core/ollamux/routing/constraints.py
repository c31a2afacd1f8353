"""What a client asks of the decision, in headers: which backend, how fast, with how much power, how urgent.

====================  ============================================================================================
X-Target-Backend      a backend's id
X-Provider            a backend's id, else a provider's name
X-Region              where the backend has to be
X-Routing-Strategy    one of the strategies, for this request
X-Latency-Critical    yes or no: time counts for more, and the request goes before others
X-Power-Efficient     yes or no: energy counts for more
X-Max-Latency-Ms      milliseconds to the first token at most, as estimated
X-Max-Power-Watts     watts at most
X-Deadline-Ms         milliseconds from the request's arrival until its answer has to begin
X-Media-Type          text, code, image, audio, realtime or auto
X-Priority            best-effort or low, normal, high, critical or realtime
X-Request-ID          the client's own name for the request
====================  ============================================================================================

A realtime medium, and one of audio, lean to time as X-Latency-Critical does. Without X-Priority what is
latency-critical or realtime is critical, and audio is high. An empty header is none.

Rules: a header that cannot be read is an error that says what may stand there, never passed over; whether the names
in it are known is asked where they are (`Fleet.ask`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from ollamux.errors import InvalidRequest

__all__ = ("HEADERS", "PRIORITIES", "Constraints")

T = TypeVar("T")

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})

LOW, NORMAL, HIGH, CRITICAL = range(4)

PRIORITIES: Mapping[str, int] = {
    "best-effort": LOW, "low": LOW, "normal": NORMAL, "high": HIGH, "critical": CRITICAL, "realtime": CRITICAL,
}  # fmt: skip
"""The words of X-Priority, and their places, the higher the sooner."""

_MEDIA = ("text", "code", "image", "audio", "realtime", "auto")
_LONGEST = 200


def _text(value: str) -> str:
    if len(value) > _LONGEST or not value.isprintable():
        raise ValueError(f"at most {_LONGEST} visible characters")
    return value


def _word(value: str) -> str:
    return _text(value).lower()


def _flag(value: str) -> bool:
    word = value.lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("true or false (also 1, yes, on, 0, no, off)")


def _amount(value: str) -> float:
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not (0 <= found < math.inf) or "_" in value:
        raise ValueError("a number, 0 or more")
    return found


def _media(value: str) -> str:
    word = value.lower()
    if word not in _MEDIA:
        raise ValueError(f"one of {', '.join(_MEDIA)}")
    return word


def _priority(value: str) -> int:
    found = PRIORITIES.get(value.lower())
    if found is None:
        raise ValueError(f"one of {', '.join(PRIORITIES)}")
    return found


HEADERS: Mapping[str, tuple[str, str, Callable[[str], Any]]] = {
    "x-target-backend": ("X-Target-Backend", "target", _text),
    "x-provider": ("X-Provider", "provider", _text),
    "x-region": ("X-Region", "region", _word),
    "x-routing-strategy": ("X-Routing-Strategy", "strategy", _word),
    "x-latency-critical": ("X-Latency-Critical", "latency_critical", _flag),
    "x-power-efficient": ("X-Power-Efficient", "power_efficient", _flag),
    "x-max-latency-ms": ("X-Max-Latency-Ms", "max_latency_ms", _amount),
    "x-max-power-watts": ("X-Max-Power-Watts", "max_watts", _amount),
    "x-deadline-ms": ("X-Deadline-Ms", "deadline_ms", _amount),
    "x-media-type": ("X-Media-Type", "media", _media),
    "x-priority": ("X-Priority", "priority", _priority),
    "x-request-id": ("X-Request-ID", "request_id", _text),
}
"""By the header's name in lower case: as it is written, the field of `Constraints`, and how it is read."""

_NAMES = frozenset(HEADERS)


class Constraints(msgspec.Struct, frozen=True, kw_only=True):
    """What the headers say; None and the empty text are not told. `priority` counts from 0, best effort, to 3."""

    target: str = ""
    provider: str = ""
    region: str = ""
    strategy: str = ""
    latency_critical: bool = False
    power_efficient: bool = False
    max_latency_ms: float | None = None
    max_watts: float | None = None
    deadline_ms: float | None = None
    media: str = "auto"
    priority: int | None = None
    request_id: str = ""

    @staticmethod
    def read(headers: Mapping[str, str]) -> Constraints | None:
        """From headers with names in lower case; None where there is none of these. Raises InvalidRequest. A mapping
        that knows that none of its names begins with `x-` says so as `extended`, and is not looked at."""
        if not getattr(headers, "extended", True) or _NAMES.isdisjoint(headers):
            return None
        found: dict[str, Any] = {}
        for name, (written, field, kind) in HEADERS.items():
            value = headers.get(name, "").strip()
            if not value:
                continue
            try:
                found[field] = kind(value)
            except ValueError as error:
                raise InvalidRequest(f"{written}: expected {error}", param=written) from None
        return Constraints(**found) if found else None

    @property
    def urgent(self) -> bool:
        """Whether time is what counts."""
        return self.latency_critical or self.media in ("realtime", "audio")

    @property
    def rank(self) -> int:
        """The request's place among those that wait, from 0 to 3."""
        if self.priority is not None:
            return self.priority
        if self.latency_critical or self.media == "realtime":
            return CRITICAL
        return HIGH if self.media == "audio" else NORMAL
