"""What must hold at every step of a play, whatever happens: each a function of its own, named by what it holds.

Strategy: some look at each want of an exchange before it is carried out, some at the world after each step. Each gives
back a text where it does not hold, None else. What is judged by whole answers, and at rest, is in `verdicts`; `watch`
asks all of them.

Rules: they judge by what is seen from outside (wants, calls, answers), and by what the gateway tells of itself; what is
excused is named where it is, and nothing else is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.simulation.pump import Asked, Attempt
from ollamux.contract import Call, Cancel, Data, End, Head, WakeAt, Want
from ollamux.exchange.base import PATIENCE
from ollamux.exchange.model import KEEPALIVE
from ollamux.resilience.budget import MOST, TRICKLE

if TYPE_CHECKING:
    from bench.simulation.world import World

__all__ = (
    "Violation",
    "a_head_comes_once_and_first",
    "a_target_is_kept",
    "a_wake_is_never_in_the_past",
    "attempts_are_bounded",
    "attempts_have_numbers_of_their_own",
    "keepalives_are_for_streams_and_after_a_silence",
    "no_attempt_outlives_its_exchange",
    "no_call_begins_after_the_deadline",
    "nobody_is_woken_in_vain",
    "nobody_waits_longer_than_is_configured",
    "nothing_follows_the_end",
    "places_are_bounded",
    "places_are_counted",
    "rates_are_kept",
    "repeats_stay_within_their_budget",
    "secrets_stay_here",
    "the_queue_is_bounded",
    "who_asks_to_be_left_alone_is",
    "who_left_is_told_nothing",
    "who_waits_has_a_wake",
)

_HAIR = 1e-6
_FIRST_BYTE, _IDLE = 20.0, 8.0
_ENDS = (b"error", b'"done":true', b"[DONE]", b"message_stop")
_APART = 1_000_000_000
_MOST_WAKES = 30


class Violation(AssertionError):
    """An invariant does not hold. `name` is its function's, `at` the moment in the play, `story` what happened before,
    where it was written down."""

    def __init__(self, name: str, text: str, at: float) -> None:
        super().__init__(f"{name}: {text} (at {at:.3f})")
        self.name = name
        self.text = text
        self.at = at
        self.story: list[str] = []


# At each want ---------------------------------------------------------------------------------------------------------


def nothing_follows_the_end(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """An exchange ends once, and wants nothing afterwards."""
    return f"{want} after the end" if asked.end is not None else None


def who_left_is_told_nothing(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """For a client that left nothing is done but to stop what is under way."""
    return f"{want} though the client left" if asked.gone and not isinstance(want, Cancel) else None


def a_head_comes_once_and_first(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """One head, and before all data."""
    if isinstance(want, Head) and asked.head is not None:
        return f"a second head: {want}"
    if isinstance(want, Data | End) and asked.head is None:
        return f"{want} before the head"
    return None


def attempts_have_numbers_of_their_own(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """What is reported of one attempt is never taken for another's."""
    if isinstance(want, Call) and any(one.call.attempt == want.attempt for one in asked.attempts):
        return f"attempt {want.attempt} for the second time"
    return None


def a_wake_is_never_in_the_past(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """Who asks to be woken asks for a moment to come."""
    late = asked.arrived <= world.leapt  # whoever slept finds that it is late
    if isinstance(want, WakeAt) and not want.when >= world.now - _HAIR and not late:
        return f"woken {world.now - want.when:g} s ago"
    return None


def nobody_is_woken_in_vain(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """No exchange has itself woken again and again at one moment."""
    if isinstance(want, WakeAt) and cause == "woken" and want.when <= world.now:
        asked.wakes += 1
        return f"{asked.wakes} times at once" if asked.wakes > _MOST_WAKES else None
    if cause != "woken":
        asked.wakes = 0
    return None


def keepalives_are_for_streams_and_after_a_silence(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """What is said while nobody answers goes to streams alone, and never sooner than it has to."""
    if cause != "woken" or not isinstance(want, Data) or asked.guest.wire in ("tags", "pull"):
        return None
    told = any(attempt.open and attempt.status for attempt in asked.attempts)
    if asked.guest.model in ("demo", "auto"):  # the demo plays its answers out by the clock
        return None
    whole = asked.head is not None and asked.head.headers[0][1].startswith("application/json")
    if told or whole or any(end in want.data for end in _ENDS):
        return None
    if not asked.guest.stream:
        return "a keepalive for an answer that is no stream"
    silence = world.now - asked.spoke
    return f"a keepalive after {silence:g} s" if silence < KEEPALIVE - _HAIR else None


def attempts_are_bounded(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """`retry.attempts` bounds all calls of a request, over all backends."""
    if not isinstance(want, Call) or asked.guest.n > 1:
        return None
    config = world.gateway.config
    most = max([config.retry.attempts, *(one.retry.attempts for one in config.backends or () if one.retry)])
    return f"call {len(asked.attempts) + 1} of {most}" if len(asked.attempts) >= most else None


def a_target_is_kept(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """Whoever names a backend is answered by no other."""
    target = asked.guest.target
    if isinstance(want, Call) and target and want.backend != target and asked.guest.wire != "pull":
        return f"{want.backend} is called, {target} was asked for"
    return None


def no_call_begins_after_the_deadline(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """An answer that would come too late is not asked for. The parts of one answer belong together."""
    deadline = asked.guest.deadline
    if isinstance(want, Call) and deadline is not None and asked.guest.n == 1:
        late = world.now - asked.arrived - deadline
        return f"called {late:g} s after its deadline" if late > _HAIR else None
    return None


def rates_are_kept(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """Over every window a backend gets no more calls than its configured rate lets through."""
    if not isinstance(want, Call) or asked.guest.wire == "pull":
        return None
    server = world.servers[want.backend]
    rate = server.host.rate
    if rate is None:
        return None
    server.level = min(rate, server.level + (world.now - server.level_at) * rate / 60.0) - 1.0
    server.level_at = world.now
    over = server.level < -1e-3 and not _is_part(asked, want)  # who follows a part pays for it
    return f"{want.backend} gets more than {rate} calls a minute" if over else None


def who_asks_to_be_left_alone_is(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """Retry-After is honoured by everybody, not only by who was told. A backend with several keys speaks of one."""
    if not isinstance(want, Call) or asked.guest.wire == "pull":
        return None
    server = world.servers[want.backend]
    guarded = server.host.keys == 1 and server.host.id in world.gateway.guards.quotas
    early = server.asked_until - world.now
    told = guarded and early > _HAIR and not _is_part(asked, want)
    return f"{want.backend} is called {early:g} s too early" if told else None


def repeats_stay_within_their_budget(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """Repeats and second attempts are a share of the traffic, over every window."""
    if not isinstance(want, Call) or not _is_repeat(asked, want):
        return None
    now, watch = world.now, world.watch
    watch.repeats.append(now)
    share = world.gateway.config.retry.budget
    most = MOST if share > 0 else 0.0
    for place, since in enumerate(watch.repeats):
        count = len(watch.repeats) - place
        paid = sum(one.ended >= since for one in world.all)
        allowed = most + share * paid + (TRICKLE * (now - since) if share > 0 else 0.0)
        if count > allowed + _HAIR:
            return f"{count} repeats in {now - since:g} s, {allowed:g} are allowed"
    return None


def secrets_stay_here(world: World, asked: Asked, want: Want, cause: str) -> str | None:
    """No key of a backend goes to a client, or to another backend."""
    match want:
        case Head():
            told = f"{want.headers} {want.lines!r}"
        case Data():
            told = want.data.decode("utf-8", "replace")
        case Call():
            told = f"{want.url} {want.headers} {want.body!r}".replace(f"sk-secret-of-{want.backend}-", "")
        case _:
            return None
    return f"a key in {told}" if "sk-secret" in told else None


# After each step ------------------------------------------------------------------------------------------------------


def places_are_bounded(world: World) -> str | None:
    """Nobody gets more calls at once than he bears, and no more run in all than may."""
    total = 0
    for server in world.servers.values():
        running = server.placed
        total += running
        if server.host.places is not None and running > server.host.places:
            return f"{running} calls run on {server.host.id}"
    most = world.gateway.config.queue.concurrency
    return f"{total} calls run" if most and total > most else None


def places_are_counted(world: World) -> str | None:
    """A place is taken for as long as a call runs, and no longer."""
    for server in world.servers.values():
        held, running = world.gateway.admission.running(server.host.id), server.placed
        if held != running:
            return f"{held} places of {server.host.id} are taken, {running} calls run"
    return None


def the_queue_is_bounded(world: World) -> str | None:
    """No more wait than may, and none of those that are over."""
    waiting, size = world.gateway.admission.waiting, world.gateway.config.queue.size
    if waiting > min(size, len(world.open)):
        return f"{waiting} wait, {len(world.open)} requests are open"
    return None


def no_attempt_outlives_its_exchange(world: World) -> str | None:
    """When an exchange has ended, or its client has left, none of its calls runs on."""
    for server in world.servers.values():
        for call in server.open:
            if call.asked.over:
                return f"{call.asked}: call {call.number} to {call.backend} runs on"
    return None


def who_waits_has_a_wake(world: World) -> str | None:
    """No exchange that nothing may happen to is left without a moment at which it looks again."""
    for asked in world.open:
        if asked.wake_at == math.inf and not asked.paused:
            return f"{asked} waits for ever"
    return None


def nobody_waits_longer_than_is_configured(world: World) -> str | None:
    """Something happens within the longest of the limits: a call, a piece of an answer, an end."""
    longest = max(world.gateway.config.queue.timeout, _FIRST_BYTE, _IDLE) + PATIENCE + 0.001
    for asked in world.open:
        if not asked.paused and world.now - asked.progress > longest:
            return f"{asked}: nothing happened for {world.now - asked.progress:g} s"
    return None


def _is_repeat(asked: Asked, call: Call) -> bool:
    """Whether this call costs a token: a second attempt beside the first, or the same place once more with the same
    key. Parts of one answer, and one that needs another key, cost none."""
    if call.attempt > _APART and not any(one.call.attempt > _APART for one in asked.attempts):
        return True
    if asked.guest.n > 1 or call.body is None:
        return False
    new = Attempt(asked, call, -1, 0.0)
    return any(
        (one.backend, one.body.get("model"), one.key) == (new.backend, new.body.get("model"), new.key)
        and (one.call.attempt > _APART) == (call.attempt > _APART)
        for one in asked.attempts
    )


def _is_part(asked: Asked, call: Call) -> bool:
    """Whether this call asks for one more part of an answer that this backend has begun."""
    return asked.guest.n > 1 and any(one.backend == call.backend for one in asked.attempts)
