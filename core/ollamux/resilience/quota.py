"""How much one backend may be asked: what is configured, what its vendor tells, and what its refusals teach.

Strategy: token buckets, for requests and for tokens. One pair follows the configuration. Another follows the headers of
the vendor's answers: capacity and level are told, the refill follows from when it will be full again; what is under way
and may not be counted there yet is subtracted. Where nothing is told and 429 comes all the same, the pace is cut
below what went through, and grows back with every call that goes well.

Who has to wait stands in a line (`resting`), and waits for those before him, too.

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
from ollamux.resilience.resting import Line

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
_LONGEST_PERIOD = 90_000.0
"""Seconds; a little over a day, the longest period that vendors limit by. A clock that is wrong tells longer ones."""

_HAIR = 1e-6

_LIMIT, _LEFT, _RESET = 0, 1, 2

_TOLD: dict[str, tuple[int, int]] = {
    f"{prefix}{name}": (resource, field)
    for resource, what in enumerate(("requests", "tokens"))
    for field, told in ((_LIMIT, "limit"), (_LEFT, "remaining"), (_RESET, "reset"))
    for prefix, name in (("x-ratelimit-", f"{told}-{what}"), ("anthropic-ratelimit-", f"{what}-{told}"))
}
"""The headers of OpenAI, Groq, Azure and those like them, and of Anthropic: what they speak of, and which figure."""

_SHORTEST_NAME = min(map(len, _TOLD))

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PARTS = r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)"


class Bucket:
    """A token bucket: `rate` flows in each second up to `capacity`."""

    __slots__ = ("_at", "_level", "capacity", "rate")

    def __init__(self, capacity: float, rate: float, now: float) -> None:
        self.capacity = capacity
        self.rate = rate
        self._level = capacity
        self._at = now

    def level(self, now: float) -> float:
        """What is in it; less than nothing where it is in debt."""
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self.rate)
            self._at = now
        return self._level

    def wait(self, amount: float, now: float, before: float = 0.0) -> float:
        """Seconds until so much may be taken, after so much that others take first; 0.0 for now."""
        lacking = min(amount, self.capacity) + before - self.level(now)
        return lacking / self.rate if lacking > _HAIR * self.capacity else 0.0

    def take(self, amount: float, now: float) -> None:
        """Takes so much, whatever is in it; less than nothing gives it back."""
        self._level = min(self.capacity, self.level(now) - amount)

    def become(self, capacity: float, rate: float, level: float, now: float) -> None:
        """It is of another size, and holds so much."""
        self.capacity = capacity
        self.rate = rate
        self._level = level
        self._at = now


class Quota:
    """What one backend may be asked. `line` are those who wait for that."""

    __slots__ = (
        "_flow",
        "_flow_at",
        "_pace",
        "_pace_before",
        "_requests",
        "_requests_told",
        "_row",
        "_tokens",
        "_tokens_told",
        "_tokens_under_way",
        "_under_way",
        "_until",
        "line",
    )

    def __init__(self, *, requests: Rate | None = None, tokens: Rate | None = None, prioritise: bool = True) -> None:
        self.line = Line(prioritise=prioritise)
        self._requests = _buckets(requests)
        self._tokens = _buckets(tokens)
        self._requests_told: Bucket | None = None
        self._tokens_told: Bucket | None = None
        self._under_way = 0
        self._tokens_under_way = 0.0
        self._pace: Bucket | None = None
        self._pace_before = 0.0
        self._flow = self._flow_at = 0.0
        self._row = 0
        self._until = 0.0

    def wait(
        self, tokens: float, now: float, calls: float = 1.0, before: float = 0.0, tokens_before: float = 0.0
    ) -> float:
        """Seconds until so many calls of about so many tokens may be made, after those of others; 0.0 for now."""
        longest = max(0.0, self._until - now)
        for bucket in self._requests:
            longest = max(longest, bucket.wait(calls, now, before))
        for bucket in self._tokens:
            longest = max(longest, bucket.wait(tokens, now, tokens_before))
        return longest if self._pace is None else max(longest, self._pace.wait(calls, now, before))

    def turn(self, who: object, priority: int, client: str, tokens: float, now: float, calls: float = 1.0) -> float:
        """The same for one who may stand in the line: those before him go first."""
        if not self.line:
            return self.wait(tokens, now, calls)
        before, tokens_before = self.line.ahead(who, priority, client)
        return self.wait(tokens, now, calls, before, tokens_before)

    def take(self, tokens: float, now: float, calls: float = 1.0) -> float:
        """Counts so many calls, of about so many tokens together, where they are allowed; else the seconds until they
        are. They are one that is under way."""
        wait = self.wait(tokens, now, calls)
        if wait > 0.0:
            return wait
        self.owe(calls, now)
        for bucket in self._tokens:
            bucket.take(tokens, now)
        self._under_way += 1
        self._tokens_under_way += tokens
        self._flow = self._flow * exp((self._flow_at - now) / _MEMORY) + 1.0 / _MEMORY
        self._flow_at = now
        return 0.0

    def owe(self, calls: float, now: float) -> None:
        """Counts so many calls, whatever is allowed; less than none takes back those that were not made after all."""
        for bucket in self._requests:
            bucket.take(calls, now)
        if self._pace is not None:
            self._pace.take(calls, now)

    def settle(self, taken: float, used: float, now: float) -> None:
        """A call that took so many tokens is over, and really used so many."""
        self._under_way -= 1
        self._tokens_under_way -= taken
        for bucket in self._tokens:
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
        if figures[_LIMIT] and figures[_LEFT]:
            self._requests_told = _learned(
                self._requests, self._requests_told, figures[:3], unix, now, self._under_way - 1.0
            )
        if figures[3 + _LIMIT] and figures[3 + _LEFT]:
            self._tokens_told = _learned(
                self._tokens, self._tokens_told, figures[3:], unix, now, self._tokens_under_way - taken
            )
        if status in _LIMITED:
            asked = retry_after({name.lower(): value for name, value in headers})
            if asked is not None or status == 429:
                self._limited(asked, now)
        elif status < 400:
            self._went_well(now)

    def _limited(self, asked: float | None, now: float) -> None:
        paused = now < self._until
        if asked is not None:
            self._until = max(self._until, now + min(asked, LONGEST))
        if paused:
            return  # one of many that were under way when the first was refused: it teaches nothing more
        if asked is None:
            self._until = now + min(_FIRST_PAUSE * 2.0 ** min(self._row, 16), _LONGEST_PAUSE)
        self._row += 1
        if self._requests_told is None and self._tokens_told is None:
            flow = self._flow * exp((self._flow_at - now) / _MEMORY)
            self._pace_before = max(flow if self._pace is None else min(flow, self._pace.rate), _SLOWEST)
            rate = max(self._pace_before * _CUT, _SLOWEST)
            self._pace = Bucket(max(1.0, rate), rate, now)
            self._pace.become(max(1.0, rate), rate, 1.0, now)

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


def _buckets(rate: Rate | None) -> list[Bucket]:
    return [Bucket(rate.count, rate.each_second, 0.0)] if rate else []


def _learned(
    buckets: list[Bucket], told: Bucket | None, figures: list[str], unix: float, now: float, uncounted: float
) -> Bucket | None:
    """The bucket that a vendor tells of, put beside the configured one the first time. `uncounted`: what is under way
    and may not be counted by the vendor yet."""
    try:
        capacity, level = float(figures[_LIMIT]), float(figures[_LEFT])
    except ValueError:
        return told
    if not 0.0 < capacity < 1e15 or not 0.0 <= level <= capacity:
        return told
    reset = seconds_of(figures[_RESET], unix)
    rate = capacity / 60.0 if told is None else told.rate
    if reset is not None and reset > 0.0 and level < capacity:
        rate = max((capacity - level) / reset, capacity / _LONGEST_PERIOD)
    if told is None:
        told = Bucket(capacity, rate, now)
        buckets.append(told)
    told.become(capacity, rate, level - max(0.0, uncounted), now)
    return told


def seconds_of(text: str, unix: float) -> float | None:
    """Seconds from now: of a duration as Go writes it (`6m0s`, `20ms`), a number of seconds, or a moment (RFC 3339)
    against `unix`; None for what is none of these."""
    if not text:
        return None
    parts = re.findall(_PARTS, text)
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
