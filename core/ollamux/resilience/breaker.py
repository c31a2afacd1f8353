"""A circuit breaker: whether calls may go to one backend, or to one model there, judged by how the last ones ended.

::

    closed     --(failures in a row, or half of a window failed)-->  open
    open       --(recovery is over, or a probe was good)----------->  half_open
    half_open  --(one failure)------------------------------------>  open
    half_open  --(successes in a row)------------------------------>  closed

Strategy: the window is a ring of buckets with running totals, so a call costs the same whatever the traffic. Half open,
a growing share of the calls goes through (with 3 successes: a quarter, a half, three quarters), and never more than 1,
2, 4, ... at once: a backend that comes back is not buried under all that waited for it.

Rules: every call that was let in holds a ticket and tells its end once, `good`, `bad` or `dropped`; a ticket of an
earlier state is worth nothing, so calls that began before a backend broke cannot break it again when it is back; a good
call may turn out `bad` later, when its stream breaks. Changes of state are returned, not announced.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ollamux.config.pacing import BreakerSettings

__all__ = ("Breaker", "BreakerSettings", "Change", "State", "Why")

State = Literal["closed", "open", "half_open"]
Why = Literal["row", "rate", "trial", "waited", "proof", "recovered"]

_BUCKETS = 10
_MOST_TRIALS = 6

_WORDS: dict[str, str] = {
    "row": "too many failures in a row",
    "rate": "half of the calls of late failed or were slow",
    "trial": "a trial call failed",
    "waited": "it is time for a trial",
    "proof": "a probe or a call was answered",
    "recovered": "the trial calls went well",
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A breaker went from one state to another. `model` is empty for a backend as a whole."""

    backend: str
    model: str
    before: State
    after: State
    why: Why
    now: float

    @property
    def reason(self) -> str:
        """Why, for people."""
        return _WORDS[self.why]


class Breaker:
    """One circuit. `silent` says of an open one whether it opened because nobody answered; `failures` is how many calls
    failed in a row, `changed` when its state changed last, `closed` whether it is named so. While it is open it stands
    in `opened`, of whoever made it."""

    __slots__ = (
        "_bucket",
        "_calls",
        "_credit",
        "_epoch",
        "_failed",
        "_in_window",
        "_opened_ones",
        "_settings",
        "_successes",
        "_total_calls",
        "_total_failed",
        "_trial_at",
        "_trials",
        "backend",
        "changed",
        "closed",
        "failures",
        "model",
        "silent",
        "state",
    )

    def __init__(
        self, settings: BreakerSettings, backend: str = "", model: str = "", opened: set[Breaker] | None = None
    ) -> None:
        self._settings = settings
        self._opened_ones = opened
        self.backend = backend
        self.model = model
        self.state: State = "closed"
        self.closed = True
        self.silent = False
        self.failures = 0
        self.changed = 0.0
        self._epoch = 1
        self._successes = 0
        self._trials = 0
        self._trial_at = 0.0
        self._credit = 0.0
        self._in_window = settings.window / _BUCKETS
        self._bucket = 0
        self._calls = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        self._failed = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        self._total_calls = 0
        self._total_failed = 0

    @property
    def calls_in_window(self) -> int:
        """How many calls the window holds, as of the last one."""
        return self._total_calls

    @property
    def failed_in_window(self) -> int:
        """How many of them failed or were slow."""
        return self._total_failed

    def recovers_at(self) -> float:
        """When an open one lets a trial in at the latest."""
        return self.changed + self._settings.recovery

    def standing(self, now: float) -> State:
        """Its state now, with nothing changed: an open one whose time is over counts as half open."""
        if self.state == "open" and now >= self.changed + self._settings.recovery:
            return "half_open"
        return self.state

    def asks(self, now: float) -> bool:
        """Whether a call may begin now. Each question counts for the share of a half-open one; `begin` takes it."""
        if self.closed:
            return True
        if self.state == "open":
            return now >= self.changed + self._settings.recovery
        successes = self._settings.successes
        share = (self._successes + 1) / (successes + 1)
        self._credit = min(1.0 + share, self._credit + share)
        if self._trials >= 1 << min(self._successes, _MOST_TRIALS):
            # A trial that nobody told the end of must not shut the circuit for good.
            if now < self._trial_at + self._settings.recovery:
                return False
            self._trials = 0
            self._credit = 1.0
        return self._credit >= 1.0

    def begin(self, now: float) -> int:
        """Lets a call in; its ticket. Where `asks` said no, it is one that is made for want of any other."""
        if not self.closed and self.state == "half_open":
            self._trials += 1
            self._trial_at = now
            self._credit = max(0.0, self._credit - 1.0)
        return self._epoch

    def good(self, ticket: int, now: float) -> Change | None:
        """A call went well."""
        if ticket != self._epoch:
            return None
        if not self.closed and self.state == "open":
            return self.half_open(now, "proof")
        self._count(now, 1, 0)
        self.failures = 0
        if self.closed:
            return None
        self._trials = max(0, self._trials - 1)
        self._successes += 1
        if self._successes < self._settings.successes:
            return None
        return self._become("closed", "recovered", now)

    def bad(self, ticket: int, now: float, *, silent: bool = False, again: bool = False) -> Change | None:
        """A call failed, or was too slow. `silent`: the backend refused the connection or said nothing; `again`: this
        call was told as good before."""
        if ticket != self._epoch or not self._settings.failures:
            return None
        if self.state == "open":
            self.silent = silent
            return None
        self._count(now, 0 if again else 1, 1)
        self.failures += 1
        if self.state == "half_open":
            return self._opened("trial", silent, now)
        if self.failures >= self._settings.failures:
            return self._opened("row", silent, now)
        enough = self._in_window > 0.0 and self._total_calls >= self._settings.failures
        return self._opened("rate", silent, now) if enough and 2 * self._total_failed >= self._total_calls else None

    def dropped(self, ticket: int) -> None:
        """A call ended that says nothing: the client went away, or its request was wrong."""
        if ticket == self._epoch and self.state == "half_open":
            self._trials = max(0, self._trials - 1)
            self._credit = max(self._credit, 1.0)

    def half_open(self, now: float, why: Why) -> Change | None:
        """An open one need not wait any longer: its time is over (`waited`), or something was answered (`proof`)."""
        return self._become("half_open", why, now) if self.state == "open" else None

    def _opened(self, why: Why, silent: bool, now: float) -> Change:
        self.silent = silent
        return self._become("open", why, now)

    def _become(self, state: State, why: Why, now: float) -> Change:
        before, self.state = self.state, state
        self.closed = state == "closed"
        if self._opened_ones is not None:
            if state == "open":
                self._opened_ones.add(self)
            else:
                self._opened_ones.discard(self)
        self.changed = now
        self._epoch += 1
        self._successes = self._trials = 0
        self._credit = 1.0
        if state != "half_open":
            self._forget()
        if state == "closed":
            self.failures = 0
            self.silent = False
        return Change(backend=self.backend, model=self.model, before=before, after=state, why=why, now=now)

    def _forget(self) -> None:
        for place in range(_BUCKETS):
            self._calls[place] = self._failed[place] = 0
        self._total_calls = self._total_failed = 0

    def _count(self, now: float, calls: int, failed: int) -> None:
        """Adds to the bucket of now, and empties those that left the window."""
        bucket = int(now / self._in_window) if self._in_window > 0.0 else 0
        if bucket > self._bucket:
            if bucket - self._bucket >= _BUCKETS:
                self._forget()
            else:
                for passed in range(self._bucket + 1, bucket + 1):
                    place = passed % _BUCKETS
                    self._total_calls -= self._calls[place]
                    self._total_failed -= self._failed[place]
                    self._calls[place] = self._failed[place] = 0
            self._bucket = bucket
        place = self._bucket % _BUCKETS
        if calls:
            self._calls[place] += calls
            self._total_calls += calls
        if failed:
            self._failed[place] += failed
            self._total_failed += failed
