"""The simulated world: backends of several kinds, and the requests that arrive. Everything follows from a seed.

A backend has places, a speed of reading and one of writing, a time that passes before either, watts, a price, room for
so many models in memory, and a temperature that follows its use; a badly cooled one gets hot, and at `HOT` degrees it
works at half its speed. A model that is not in memory is read first, and puts out the one that was used least recently.
"""

from __future__ import annotations

import math
import random
from collections import OrderedDict
from dataclasses import dataclass, field

__all__ = ("MODELS", "Machine", "Request", "arrivals", "machines", "rate_for")

MODELS: tuple[tuple[str, float, float], ...] = (("small", 2.0, 0.6), ("medium", 5.0, 0.3), ("large", 9.0, 0.1))
"""Name, gigabytes, and share of the requests."""

HOT = 85.0
_COOLED = 20.0
_MINUTE = 60.0
_BURST = 4.0
"""Seconds, on average."""


@dataclass(slots=True)
class Machine:
    """One backend. Rates are tokens a second for each place, prices US dollars for a million tokens."""

    id: str
    kind: str
    slots: int
    base_s: float
    read: float
    write: float
    watts: float
    room: int
    price_in: float = 0.0
    price_out: float = 0.0
    heats: float = 30.0
    warmth: float = 0.0
    warmth_at: float = 0.0
    running: int = 0
    memory: OrderedDict[str, float] = field(default_factory=OrderedDict)
    loads: int = 0

    @property
    def local(self) -> bool:
        """Whether it is a machine of ours, which reads models from its disk."""
        return self.kind != "cloud"

    def temperature(self, now: float) -> float:
        """Degrees: it nears what its use amounts to, by 63 percent in a minute."""
        aim = self.heats * self.running / self.slots
        self.warmth = aim + (self.warmth - aim) * math.exp((self.warmth_at - now) / _MINUTE)
        self.warmth_at = now
        return 45.0 + self.warmth

    def load(self, model: str, size: float, start: float) -> tuple[float, str]:
        """Puts a model in memory: when it is there, and which one had to go."""
        if not self.local:
            return start, ""
        ready = self.memory.get(model)
        if ready is not None:
            self.memory.move_to_end(model)
            return max(start, ready), ""
        gone = self.memory.popitem(last=False)[0] if len(self.memory) >= self.room else ""
        ready = start + self.load_s(size)
        self.memory[model] = ready
        self.loads += 1
        return ready, gone

    def load_s(self, size: float) -> float:
        """Seconds to read so many gigabytes."""
        return 1.0 + size

    def first_s(self, request: Request) -> float:
        """Seconds to its first token, with the model in memory."""
        return self.base_s + request.prompt / self.read

    def whole_s(self, request: Request) -> float:
        """Seconds to its last token."""
        return self.first_s(request) + request.output / self.write

    def cost(self, request: Request) -> float:
        """US dollars."""
        return (request.prompt * self.price_in + request.output * self.price_out) / 1e6


@dataclass(slots=True)
class Request:
    """One request: seconds, tokens; `size` is its model's, in gigabytes."""

    at: float
    model: str
    size: float
    prompt: int
    output: int


_KINDS: tuple[tuple[str, float, int, float, float, float, float, int], ...] = (
    ("nvidia", 0.35, 4, 0.05, 3000.0, 60.0, 250.0, 2),
    ("amd", 0.15, 4, 0.08, 1800.0, 40.0, 200.0, 2),
    ("igpu", 0.2, 2, 0.1, 500.0, 18.0, 20.0, 1),
    ("cpu", 0.1, 2, 0.1, 250.0, 9.0, 65.0, 2),
    ("cloud", 0.2, 8, 0.45, 8000.0, 80.0, 0.0, 0),
)
"""Kind, share, places, seconds before anything, tokens read and written a second, watts, models in memory."""


def machines(count: int, seed: int) -> list[Machine]:
    """A fleet: the kinds in their shares, each with speeds, prices and cooling of its own, and models in memory."""
    chance = random.Random(seed)
    shares = [share for _, share, *_ in _KINDS]
    weights = [share for _, _, share in MODELS]
    found: list[Machine] = []
    for number in range(count):
        kind, _, slots, base, read, write, watts, room = chance.choices(_KINDS, shares)[0]
        if number < len(_KINDS):  # a small fleet has one of each
            kind, _, slots, base, read, write, watts, room = _KINDS[number]
        quick = chance.lognormvariate(0.0, 0.25)
        dear = chance.lognormvariate(0.0, 0.6) if kind == "cloud" else 0.0
        machine = Machine(
            id=f"{kind}-{number}",
            kind=kind,
            slots=slots,
            base_s=base,
            read=read * quick,
            write=write * quick,
            watts=watts * chance.uniform(0.8, 1.2),
            room=room,
            price_in=1.0 * dear,
            price_out=4.0 * dear,
            heats=chance.uniform(50.0, 60.0) if chance.random() < 0.1 else chance.uniform(10.0, 30.0),
        )
        while len(machine.memory) < room:
            machine.memory[chance.choices(MODELS, weights)[0][0]] = 0.0
        found.append(machine)
    return found


def rate_for(fleet: list[Machine], load: float) -> float:
    """Requests a second that keep this share of all places busy, with requests of ordinary length."""
    ordinary = Request(0.0, "small", 2.0, 650, 200)
    return load * sum(machine.slots / machine.whole_s(ordinary) for machine in fleet)


def arrivals(count: int, rate: float, seed: int, *, bursty: bool) -> list[Request]:
    """Requests in their order. They arrive independently (Poisson), or, where it is bursty, at a rate that changes
    between a half and two and a half times the average for a few seconds each."""
    chance = random.Random(seed)
    shares = [share for _, _, share in MODELS]
    found: list[Request] = []
    now, factor, until = 0.0, 1.0, 0.0
    for _ in range(count):
        if bursty and now >= until:
            factor = 2.5 if chance.random() < 0.25 else 0.5
            until = now + chance.expovariate(1 / _BURST)
        now += chance.expovariate(rate * factor)
        name, size, _ = chance.choices(MODELS, shares)[0]
        prompt = min(max(int(chance.lognormvariate(6.0, 1.0)), 5), 16_000)
        output = min(max(int(chance.lognormvariate(5.0, 0.8)), 1), 2000)
        found.append(Request(now, name, size, prompt, output))
    for request in found:  # so that the average is what was asked for, however the bursts fell
        request.at *= count / rate / now
    return found
