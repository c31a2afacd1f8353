"""Each invariant of the simulation can fail: a gateway that was spoiled in just that way is found out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from bench.simulation.invariants import Violation
from bench.simulation.scene import Guest, Host, Scene, Trouble, scene
from bench.simulation.watch import AFTER_EACH_STEP, AT_EACH_END, AT_EACH_WANT, AT_REST
from bench.simulation.world import World

from ollamux.contract import Call, Cancel, Data, End, FailureKind, Head, ReadBody, WakeAt, Want, Wants, spread
from ollamux.exchange import Exchange
from ollamux.resilience.admission import Admission
from ollamux.resilience.budget import RetryBudget

Change = Callable[[str, list[Want], float], Sequence[Want]]


class Doctored(Exchange):
    """An exchange whose wants are changed on their way out."""

    def __init__(self, inner: Exchange, change: Change) -> None:
        self.inner = inner
        self.change = change
        self.extra_headers = ()
        self.caller = ""

    @property
    def front(self) -> object:
        return self.inner.front

    @front.setter
    def front(self, value: object) -> None:
        self.inner.front = value

    def _told(self, cause: str, wants: Wants, now: float) -> Wants:
        found = [edited(want, wake=0.0) if isinstance(want, Call) else want for want in spread(wants)]
        return tuple(self.change(cause, found, now)) or None

    def start(self, now: float) -> Wants:
        return self._told("start", self.inner.start(now), now)

    def proceed(self, now: float) -> Wants:
        return self._told("proceed", self.inner.proceed(now), now)

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        return self._told("head", self.inner.attempt_head(attempt, status, headers, now), now)

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        return self._told("data", self.inner.attempt_data(attempt, data, now), now)

    def attempt_end(self, attempt: int, now: float) -> Wants:
        return self._told("end", self.inner.attempt_end(attempt, now), now)

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        return self._told("failed", self.inner.attempt_failed(attempt, kind, sent, now, detail), now)

    def client_paused(self, now: float) -> Wants:
        return self._told("paused", self.inner.client_paused(now), now)

    def client_resumed(self, now: float) -> Wants:
        return self._told("resumed", self.inner.client_resumed(now), now)

    def client_gone(self, now: float) -> Wants:
        return self._told("gone", self.inner.client_gone(now), now)

    def woken(self, now: float) -> Wants:
        return self._told("woken", self.inner.woken(now), now)


@dataclass(frozen=True)
class Mutant:
    """What is played, and what is done to it: to the wants of all exchanges, or to the gateway before it begins."""

    played: Scene
    change: Change | None = None
    spoil: Callable[[World], None] | None = None


def small(*guests: Guest, hosts: tuple[Host, ...] = (Host("b0", "vllm", ("m",)),), **sections: Any) -> Scene:
    """A few requests to backends that are well."""
    return Scene(1, "storm", hosts, guests, {"health": {"interval": "5s", "timeout": "2s"}, **sections})


def ask(number: int = 0, at: float = 2.0, wire: str = "chat", **habits: Any) -> Guest:
    return Guest(number, at, wire, "m", **habits)


def asks(count: int, **habits: Any) -> list[Guest]:
    return [ask(number, **habits) for number in range(count)]


def each(kind: type, change: Callable[[Any], Sequence[Want]]) -> Change:
    """Changes wants of one kind."""

    def told(cause: str, wants: list[Want], now: float) -> list[Want]:
        return [one for want in wants for one in (change(want) if isinstance(want, kind) else (want,))]

    return told


def edited(call: Call, **more: Any) -> Call:
    fields = {name: getattr(call, name) for name in Call.__match_args__}
    return Call(**{**fields, **more})


def late(cause: str, wants: list[Want], now: float) -> list[Want]:
    """Calls a second time when the answer comes, which is late."""
    if cause == "start":
        CALLS[:] = [edited(want, attempt=99) for want in wants if isinstance(want, Call)]
    return CALLS if cause == "head" else wants


CALLS: list[Want] = []


def impatient(cause: str, wants: list[Want], now: float) -> list[Want]:
    """Says something after a second already."""
    if cause == "start":
        return [*wants, WakeAt(now + 0.01)]
    return [Head(200, (("Content-Type", "application/x-ndjson"),)), Data(b"\n")] if cause == "woken" else wants


def never_at_rest(cause: str, wants: list[Want], now: float) -> list[Want]:
    return [*wants, WakeAt(now)] if cause in ("start", "woken") else wants


def unplugged(cause: str, wants: list[Want], now: float) -> list[Want]:
    raise RuntimeError("oh")


def chatty(cause: str, wants: list[Want], now: float) -> list[Want]:
    """Tells a client something that has left."""
    return [Data(b"bye")] if cause == "gone" else wants


def no_limits(world: World) -> None:
    world.gateway.guards.limited = False


def generous(world: World) -> None:
    world.gateway.guards.budget = RetryBudget(1.0)


def no_places(world: World) -> None:
    world.gateway.admission.limit("b0", 50)


def no_bounds(world: World) -> None:
    world.gateway.admission = Admission(queue_size=100)
    world.gateway.admission.limit("b0", 1)


def one_taken(world: World) -> None:
    world.gateway.admission.take("b0")


def one_running(world: World) -> None:
    world.gateway.fleet.stations["b0"].running = 1


def one_refused(world: World) -> None:
    world.gateway.backend("b0").health.refuse("for good")


def one_spared(world: World) -> None:
    """Its quota grows back slowly once it is in debt, and nobody pays."""
    world.gateway.guards.limited = False
    for _ in range(900):
        world.gateway.guards.quotas["b0"].owe(1.0, world.now + 4 * 3600.0)


def one_preferred(world: World) -> None:
    world.gateway.fleet.stations["b0"].weight = 9.0


def alone(world: World) -> None:
    world.gateway.fail_over = False


RATED = (Host("b0", "vllm", ("m",), rate=6),)
CLOUD = (Host("b0", "openai", ("m",), troubles=(Trouble(4.0, 60.0, "limited"),)),)
TWO = (
    Host("b0", "vllm", ("m",), priority=60, troubles=(Trouble(60.0, 30.0, "gone"),)),
    Host("b1", "vllm", ("m",)),
)
PAIR = (Host("b0", "vllm", ("m",)), Host("b1", "vllm", ("m",)))
TIGHT = (Host("b0", "vllm", ("m",), places=1, pace=2.0),)
LOST = (Host("b0", "vllm", ("m",), troubles=(Trouble(2.5, 900.0, "silent"),)),)
DOWN = (Host("b0", "vllm", ("m",), troubles=(Trouble(3.0, 40.0, "gone"),)),)
SLOW = (Host("b0", "vllm", ("m",), troubles=(Trouble(2.5, 40.0, "slow"),)),)
LIKELY = tuple([replace(host, troubles=(Trouble(2.5, 60.0, "brown"),)) for host in PAIR])

MUTANTS: dict[str, Mutant] = {
    "nothing_follows_the_end": Mutant(small(ask()), each(End, lambda end: (end, Data(b"more")))),
    "who_left_is_told_nothing": Mutant(small(ask(leaves=0.0)), chatty),
    "a_head_comes_once_and_first": Mutant(small(ask()), each(Head, lambda head: (head, head))),
    "attempts_have_numbers_of_their_own": Mutant(
        small(*[ask(number, at=3.0) for number in range(20)], hosts=LIKELY),
        each(Call, lambda call: (edited(call, attempt=1),)),
    ),
    "a_wake_is_never_in_the_past": Mutant(small(ask()), each(WakeAt, lambda wake: (WakeAt(wake.when - 900.0),))),
    "nobody_is_woken_in_vain": Mutant(small(ask()), never_at_rest),
    "keepalives_are_for_streams_and_after_a_silence": Mutant(small(ask(stream=True)), impatient),
    "attempts_are_bounded": Mutant(
        small(ask(), retry={"attempts": 1}), each(Call, lambda call: (call, edited(call, attempt=7)))
    ),
    "a_target_is_kept": Mutant(
        small(ask(headers=(("x-target-backend", "b0"),)), hosts=PAIR),
        each(Call, lambda call: (edited(call, backend="b1", headers=()),)),
    ),
    "no_call_begins_after_the_deadline": Mutant(
        small(ask(at=3.0, headers=(("x-deadline-ms", "300"),)), hosts=SLOW), late
    ),
    "rates_are_kept": Mutant(small(*asks(8), hosts=RATED), None, no_limits),
    "who_asks_to_be_left_alone_is": Mutant(
        small(*[ask(number, at=4.0 + number) for number in range(40)], hosts=CLOUD), None, no_limits
    ),
    "repeats_stay_within_their_budget": Mutant(
        small(
            *[ask(number, at=3.0) for number in range(20)],
            hosts=LIKELY,
            retry={"budget": 0, "base": "500ms"},
            routing={"fallback": "retry_same"},
        ),
        None,
        generous,
    ),
    "secrets_stay_here": Mutant(
        small(ask()), each(Head, lambda head: (Head(200, (*head.headers, ("x", "sk-secret-of-b0-0"))),))
    ),
    "places_are_bounded": Mutant(small(*asks(4), hosts=TIGHT), None, no_places),
    "places_are_counted": Mutant(small(ask()), None, one_taken),
    "the_queue_is_bounded": Mutant(small(*asks(9), hosts=TIGHT, queue={"size": 2}), None, no_bounds),
    "no_attempt_outlives_its_exchange": Mutant(
        small(ask(at=3.0, stream=True), hosts=LOST, retry={"attempts": 1}), each(Cancel, lambda cancel: ())
    ),
    "who_waits_has_a_wake": Mutant(small(ask()), each(WakeAt, lambda wake: ())),
    "nobody_waits_longer_than_is_configured": Mutant(
        small(*[ask(number, at=3.0) for number in range(5)], hosts=LOST),
        each(WakeAt, lambda wake: (WakeAt(wake.when + 9000.0),)),
    ),
    "the_answer_is_in_the_clients_format": Mutant(
        small(ask(stream=True)), each(Data, lambda data: (Data(data.data + b"}\n"),))
    ),
    "the_answer_is_of_one_attempt": Mutant(
        small(ask()), each(Data, lambda data: (Data(data.data.replace(b"0/0", b"9/9")),))
    ),
    "nobody_fails_who_could_have_been_served": Mutant(
        small(ask(at=80.0), hosts=TWO, breaker={"recovery": "5s", "failures": 0}, health={"unhealthy_after": 99}),
        None,
        alone,
    ),
    "what_is_refused_for_now_says_when": Mutant(
        small(*[ask(number, at=4.0 + number) for number in range(9)], hosts=DOWN, breaker={"failures": 1}),
        each(Head, lambda head: (Head(head.status, tuple([p for p in head.headers if p[0] != "Retry-After"])),)),
    ),
    "nothing_is_kept_at_rest": Mutant(small(), None, one_running),
    "all_works_again_after_the_storm": Mutant(small(), None, one_refused),
    "quotas_are_free_at_rest": Mutant(small(hosts=(Host("b0", "vllm", ("m",), rate=60),)), None, one_spared),
    "shares_follow_weights": Mutant(
        next(one for one in map(scene, range(99)) if one.kind == "calm"), None, one_preferred
    ),
    "who_recovers_is_used_again": Mutant(
        next(one for one in map(scene, range(99)) if one.kind == "recovery"), None, one_refused
    ),
    "nothing_is_raised": Mutant(small(ask()), unplugged),
    "only_known_wants_are_wanted": Mutant(small(ask()), lambda cause, wants, now: [ReadBody(True)]),
    "late_reports_are_not_heard": Mutant(
        small(ask(leaves=0.005)), lambda cause, wants, now: [Data(b"x")] if cause in ("head", "data") else wants
    ),
}


def broken_by(mutant: Mutant) -> Violation | None:
    change = mutant.change
    disturb = None if change is None else lambda inner: Doctored(inner, change)
    world = World(mutant.played, disturb=disturb)
    if mutant.spoil is not None:
        mutant.spoil(world)
    try:
        world.run()
    except Violation as violation:
        return violation
    return None


@pytest.mark.parametrize("name", MUTANTS)
def test_a_gateway_that_breaks_it_is_found_out(name: str) -> None:
    found = broken_by(MUTANTS[name])
    assert found is not None and found.name == name, found


@pytest.mark.parametrize("name", MUTANTS)
def test_the_gateway_as_it_is_holds_it_in_the_same_scene(name: str) -> None:
    assert broken_by(Mutant(MUTANTS[name].played)) is None


def test_every_invariant_has_a_gateway_that_breaks_it() -> None:
    names = {holds.__name__ for table in (AT_EACH_WANT, AFTER_EACH_STEP, AT_EACH_END, AT_REST) for holds in table}
    assert names <= set(MUTANTS)
