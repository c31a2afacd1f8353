"""A play: one gateway, its scripted backends and its clients in virtual time, one moment after the other.

Strategy: moments stand in one queue, in their order: what backends do, when clients come, the wakes that exchanges
asked for. After each of them those proceed who may, the chores that are due are handed out, and the invariants look at
what has come of it. When all requests are over every trouble ends, and after a long sleep of the machine each backend
is asked once more: whatever was not given back shows there.

Rules: the same scene gives the same play, to the byte, in every build; the clock is moved here and nowhere else.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bench.simulation import spoken
from bench.simulation.invariants import Violation
from bench.simulation.pump import Asked, Attempt
from bench.simulation.scene import Guest, Scene
from bench.simulation.servers import Server
from bench.simulation.watch import Watch
from ollamux.config import Layer, load
from ollamux.contract import Call, ClientRequest, FailureKind, Want
from ollamux.exchange import Exchange
from ollamux.gateway import Chore, Gateway

__all__ = ("World",)

_EPOCH = 1_767_322_800.0  # 2026-01-02 03:00 UTC
_MOST_STEPS = 60_000
_SLEEP = 3 * 3600.0
_BETWEEN = 45.0
_HABITUAL = 0.4

_PATHS = {
    "chat": "/api/chat",
    "generate": "/api/generate",
    "embed": "/api/embed",
    "completions": "/v1/chat/completions",
    "embeddings": "/v1/embeddings",
    "messages": "/v1/messages",
    "tags": "/api/tags",
    "pull": "/api/pull",
}


class World:
    """See the module. `story` is what happened, where it is `tracing`; `leapt` is when the clock last leapt. `disturb`
    may replace each exchange by another, to see that the invariants notice."""

    def __init__(
        self, scene: Scene, *, tracing: bool = False, disturb: Callable[[Exchange], Exchange] | None = None
    ) -> None:
        self.scene = scene
        self.tracing = tracing
        self.story: list[str] = []
        self.now = self.began = 1000.0
        self.leapt = -math.inf
        self.gateway = Gateway(load([Layer("scene", scene.settings)], {}), instance="simulated")
        self.gateway.wall(_EPOCH, 0, self.now)
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._disturb = disturb
        self.servers = {host.id: Server(self, host) for host in scene.hosts}
        self.all: list[Asked] = []
        self.open: list[Asked] = []
        self.calls = 0
        self.after_all: list[Asked] = []
        self.steps = 0
        self.watch = Watch(self)
        self._to_come = len(scene.guests)
        if self.gateway.guards.hedging is not None:
            self._make_habitual()

    def run(self) -> World:
        """Plays all of it. Raises Violation where something is not as it has to be."""
        try:
            self._play()
        except Exception as error:
            if isinstance(error, Violation):
                raise
            where = "".join(traceback.format_tb(error.__traceback__)[-1:]).strip()
            text = f"{error!r} ({where})"
            raise Violation("nothing_is_raised", text, self.now - self.began) from error
        return self

    def _play(self) -> None:
        scene = self.scene
        for guest in scene.guests:
            self.at(self.began + guest.at, partial(self._arrive, guest))
        for when, seconds in scene.leaps:
            self.at(self.began + when, partial(self._fall_asleep, seconds))
        for when, seconds in scene.shifts:
            self.at(self.began + when, partial(self._set_clock, seconds))
        while self._to_come or self.open:
            self._step()
        self._rest()

    # Time -------------------------------------------------------------------------------------------------------------

    def at(self, when: float, what: Callable[[], None]) -> None:
        """This happens then."""
        heapq.heappush(self._moments, (when, next(self._order), what))

    def wake(self, asked: Asked, when: float) -> None:
        """This exchange is to be woken then."""
        asked.wake_at = when
        if when < math.inf:
            self.at(when, lambda: self._wake(asked, when))

    def _step(self) -> None:
        """The next thing that happens."""
        gateway = self.gateway
        self.steps += 1
        if self.steps > _MOST_STEPS:
            self.broken("the_play_comes_to_an_end", None, f"not after {self.steps} steps")
        due = gateway.chores_at
        if gateway.hurry or not self._moments or due <= self._moments[0][0]:
            if due == math.inf and not gateway.hurry:
                self.broken("the_play_comes_to_an_end", None, "nothing is going to happen any more")
            self.now = max(self.now, due)
            self._hand_out()
        else:
            when, _, what = heapq.heappop(self._moments)
            self.now = max(self.now, when)
            what()
        self._drain()
        self.watch.stepped()

    def _hand_out(self) -> None:
        for chore in self.gateway.chores(self.now):
            self.servers[chore.backend].probe(chore)
        if self.gateway.chores_at <= self.now and not self.gateway.hurry:
            self.broken("chores_are_due_later", None, f"at {self.gateway.chores_at}")

    def _drain(self) -> None:
        """Lets those proceed who may, as a pump does once a turn."""
        gateway = self.gateway
        for _ in range(1000):
            if not gateway.has_ready():
                return
            ready = gateway.ready(self.now)
            if not ready:
                return
            for exchange in ready:
                asked = exchange.front
                if isinstance(asked, Asked) and not asked.over:
                    asked.do(asked.exchange.proceed(self.now), "proceed")
        self.broken("the_play_comes_to_an_end", None, "exchanges may proceed again and again")

    def _wake(self, asked: Asked, when: float) -> None:
        if asked.over or asked.wake_at != when:
            return
        asked.wake_at = math.inf
        asked.do(asked.exchange.woken(self.now), "woken")

    def _fall_asleep(self, seconds: float) -> None:
        if self._to_come or self.open:
            self._sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        self.note(f"the machine sleeps for {seconds:g} s")
        self.now += seconds
        self.leapt = self.now
        for asked in self.open:
            asked.progress += seconds

    def _set_clock(self, seconds: float) -> None:
        self.note(f"the wall clock is set by {seconds:g} s")
        self.gateway.wall(_EPOCH + self.now - self.began + seconds, 3600, self.now)

    # Clients ----------------------------------------------------------------------------------------------------------

    def _arrive(self, guest: Guest) -> None:
        self._to_come -= 1
        asked = self.ask(guest)
        if guest.leaves is not None:
            self.at(self.now + guest.leaves, asked.leave)
        if guest.pauses is not None:
            self.at(self.now + guest.pauses, asked.pause)
            self.at(self.now + guest.pauses + guest.paused, asked.resume)

    def ask(self, guest: Guest) -> Asked:
        """A client asks."""
        method, body = ("GET", b"") if guest.wire == "tags" else ("POST", _body(guest))
        headers = {"host": "localhost", **dict(guest.headers)}
        request = ClientRequest(method, _PATHS[guest.wire], headers, body, guest.peer)
        exchange = self.gateway.open(request, self.now)
        asked = Asked(self, guest, self._disturb(exchange) if self._disturb is not None else exchange)
        self.all.append(asked)
        self.open.append(asked)
        self.note(f"{asked}: asks for {guest.model}, {dict(guest.headers)}")
        if len(self.all) % 2:  # as those of a burst begin
            asked.exchange.take_in(self.now)
            asked.exchange.take_place(self.now)
        asked.do(asked.exchange.start(self.now), "start")
        return asked

    def called(self, asked: Asked, call: Call) -> Attempt:
        """An exchange makes a call."""
        attempt = Attempt(asked, call, self.calls, self.now)
        self.calls += 1
        self.servers[call.backend].meet(attempt)
        return attempt

    def wanted(self, asked: Asked, want: Want, cause: str) -> None:
        """An exchange wants this."""
        self.watch.wanted(asked, want, cause)

    def ended(self, asked: Asked) -> None:
        """A request is over."""
        if asked in self.open:
            self.open.remove(asked)
            self.watch.ended(asked)

    # Backends ---------------------------------------------------------------------------------------------------------

    def answered(self, chore: Chore, status: int, body: bytes) -> None:
        """A chore was answered."""
        self.gateway.chore_done(chore, status, [], body, self.now)

    def missed(self, chore: Chore, kind: FailureKind) -> None:
        """A chore was not answered."""
        self.gateway.chore_failed(chore, kind, "", self.now)

    def _make_habitual(self) -> None:
        """How long first tokens take is known from before, so that second attempts are made from the beginning."""
        hedging = self.gateway.guards.hedging
        assert hedging is not None
        for host in self.scene.hosts:
            for model in host.models:
                for _ in range(30):
                    hedging.seen(host.id, model, _HABITUAL * host.pace)

    # The end ----------------------------------------------------------------------------------------------------------

    def _rest(self) -> None:
        """All is well again, for long: what does not work now was not given back."""
        self.note("all troubles are over")
        for server in self.servers.values():
            server.calm_down()
        self._until(self.now + 1.0)
        self.watch.rested()
        self._sleep(_SLEEP)
        self._until(self.now + 60.0)
        number = len(self.scene.guests)
        for server in self.servers.values():
            told = spoken.SLOTS if server.host.type == "llama_cpp" else None
            bounds = server.host.places, told, server.host.rate, self.gateway.config.queue.concurrency
            many = 1 if server.limited else min([3, *(bound for bound in bounds if bound)])
            headers = (("x-target-backend", server.host.id),)
            one = Guest(number, 0.0, "chat", server.host.models[0], headers=headers)
            asked = [self.ask(replace(one, number=number + place, stream=place == 0)) for place in range(many)]
            number += many
            self.after_all += asked
            while any(each in self.open for each in asked):
                self._step()
            if server.limited:
                self._until(self.now + _BETWEEN)
        self.watch.rested()

    def _until(self, when: float) -> None:
        while min(self._moments[0][0] if self._moments else math.inf, self.gateway.chores_at) <= when:
            self._step()
        self.now = max(self.now, when)

    # What is told -----------------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """One line of the story."""
        if self.tracing:
            self.story.append(f"{self.now - self.began:10.3f} {text}")

    def broken(self, name: str, asked: Asked | None, text: str) -> None:
        """Something is not as it has to be."""
        raise Violation(name, f"{asked}: {text}" if asked is not None else text, self.now - self.began)


def _body(guest: Guest) -> bytes:
    """The request as its client writes it."""
    turns = [{"role": "user", "content": "hi"}]
    body: dict[str, object] = {"model": guest.model}
    match guest.wire:
        case "pull":
            pass
        case "chat":
            body |= {"messages": turns, "stream": guest.stream}
        case "generate":
            body |= {"prompt": "hi" if guest.number % 7 else "", "stream": guest.stream}
        case "embed" | "embeddings":
            body |= {"input": ["a", "b"] if guest.number % 2 else "a"}
        case "completions":
            body |= {"messages": turns, "stream": guest.stream}
            if guest.n > 1:
                body["n"] = guest.n
        case _:
            body |= {"messages": turns, "stream": guest.stream, "max_tokens": 100}
    return json.dumps(body).encode()
