"""The health of one backend, from what its probes and its calls report.

A backend begins as `checking`, and is tried like a healthy one. A good probe or call makes it `ready`; after
`unhealthy_after` failures in a row, or at the first one where it never answered at all, it is `unreachable` until
`healthy_after` good probes in a row. `refused` is for good: a backend that must not be called, whatever it answers.

Rules: an answer with an error status is an answer; only what says that the backend is gone or broken counts here.
"""

from __future__ import annotations

from typing import Literal

__all__ = ("Health", "State")

State = Literal["checking", "ready", "unreachable", "refused"]


class Health:
    """Counts failures and successes."""

    __slots__ = ("_failures", "_healthy_after", "_successes", "_unhealthy_after", "answered", "reason", "state")

    def __init__(self, *, unhealthy_after: int, healthy_after: int) -> None:
        self._unhealthy_after = unhealthy_after
        self._healthy_after = healthy_after
        self._failures = 0
        self._successes = 0
        self.state: State = "checking"
        self.answered = False
        self.reason = ""

    @property
    def usable(self) -> bool:
        """Whether it is a first choice."""
        return self.state in ("ready", "checking")

    def good(self) -> None:
        """A probe or a call was answered."""
        self._failures = 0
        self.answered = True
        if self.state == "ready" or self.state == "refused":
            return
        self._successes += 1
        if self.state == "checking" or self._successes >= self._healthy_after:
            self.state = "ready"
            self.reason = ""

    def bad(self, reason: str) -> None:
        """It could not be reached, or broke."""
        self._successes = 0
        if self.state == "refused":
            return
        self._failures += 1
        self.reason = reason
        if not self.answered or self._failures >= self._unhealthy_after:
            self.state = "unreachable"

    def refuse(self, reason: str) -> None:
        """It must never be called."""
        self.state = "refused"
        self.reason = reason
