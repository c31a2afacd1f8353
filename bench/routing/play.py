"""Plays requests on a fleet: bound late, by the planner, or on arrival, by a rule that is compared with it.

Late binding, as the gateway does it: a request goes to the plan's first choice where that has a place, else it waits in
one queue, and whoever is first in it is planned anew when a place is free. The planner knows what a gateway would: its
own measurements, the places, the configured watts and prices, what is in memory, and every few seconds the heat.

Compared with: `clairvoyant`, which on arrival binds each request to the backend with the earliest first token, every
waiting line and every duration known; and `two_choices`, which binds to the less busy one of two at random.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import dataclass

from bench.routing.world import HOT, MODELS, Machine, Request
from ollamux.config import BackendConfig, Price
from ollamux.config.schema import Characteristics
from ollamux.models import ModelInfo
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner
from ollamux.routing.standing import Standing

__all__ = ("READINGS", "THROTTLED", "Outcome", "Tally", "clairvoyant", "planned", "two_choices")

READINGS = 5.0
THROTTLED = 0.5


@dataclass(slots=True)
class Outcome:
    """What came of it, over the requests that count: seconds to the first token, dollars, joules, models loaded."""

    mean: float
    p50: float
    p99: float
    dollars: float
    joules: float
    loads: int


class Tally:
    """Adds up what comes of the requests that count: those from number `since` on."""

    def __init__(self, since: int) -> None:
        self.since = since
        self.firsts: list[float] = []
        self.dollars = self.joules = 0.0

    def add(self, number: int, machine: Machine, request: Request, first: float, whole_s: float) -> None:
        if number >= self.since:
            self.firsts.append(first - request.at)
            self.dollars += machine.cost(request)
            self.joules += machine.watts * whole_s / machine.slots

    def outcome(self, fleet: list[Machine]) -> Outcome:
        firsts = sorted(self.firsts)
        count = len(firsts)
        return Outcome(
            sum(firsts) / count,
            firsts[count // 2],
            firsts[min(int(count * 0.99), count - 1)],
            self.dollars / count,
            self.joules / count,
            sum(machine.loads for machine in fleet),
        )


def planned(fleet: list[Machine], requests: list[Request], since: int, strategy: str) -> Outcome:
    """The planner decides, by this strategy."""
    return _Play(fleet, requests, since, strategy).run()


class _Play:
    def __init__(self, fleet: list[Machine], requests: list[Request], since: int, strategy: str) -> None:
        self.fleet, self.requests = fleet, requests
        self.tally = Tally(since)
        self.known = Fleet()
        self.planner = Planner(self.known, strategy)
        for machine in fleet:
            self.known.add(_config(machine))
        self.fields = {name: self.known.field(_offers(fleet, name, size)) for name, size, _ in MODELS}
        self.machines = {machine.id: machine for machine in fleet}
        for field in self.fields.values():
            for standing in field.standings:
                if standing.station.local:
                    standing.reading(0.0, loaded=standing.name in self.machines[standing.station.id].memory)
        self.standings = {
            (standing.station.id, name): standing for name, field in self.fields.items() for standing in field.standings
        }
        self.queues: dict[str, deque[int]] = {name: deque() for name in self.fields}
        self.events: list[tuple[float, int, str, int, Standing]] = []
        self.waiting = 0
        self.needs = frozenset({"completion"})
        self.durations: dict[int, tuple[float, float]] = {}
        self.order = 0
        self.hot: set[str] = set()
        self.asks: dict[int, Ask] = {}

    def run(self) -> Outcome:
        arriving, readings = 0, 0.0
        requests, events = self.requests, self.events
        while arriving < len(requests) or events:
            at = requests[arriving].at if arriving < len(requests) else float("inf")
            now = min(at, events[0][0] if events else float("inf"))
            if now >= readings:
                readings = now + READINGS
                self._feel(now)
            if at <= now:
                model = requests[arriving].model
                self.queues[model].append(arriving)
                self.waiting += 1
                arriving += 1
            else:
                event = heapq.heappop(events)
                self._event(*event)
                if event[2] == "first":
                    continue
            self._serve(now)
        return self.tally.outcome(self.fleet)

    def _serve(self, now: float) -> None:
        """Sends who can be sent, in the two rounds of `Plan.goes`, and by age in each."""
        for first_round in (True, False):
            queues = [queue for queue in self.queues.values() if queue]
            while queues:
                queue = min(queues, key=lambda line: line[0])
                number = queue[0]
                request = self.requests[number]
                plan = self.planner.plan(self.fields[request.model], self._ask(number), now, self.waiting - 1)
                if not plan.goes(now - request.at, first_round=first_round):
                    queues.remove(queue)
                    continue
                queue.popleft()
                self.waiting -= 1
                self.planner.took(plan, plan.best, now)
                self._send(number, request, plan.best.standing, now)
                if not queue:
                    queues.remove(queue)

    def _ask(self, number: int) -> Ask:
        """What a request asks; the gateway knows the length of its prompt, and not that of its answer."""
        found = self.asks.get(number)
        if found is None:
            found = self.planner.ask(needs=self.needs, tokens_in=self.requests[number].prompt)
            self.asks[number] = found
        return found

    def _send(self, number: int, request: Request, standing: Standing, now: float) -> None:
        machine = self.machines[standing.station.id]
        slow = 1 / THROTTLED if machine.temperature(now) >= HOT else 1.0
        machine.running += 1
        ready, gone = machine.load(request.model, request.size, now)
        if gone:
            self.standings[machine.id, gone].reading(now, loaded=False)
        first = ready + slow * machine.first_s(request)
        end = ready + slow * machine.whole_s(request)
        self.durations[number] = (first - now, end - now)
        self.tally.add(number, machine, request, first, end - now)
        self.order += 1
        heapq.heappush(self.events, (first, self.order, "first", number, standing))
        self.order += 1
        heapq.heappush(self.events, (end, self.order, "end", number, standing))

    def _event(self, now: float, _order: int, what: str, number: int, standing: Standing) -> None:
        first_s, whole_s = self.durations[number]
        if what == "first":
            standing.first_token(now, first_s, self.requests[number].prompt)
            return
        standing.ended(now, self.requests[number].output, whole_s, first_s)
        machine = self.machines[standing.station.id]
        machine.temperature(now)
        machine.running -= 1
        del self.durations[number], self.asks[number]

    def _feel(self, now: float) -> None:
        """The hardware part's readings: a penalty above 70 degrees, out at 85 until it is at 80 again."""
        for machine in self.fleet:
            if not machine.local:
                continue
            degrees = machine.temperature(now)
            station = self.known.stations[machine.id]
            station.reading(heat=((degrees - 70.0) / 15.0) ** 2 * 1000.0 if degrees > 70.0 else 0.0)
            if degrees >= HOT and machine.id not in self.hot:
                self.hot.add(machine.id)
                station.exclude("thermal", now + 30.0)
            elif degrees < HOT - 5.0 and machine.id in self.hot:
                self.hot.discard(machine.id)
                station.exclude("")


class _Lines:
    """Each backend's own waiting line: when its places come free."""

    def __init__(self, fleet: list[Machine], since: int) -> None:
        self.fleet = fleet
        self.tally = Tally(since)
        self.free = [[0.0] * machine.slots for machine in fleet]

    def bind(self, number: int, place: int, request: Request) -> None:
        machine, free = self.fleet[place], self.free[place]
        start = max(request.at, free[0])
        ready, _ = machine.load(request.model, request.size, start)
        end = ready + machine.whole_s(request)
        heapq.heapreplace(free, end)
        self.tally.add(number, machine, request, ready + machine.first_s(request), end - start)


def clairvoyant(fleet: list[Machine], requests: list[Request], since: int) -> Outcome:
    """On arrival, the backend with the earliest first token; it neither heats nor tires."""
    import numpy as np

    lines = _Lines(fleet, since)
    base = np.array([machine.base_s for machine in fleet])
    read = np.array([1.0 / machine.read for machine in fleet])
    free = np.zeros(len(fleet))
    cold = {
        name: np.array([machine.load_s(size) if machine.local else 0.0 for machine in fleet])
        for name, size, _ in MODELS
    }
    for place, machine in enumerate(fleet):
        for name in machine.memory:
            cold[name][place] = 0.0
    for number, request in enumerate(requests):
        times = np.maximum(free, request.at) + base + request.prompt * read + cold[request.model]
        place = int(times.argmin())
        lines.bind(number, place, request)
        free[place] = lines.free[place][0]
        machine = fleet[place]
        for name, size, _ in MODELS if machine.local else ():
            cold[name][place] = 0.0 if name in machine.memory else machine.load_s(size)
    return lines.tally.outcome(fleet)


def two_choices(fleet: list[Machine], requests: list[Request], since: int, seed: int) -> Outcome:
    """On arrival, of two backends at random the one with the smaller share of its places taken and waited for."""
    chance = random.Random(seed)
    lines = _Lines(fleet, since)
    pending: list[list[float]] = [[] for _ in fleet]

    def share(place: int, now: float) -> float:
        line = pending[place]
        while line and line[0] <= now:
            heapq.heappop(line)
        return len(line) / fleet[place].slots

    for number, request in enumerate(requests):
        one, other = chance.sample(range(len(fleet)), 2)
        place = one if share(one, request.at) <= share(other, request.at) else other
        before = sorted(lines.free[place])
        lines.bind(number, place, request)
        after = sorted(lines.free[place])
        heapq.heappush(pending[place], next((new for old, new in zip(before, after) if new > old), after[-1]))  # noqa: B905
    return lines.tally.outcome(fleet)


def _config(machine: Machine) -> BackendConfig:
    return BackendConfig(
        id=machine.id,
        type="openai" if machine.kind == "cloud" else "ollama",
        hardware=machine.kind,
        max_concurrent_requests=machine.slots,
        characteristics=Characteristics(power_watts=machine.watts),
    )


def _offers(fleet: list[Machine], name: str, size: float) -> tuple[Offer, ...]:
    return tuple(
        Offer(
            name=name,
            upstream=name,
            backend=machine.id,
            priority=50.0,
            info=ModelInfo(name=name, size=int(size * 1e9)),
            capabilities=frozenset({"completion", "tools"}),
            told=True,
            context_length=None,
            options={},
            digest="",
            rank=(-50.0, place),
            price=Price(input=machine.price_in, output=machine.price_out) if machine.kind == "cloud" else None,
        )
        for place, machine in enumerate(fleet)
    )
