"""Plays requests through a whole gateway, in virtual time: from the client's body over the queue to the backend's
answer.

The fleet is the one of `play`, and so are heat and memory; but who is asked, who waits and who goes first is what a
`Gateway` does with calls of /api/chat. It knows what it measures itself, and what its backends tell: their places,
their models, what is in memory. Prices are left out, so money is that of the fleet alone."""

from __future__ import annotations

import heapq
import json
import math

from bench.routing.play import READINGS, THROTTLED, Outcome, Tally
from bench.routing.world import HOT, MODELS, Machine, Request
from ollamux.config import Layer, load
from ollamux.contract import Call, ClientRequest, End, Head, WakeAt, Want, Wants, spread
from ollamux.exchange import Exchange
from ollamux.gateway import Gateway
from ollamux.models import Inventory, Loaded, ModelInfo

__all__ = ("through",)

_HEADERS = {"host": "localhost", "content-type": "application/json"}
_KIND = [("content-type", "application/x-ndjson")]
_HOUR = 3600.0


def through(fleet: list[Machine], requests: list[Request], since: int, strategy: str) -> Outcome:
    """The gateway decides, by this strategy."""
    return _Play(fleet, requests, since, strategy).run()


class _Asked:
    """A request under way: its exchange, the attempt that was made for it, and when it wants to be woken."""

    def __init__(self, number: int, exchange: Exchange) -> None:
        self.number = number
        self.exchange = exchange
        self.attempt = 0
        self.machine: Machine | None = None
        self.wake_at = math.inf
        self.over = False
        exchange.front = self


class _Play:
    def __init__(self, fleet: list[Machine], requests: list[Request], since: int, strategy: str) -> None:
        self.requests = requests
        self.machines = {machine.id: machine for machine in fleet}
        self.tally = Tally(since)
        self.now = 0.0
        self.order = 0
        self.events: list[tuple[float, int, str, _Asked]] = []
        self.hot: set[str] = set()
        unlimited = {"first_byte": 0, "idle": 0, "total": 0}
        backends = {
            machine.id: {
                "type": "ollama",
                "endpoint": "http://backend:1",
                "hardware": machine.kind,
                "max_concurrent_requests": machine.slots,
                "characteristics": {"power_watts": machine.watts},
                "timeouts": unlimited,
            }
            for machine in fleet
        }
        queue = {"size": len(requests), "timeout": f"{_HOUR}s"}
        settings = {"backends": backends, "queue": queue, "routing": {"strategy": strategy}}
        self.gateway = Gateway(load([Layer("bench", settings)], {}), instance="bench")
        self.gateway.wall(1_767_322_800.0, 0, 0.0)
        able = frozenset({"completion", "tools"})
        self.models = tuple(ModelInfo(name=name, size=int(size * 1e9), capabilities=able) for name, size, _ in MODELS)
        for machine in fleet:
            self.stock(machine)

    def stock(self, machine: Machine) -> None:
        """A machine tells what it has, and what of it is in memory: all of it where it is a cloud."""
        names = machine.memory if machine.local else [name for name, *_ in MODELS]
        inventory = Inventory(models=self.models, loaded=tuple(Loaded(name=name) for name in names))
        self.gateway.stock(self.gateway.backend(machine.id), inventory, self.now)

    def run(self) -> Outcome:
        arriving, readings = 0, 0.0
        requests, events = self.requests, self.events
        while arriving < len(requests) or events:
            at = requests[arriving].at if arriving < len(requests) else math.inf
            self.now = now = min(at, events[0][0] if events else math.inf)
            if now >= readings:
                readings = now + READINGS
                self.feel(now)
            if at <= now:
                self.come(arriving, requests[arriving])
                arriving += 1
            else:
                _, _, what, asked = heapq.heappop(events)
                self.happen(what, asked)
            self.drain()
        return self.tally.outcome(list(self.machines.values()))

    def come(self, number: int, request: Request) -> None:
        """A client's request, as long as its prompt."""
        messages = [{"role": "user", "content": "word" * request.prompt}]
        body = json.dumps({"model": request.model, "messages": messages}).encode()
        asked = _Asked(number, self.gateway.open(ClientRequest("POST", "/api/chat", _HEADERS, body), self.now))
        self.do(asked, asked.exchange.start(self.now))

    def do(self, asked: _Asked, wants: Wants) -> None:
        for want in spread(wants):
            self.do_one(asked, want)

    def do_one(self, asked: _Asked, want: Want) -> None:
        match want:
            case Call():
                self.send(asked, want)
            case WakeAt():
                asked.wake_at = want.when
                if want.when < math.inf:
                    self.later(want.when, "wake", asked)
            case Head():
                assert want.status == 200, want
            case End():
                asked.over = True
            case _:
                pass

    def later(self, when: float, what: str, asked: _Asked) -> None:
        self.order += 1
        heapq.heappush(self.events, (when, self.order, what, asked))

    def send(self, asked: _Asked, call: Call) -> None:
        """A backend takes a call: when its first and its last token come is known at once."""
        machine, request, now = self.machines[call.backend], self.requests[asked.number], self.now
        slow = 1 / THROTTLED if machine.temperature(now) >= HOT else 1.0
        machine.running += 1
        assert machine.running <= machine.slots
        ready, gone = machine.load(request.model, request.size, now)
        if gone:  # it is told at once; what is being loaded is there when it answers
            offers = self.gateway.catalog.find(gone)
            lost = next(offer for offer in offers if offer.backend == machine.id)
            self.gateway.fleet.standing(lost).reading(now, loaded=False)
        first = ready + slow * machine.first_s(request)
        end = ready + slow * machine.whole_s(request)
        self.tally.add(asked.number, machine, request, first, end - now)
        asked.attempt, asked.machine = call.attempt, machine
        self.later(first, "first", asked)
        self.later(end, "end", asked)

    def happen(self, what: str, asked: _Asked) -> None:
        exchange, now, attempt = asked.exchange, self.now, asked.attempt
        if what == "wake":
            if not asked.over and now >= asked.wake_at:
                asked.wake_at = math.inf
                self.do(asked, exchange.woken(now))
        elif what == "first":
            self.do(asked, exchange.attempt_head(attempt, 200, _KIND, now))
            self.do(asked, exchange.attempt_data(attempt, _line("word"), now))
        else:
            request, machine = self.requests[asked.number], asked.machine
            assert machine is not None
            machine.temperature(now)
            machine.running -= 1
            counts = {"prompt_eval_count": request.prompt, "eval_count": request.output}
            self.do(asked, exchange.attempt_data(attempt, _line("", done=True, done_reason="stop", **counts), now))
            self.do(asked, exchange.attempt_end(attempt, now))

    def drain(self) -> None:
        gateway = self.gateway
        while ready := gateway.ready(self.now):
            for exchange in ready:
                asked = exchange.front
                assert isinstance(asked, _Asked)
                self.do(asked, exchange.proceed(self.now))

    def feel(self, now: float) -> None:
        """The hardware part's readings, as in `play`."""
        for machine in self.machines.values():
            if not machine.local:
                continue
            degrees = machine.temperature(now)
            station = self.gateway.fleet.stations[machine.id]
            station.reading(heat=((degrees - 70.0) / 15.0) ** 2 * 1000.0 if degrees > 70.0 else 0.0)
            if degrees >= HOT and machine.id not in self.hot:
                self.hot.add(machine.id)
                station.exclude("thermal", now + 30.0)
            elif degrees < HOT - 5.0 and machine.id in self.hot:
                self.hot.discard(machine.id)
                station.exclude("")
                self.gateway.admission.stir()


def _line(text: str, *, done: bool = False, **more: object) -> bytes:
    """One line of an Ollama chat's stream."""
    value = {"model": "m", "created_at": "2026-01-02T03:04:05Z", "message": {"role": "assistant", "content": text}}
    return json.dumps({**value, "done": done, **more}).encode() + b"\n"
