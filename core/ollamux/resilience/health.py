"""The health of one backend, from what its probes and its calls report.

A backend begins as `checking`, and is tried like a healthy one. A good probe or call makes it `ready`; after
`unhealthy_after` failures in a row, or at the first one where it never answered at all, it is `unreachable` until
`healthy_after` good probes in a row. `refused` is for good: a backend that must not be called, whatever it answers.

For people there is the `condition`, which tells more and decides nothing: `unknown` before anything was heard,
`healthy`, `degraded` (it answers, but fails now and then or answers probes slowly), and where it is out, why: it
answers with errors (`unhealthy`), too late (`timeout`) or not at all (`unreachable`). Its last changes are kept.

Rules: an answer with an error status is an answer; only what says that the backend is gone or broken counts here. The
common case, a good call of a ready backend without trouble, costs a comparison or two.
"""

from __future__ import annotations

from collections import deque
from typing import Literal

import msgspec

__all__ = ("KEPT", "Condition", "Health", "Kind", "Record", "State")

State = Literal["checking", "ready", "unreachable", "refused"]
Condition = Literal["unknown", "healthy", "degraded", "unhealthy", "timeout", "unreachable"]
Kind = Literal["error", "timeout", "unreachable"]

KEPT = 20
"""Changes of its condition that are kept of each backend."""

_WEIGHT = 0.2
_TROUBLED = 0.1
_CALM = 0.01
"""Trouble is a decaying share of failures: one failure makes it, four good calls are the end of it."""

_OUT: dict[str, Condition] = {"error": "unhealthy", "timeout": "timeout", "unreachable": "unreachable"}


class Record(msgspec.Struct, frozen=True):
    """From this moment (monotonic seconds) a backend was in this condition, for this reason."""

    now: float
    condition: Condition
    reason: str


class Health:
    """Counts failures and successes. `response_time` is a decaying average over its probes, in seconds, negative before
    the first; `history` holds the last changes of its condition, the oldest first. Whenever
    something may have changed its `backend` is put into `stale`, of whoever made it."""

    __slots__ = (
        "_failures",
        "_healthy_after",
        "_kind",
        "_slow_after",
        "_stale",
        "_successes",
        "_trouble",
        "_unhealthy_after",
        "answered",
        "backend",
        "history",
        "reason",
        "response_time",
        "state",
    )

    def __init__(
        self,
        *,
        unhealthy_after: int,
        healthy_after: int,
        slow_after: float = 2.5,
        backend: str = "",
        stale: set[str] | None = None,
    ) -> None:
        self.backend = backend
        self._stale: set[str] = set() if stale is None else stale
        self._unhealthy_after = unhealthy_after
        self._healthy_after = healthy_after
        self._slow_after = slow_after
        self._failures = 0
        self._successes = 0
        self._trouble = 0.0
        self._kind: Kind = "unreachable"
        self.state: State = "checking"
        self.answered = False
        self.reason = ""
        self.response_time = -1.0
        self.history: deque[Record] = deque(maxlen=KEPT)

    @property
    def usable(self) -> bool:
        """Whether it is a first choice."""
        return self.state in ("ready", "checking")

    @property
    def condition(self) -> Condition:
        """How it is, for people."""
        if self.state == "ready":
            slow = 0.0 < self._slow_after < self.response_time
            return "degraded" if slow or self._trouble >= _TROUBLED else "healthy"
        if self.state == "checking":
            return "unknown"
        return "unreachable" if self.state == "refused" else _OUT[self._kind]

    @property
    def failures(self) -> int:
        """Failures in a row."""
        return self._failures

    def good(self, now: float = 0.0, took: float = -1.0) -> None:
        """A probe or a call was answered. `took`: seconds that a probe took."""
        if self.state == "ready" and self._trouble == 0.0 and took < 0.0:
            return
        before = self.condition
        self._stale.add(self.backend)
        self._failures = 0
        self.answered = True
        if took >= 0.0:
            self.response_time = took if self.response_time < 0.0 else (0.7 * self.response_time + 0.3 * took)
        self._trouble *= 1.0 - _WEIGHT
        if self._trouble < _CALM:
            self._trouble = 0.0
        if self.state == "checking" or self.state == "unreachable":
            self._successes += 1
            if self.state == "checking" or self._successes >= self._healthy_after:
                self.state = "ready"
                self._trouble = 0.0
        if self.state == "ready" and self._trouble < _TROUBLED:
            self.reason = ""
        self._note(before, now)

    def proved(self, asked: float, now: float, took: float) -> None:
        """A probe was answered that was `asked` then. Of one that went out since its answer tells nothing."""
        if self.state == "unreachable" and self.history and asked < self.history[-1].now:
            return
        self.good(now, took)

    def bad(self, reason: str, now: float = 0.0, kind: Kind = "unreachable") -> None:
        """It could not be reached, or broke. `kind`: it answered with an error, too late, or not at all."""
        self._successes = 0
        if self.state == "refused":
            return
        before = self.condition
        self._stale.add(self.backend)
        self._failures += 1
        self._trouble += _WEIGHT * (1.0 - self._trouble)
        self._kind = kind
        self.reason = reason
        if not self.answered or self._failures >= self._unhealthy_after:
            self.state = "unreachable"
        self._note(before, now)

    def refuse(self, reason: str, now: float = 0.0) -> None:
        """It must never be called."""
        before = self.condition
        self._stale.add(self.backend)
        self.state = "refused"
        self.reason = reason
        self._note(before, now)

    def touch(self) -> None:
        """Its backend is another than before, in a way that no call has told yet."""
        self._stale.add(self.backend)

    def _note(self, before: Condition, now: float) -> None:
        condition = self.condition
        if condition != before:
            self.history.append(Record(now, condition, self.reason))
