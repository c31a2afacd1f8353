"""What to do after a call failed, and whom to call at all: one pure function over what is known at that moment.

Strategy: two questions, each with a table or a ladder. What does the failure say: may the same backend be asked again,
may another one, or would nobody answer otherwise? And who is left: those that are free now, those whose rate limit lets
them in later, and last those whose circuit is open though they answer.

Modes: `none` calls one candidate once. `next_available` calls each candidate once, in the plan's order.
`best_alternative` does so by score, as it is now. `retry_same` repeats the call on the same one first, with backoff,
and leaves attempts for the others; with 3 attempts: the same one twice, then another.

Rules: `attempts` bounds all calls of a request. The first call to another backend costs no retry budget, a repeat does,
but for one with another key. A candidate that still answers, be it with errors, is called when it is the last one; one
that refuses connections or stays silent is not. What was asked for with Retry-After is waited for or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Literal

import msgspec

from ollamux.resilience.backoff import Backoff

__all__ = ("Candidate", "Failure", "GiveUp", "Mode", "Next", "Policy", "Reach", "next_step", "reach_of")

Mode = Literal["none", "next_available", "retry_same", "best_alternative"]
Reach = Literal["again", "another", "nobody"]

_KINDS: dict[str, Reach] = {
    "refused": "again",
    "reset": "again",
    "closed": "again",
    "timeout": "again",
    "unreachable": "again",
    "unreadable": "again",
    "dns": "another",
    "tls": "another",
    "protocol": "another",
    "configuration": "another",
}
"""How an attempt failed (`contract.FailureKind`; `unreadable`: its answer was none): who may be called next."""

_STATUSES: dict[int, Reach] = dict.fromkeys((401, 402, 403, 404, 501), "another")
"""Statuses that speak of this backend alone, whatever is configured."""

_VENDORS_OWN = 505
"""From here on statuses are inventions of vendors and their fronts: overloaded, timed out, unreachable."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """How a call ended: the backend's `status`, or `kind` where there was none. `retry_after`: seconds that it asked
    for; `final`: to ask it again is of no use (a spent quota); `another_key`: it has a key that was not tried."""

    status: int = 0
    kind: str = ""
    retry_after: float | None = None
    final: bool = False
    another_key: bool = False


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One candidate of the plan now: calls of this request so far, whether its circuit is open, whether that is because
    nobody answers, seconds until its rate limit lets a call in, its score."""

    calls: int = 0
    open: bool = False
    silent: bool = False
    wait: float = 0.0
    score: float = 0.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What is configured: `routing.fallback` and `retry:`."""

    mode: Mode = "next_available"
    attempts: int = 3
    on: frozenset[int] = frozenset({429, 500, 502, 503, 504})
    backoff: Backoff = Backoff()


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """Call this candidate after so many seconds. `repeat`: it costs a token of the retry budget; `force`: its circuit
    is open, and it is called all the same."""

    index: int
    after: float = 0.0
    repeat: bool = False
    force: bool = False


class GiveUp(msgspec.Struct, frozen=True, kw_only=True):
    """Call nobody: the request itself is wrong (`client`), attempts or time are used up, nobody is left, those left do
    not answer (`silent`: 503 where nobody was called), or their limits last too long (`limited`, for `retry_after`)."""

    why: Literal["client", "attempts", "deadline", "none_left", "silent", "limited"]
    retry_after: float | None = None


def reach_of(failure: Failure, on: frozenset[int]) -> Reach:
    """Who may be called after this failure. `on` are the statuses of `retry.on`."""
    if failure.status == 0:
        reach = _KINDS.get(failure.kind, "another")
    elif failure.status in _STATUSES:
        reach = _STATUSES[failure.status]
    else:
        reach = "again" if failure.status in on or failure.status >= _VENDORS_OWN else "nobody"
    return "another" if reach == "again" and failure.final else reach


def next_step(
    policy: Policy,
    candidates: Sequence[Candidate],
    *,
    used: int = 0,
    failed: int = 0,
    failure: Failure | None = None,
    now: float = 0.0,
    deadline: float = inf,
    may_repeat: bool = True,
    chance: float = 0.5,
) -> Next | GiveUp:
    """What to do next. `used` calls were made; the last of them on the candidate `failed`, where there is a `failure`.
    `may_repeat`: what the retry budget says; `chance`: a number in [0, 1) for the jitter."""
    if used >= policy.attempts:
        return GiveUp(why="attempts")
    if now >= deadline:
        return GiveUp(why="deadline")
    if failure is not None:
        reach = reach_of(failure, policy.on)
        if reach == "nobody":
            return GiveUp(why="client")
        if failure.another_key:
            return Next(index=failed)
        if reach == "again" and policy.mode == "retry_same" and may_repeat:
            again = _again(policy, candidates, used, failed, failure, deadline - now, chance)
            if again is not None:
                return again
    if policy.mode == "none":
        candidates = candidates[:1]
    return _another(policy, candidates, deadline - now)


def _again(
    policy: Policy,
    candidates: Sequence[Candidate],
    used: int,
    failed: int,
    failure: Failure,
    left: float,
    chance: float,
) -> Next | None:
    """The same one once more, where attempts and time allow it."""
    same = candidates[failed]
    others = sum(other.calls == 0 and not other.silent for other in candidates)
    # Two calls at least are its own, the others are left one each as far as they go.
    own = max(2, policy.attempts - others)
    first = all(other.calls == 0 for place, other in enumerate(candidates) if place != failed)
    if not first or same.calls >= own or same.open:
        return None
    if failure.retry_after is not None and failure.retry_after > policy.backoff.max:
        return None
    after = max(policy.backoff.delay(same.calls - 1, chance, failure.retry_after), same.wait)
    return Next(index=failed, after=after, repeat=True) if after < left else None


def _another(policy: Policy, candidates: Sequence[Candidate], left: float) -> Next | GiveUp:
    """The first of those not called yet: free ones, then those that are free the soonest, then those that only err."""
    fresh = [place for place, candidate in enumerate(candidates) if candidate.calls == 0]
    if not fresh:
        return GiveUp(why="none_left")
    if policy.mode == "best_alternative":
        fresh.sort(key=lambda place: -candidates[place].score)
    for place in fresh:
        if not candidates[place].open and candidates[place].wait <= 0.0:
            return Next(index=place)
    limited = [place for place in fresh if not candidates[place].open]
    erring = [place for place in fresh if candidates[place].open and not candidates[place].silent]
    for places in (limited, erring):
        if places:
            soonest = min(places, key=lambda place: candidates[place].wait)
            if candidates[soonest].wait < left:
                return Next(index=soonest, after=candidates[soonest].wait, force=candidates[soonest].open)
    if not limited and not erring:
        return GiveUp(why="silent")
    return GiveUp(why="limited", retry_after=min(candidates[place].wait for place in (*limited, *erring)))
