"""How much one backend may be asked: what is configured, what its vendor tells, and what its refusals teach.

Strategy: token buckets, for requests and for tokens. One pair follows the configuration. Another follows the headers of
the vendor's answers: capacity and level are told, the refill follows from when it will be full again; what is under way
and may not be counted there yet is subtracted. Where nothing is told and 429 comes all the same, the pace is cut
below what went through, and grows back with every call that goes well.

Rules: tokens are estimated on entry and corrected on exit, so every `take` is followed by one `settle`; a bucket may
run into debt, which the next ones wait for; what is larger than a whole bucket passes when the bucket is full. What a
vendor asks for (Retry-After) stands above all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from math import exp

from ollamux.formats.failures import retry_after
from ollamux.resilience.limits import Rate

__all__ = ("LONGEST", "Bucket", "Quota", "seconds_of")

LONGEST = 3600.0
"""A backend is called again after this many seconds whatever it says."""

_LIMITED = (429, 503, 529)
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_SLOWEST = 1.0 / 30.0
_CUT = 0.7
_GROWTH = 1.02
_FORGET_AT = 2.0
_MEMORY = 10.0
_HAIR = 1e-6

_REQUESTS, _TOKENS = 0, 1
_LIMIT, _LEFT, _RESET = 0, 1, 2

_TOLD: dict[str, tuple[int, int]] = {
    f"{prefix}{name}": (resource, field)
    for resource, what in ((_REQUESTS, "requests"), (_TOKENS, "tokens"))
    for field, told in ((_LIMIT, "limit"), (_LEFT, "remaining"), (_RESET, "reset"))
    for prefix, name in (("x-ratelimit-", f"{told}-{what}"), ("anthropic-ratelimit-", f"{what}-{told}"))
}
"""The headers of OpenAI, Groq, Azure and those like them, and of Anthropic: what they speak of, and which figure."""

_SHORTEST_NAME = min(map(len, _TOLD))

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")


class Bucket:
    """A token bucket: `rate` flows in each second up to `capacity`."""

    __slots__ = ("_at", "_level", "capacity", "rate")

    def __init__(self, capacity: float, rate: float, now: float, level: float | None = None) -> None:
        self.capacity = capacity
        self.rate = rate
        self._level = capacity if level is None else level
        self._at = now

    def level(self, now: float) -> float:
        """What is in it; less than nothing where it is in debt."""
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def wait(self, amount: float, now: float) -> float:
        """Seconds until so much may be taken; 0.0 for now."""
        lacking = min(amount, self.capacity) - self.level(now)
        return lacking / self.rate if lacking > _HAIR * self.capacity else 0.0

    def take(self, amount: float, now: float) -> None:
        """Takes so much, whatever is in it; less than nothing gives it back."""
        self._level = min(self.capacity, self.level(now) - amount)


class Quota:
    """What one backend may be asked."""

    __slots__ = (
        "_configured",
        "_flow",
        "_flow_at",
        "_pace",
        "_pace_before",
        "_row",
        "_told",
        "_under_way",
        "_until",
    )

    def __init__(self, *, requests: Rate | None = None, tokens: Rate | None = None) -> None:
        self._configured = [_bucket(requests), _bucket(tokens)]
        self._told: list[Bucket | None] = [None, None]
        self._under_way = [0.0, 0.0]
        self._pace: Bucket | None = None
        self._pace_before = 0.0
        self._flow = self._flow_at = 0.0
        self._row = 0
        self._until = 0.0

    def wait(self, tokens: float, now: float) -> float:
        """Seconds until a call of about so many tokens may be made; 0.0 for now."""
        longest = max(0.0, self._until - now)
        for buckets in (self._configured, self._told):
            for resource, amount in ((_REQUESTS, 1.0), (_TOKENS, tokens)):
                bucket = buckets[resource]
                if bucket is not None:
                    longest = max(longest, bucket.wait(amount, now))
        return longest if self._pace is None else max(longest, self._pace.wait(1.0, now))

    def take(self, tokens: float, now: float) -> float:
        """Counts a call of about so many tokens where it is allowed; else the seconds until it is."""
        wait = self.wait(tokens, now)
        if wait > 0.0:
            return wait
        for buckets in (self._configured, self._told):
            for resource, amount in ((_REQUESTS, 1.0), (_TOKENS, tokens)):
                bucket = buckets[resource]
                if bucket is not None:
                    bucket.take(amount, now)
        if self._pace is not None:
            self._pace.take(1.0, now)
        self._under_way[_REQUESTS] += 1.0
        self._under_way[_TOKENS] += tokens
        self._flow = self._flow * exp((self._flow_at - now) / _MEMORY) + 1.0 / _MEMORY
        self._flow_at = now
        return 0.0

    def settle(self, taken: float, used: float, now: float) -> None:
        """A call that took so many tokens is over, and really used so many."""
        self._under_way[_REQUESTS] -= 1.0
        self._under_way[_TOKENS] -= taken
        for buckets in (self._configured, self._told):
            bucket = buckets[_TOKENS]
            if bucket is not None:
                bucket.take(used - taken, now)

    def answered(
        self, status: int, headers: Sequence[tuple[str, str]], now: float, unix: float, taken: float = 0.0
    ) -> None:
        """The head of an answer to a call that took so many tokens; `unix` is now in seconds since the epoch."""
        figures: list[str] = [""] * 6
        for name, value in headers:
            if len(name) >= _SHORTEST_NAME:
                place = _TOLD.get(name.lower())
                if place is not None:
                    figures[place[0] * 3 + place[1]] = value
        for resource, own in ((_REQUESTS, 1.0), (_TOKENS, taken)):
            limit, left, reset = figures[resource * 3 : resource * 3 + 3]
            if limit and left:
                self._learn(resource, limit, left, seconds_of(reset, unix), own, now)
        if status in _LIMITED:
            asked = retry_after({name.lower(): value for name, value in headers})
            if asked is not None or status == 429:
                self._limited(asked, now)
        elif status < 400:
            self._went_well(now)

    def _learn(self, resource: int, limit: str, left: str, reset: float | None, own: float, now: float) -> None:
        try:
            capacity, level = float(limit), float(left)
        except ValueError:
            return
        if not 0.0 < capacity < 1e15 or not 0.0 <= level <= capacity:
            return
        before = self._told[resource]
        rate = capacity / 60.0 if before is None else before.rate
        if reset is not None and reset > 0.0 and level < capacity:
            rate = (capacity - level) / reset
        uncounted = max(0.0, self._under_way[resource] - own)
        self._told[resource] = Bucket(capacity, rate, now, level - uncounted)

    def _limited(self, asked: float | None, now: float) -> None:
        paused = now < self._until
        if asked is not None:
            self._until = max(self._until, now + min(asked, LONGEST))
        if paused:
            return  # one of many that were under way when the first was refused: it teaches nothing more
        if asked is None:
            self._until = now + min(_FIRST_PAUSE * 2.0 ** min(self._row, 16), _LONGEST_PAUSE)
        self._row += 1
        if self._told[_REQUESTS] is None and self._told[_TOKENS] is None:
            flow = self._flow * exp((self._flow_at - now) / _MEMORY)
            self._pace_before = max(flow if self._pace is None else min(flow, self._pace.rate), _SLOWEST)
            rate = max(self._pace_before * _CUT, _SLOWEST)
            self._pace = Bucket(max(1.0, rate), rate, now, 1.0)

    def _went_well(self, now: float) -> None:
        self._row = 0
        pace = self._pace
        if pace is None:
            return
        pace.level(now)
        pace.rate *= _GROWTH
        pace.capacity = max(1.0, pace.rate)
        if pace.rate >= self._pace_before * _FORGET_AT:
            self._pace = None


def _bucket(rate: Rate | None) -> Bucket | None:
    return Bucket(rate.count, rate.each_second, 0.0) if rate else None


def seconds_of(text: str, unix: float) -> float | None:
    """Seconds from now: of a duration as Go writes it (`6m0s`, `20ms`), a number of seconds, or a moment (RFC 3339)
    against `unix`; None for what is none of these."""
    if not text:
        return None
    parts = _PARTS.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
    try:
        return max(0.0, float(text) if text[0].isdigit() and "T" not in text else _moment(text) - unix)
    except (OverflowError, ValueError):
        return None


def _moment(text: str) -> float:
    """Seconds since the epoch. Raises ValueError for what has no offset: its moment is not known."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a moment without an offset")
    return moment.timestamp()
