"""What one seed plays: the configuration of the gateway, the backends behind it, who comes when, and the troubles.

Strategy: everything is drawn before the play begins and is plain values, so that a play can be shown, and can be made
smaller by leaving things out (`smaller`) while all the rest stays as it is: each request and each backend draws what
happens to it from a seed of its own.

A scene is one of four kinds. In a `storm` anything happens. A `flood` is a storm in which all come at once. A `calm`
has no trouble at all, and shows who gets how much. In a `recovery` one of several backends is gone for a while.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

__all__ = ("FORMATS", "Guest", "Host", "Mood", "Scene", "Trouble", "scene")

Mood = Literal["fine", "slow", "gone", "silent", "brown", "limited", "garbled", "cut", "faulty", "denied"]
Kind = Literal["storm", "flood", "calm", "recovery"]

FORMATS = {"ollama": "ollama", "vllm": "openai", "llama_cpp": "openai", "openai": "openai", "anthropic": "anthropic"}
"""The types of scripted backends, and in what they speak."""

_MOODS: tuple[tuple[Mood, int], ...] = (
    ("slow", 2), ("gone", 4), ("silent", 3), ("brown", 4), ("limited", 3), ("garbled", 2), ("cut", 4), ("faulty", 2),
    ("denied", 1),
)  # fmt: skip
_WIRES = (
    "chat", "chat", "generate", "completions", "completions", "messages", "messages", "embed", "embeddings", "tags",
    "pull",
)  # fmt: skip
_SETTLED = 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """From `at` on, for so many seconds, a backend is in this mood."""

    at: float
    seconds: float
    mood: Mood


@dataclass(frozen=True, slots=True)
class Host:
    """One backend. `places` is how many calls it bears at once, None any number; `rate` its limit of calls a minute;
    `pace` the seconds until it answers, on average."""

    id: str
    type: str
    models: tuple[str, ...]
    priority: int = 50
    weight: float = 1.0
    places: int | None = None
    rate: int | None = None
    keys: int = 1
    pace: float = 0.5
    attempts: int | None = None
    troubles: tuple[Trouble, ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """As it is configured."""
        where = "http://{}:1" if self.type in ("ollama", "vllm", "llama_cpp") else "https://{}.example"
        found: dict[str, Any] = {
            "type": self.type,
            "endpoint": where.format(self.id) + ("/v1" if self.type == "openai" else ""),
            "priority": self.priority,
            "weight": self.weight,
            "timeouts": {"connect": 3, "first_byte": 20, "idle": 8, "total": 0},
        }
        if self.places is not None:
            found["max_concurrent_requests"] = self.places
        if self.rate is not None:
            found["rate_limit"] = {"requests": f"{self.rate}/min"}
        if self.keys > 1:
            found["api_keys"] = self.secrets
        elif self.type != "ollama":
            found["api_key"] = self.secrets[0]
        if self.attempts is not None:
            found["retry"] = {"attempts": self.attempts, "base": "1s"}
        return found

    @property
    def secrets(self) -> list[str]:
        """Its keys, which no client may ever see."""
        return [f"sk-secret-of-{self.id}-{number}" for number in range(self.keys)]


@dataclass(frozen=True, slots=True)
class Guest:
    """One request and the habits of its client: when it comes, what it asks, after how many seconds it goes away or
    stops reading, and for how long. `wire` is its format and operation, `headers` what it asks of the decision."""

    number: int
    at: float
    wire: str
    model: str
    stream: bool = False
    n: int = 1
    peer: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    leaves: float | None = None
    pauses: float | None = None
    paused: float = 0.0

    @property
    def deadline(self) -> float | None:
        """Seconds after which its answer is of no use any more."""
        told = dict(self.headers).get("x-deadline-ms")
        return float(told) / 1000.0 if told else None

    @property
    def target(self) -> str:
        """The backend that alone may answer it; empty for any."""
        return dict(self.headers).get("x-target-backend", "")


@dataclass(frozen=True, slots=True)
class Scene:
    """See the module. `sections` are the configuration beside the backends; `leaps` are the moments at which the
    machine wakes from a sleep, and for how long it slept; `shifts` those at which the wall clock is set, and by how
    much."""

    seed: int
    kind: Kind
    hosts: tuple[Host, ...]
    guests: tuple[Guest, ...]
    sections: dict[str, Any]
    leaps: tuple[tuple[float, float], ...] = ()
    shifts: tuple[tuple[float, float], ...] = ()

    @property
    def settings(self) -> dict[str, Any]:
        """The whole configuration."""
        backends = {host.id: host.settings for host in self.hosts}
        if self.kind in ("storm", "flood"):
            backends["demo"] = {"type": "demo"}
        return {"backends": backends, **self.sections}

    def smaller(self) -> list[Callable[[], Scene]]:
        """Scenes that are this one with something left out, the largest pieces first."""
        found: list[Callable[[], Scene]] = []
        guests = self.guests
        size = len(guests) // 2
        while size:
            for start in range(0, len(guests), size):
                found.append(partial(replace, self, guests=guests[:start] + guests[start + size :]))
            size //= 2
        found += [partial(replace, self, leaps=())] if self.leaps else []
        found += [partial(replace, self, shifts=())] if self.shifts else []
        for place, host in enumerate(self.hosts):
            for number in range(len(host.troubles)):
                fewer = host.troubles[:number] + host.troubles[number + 1 :]
                found.append(partial(self._with_troubles, place, fewer))
        for place, guest in enumerate(guests):
            if guest.pauses is not None or guest.leaves is not None or guest.headers:
                plain = replace(guest, pauses=None, leaves=None, headers=())
                found.append(partial(replace, self, guests=(*guests[:place], plain, *guests[place + 1 :])))
        return found

    def _with_troubles(self, place: int, troubles: tuple[Trouble, ...]) -> Scene:
        changed = replace(self.hosts[place], troubles=troubles)
        return replace(self, hosts=(*self.hosts[:place], changed, *self.hosts[place + 1 :]))


def scene(seed: int) -> Scene:
    """What this seed plays."""
    draw = random.Random(seed)
    kind = draw.choices(("storm", "flood", "calm", "recovery"), (70, 16, 6, 8))[0]
    match kind:
        case "calm":
            return _calm(seed, draw)
        case "recovery":
            return _recovery(seed, draw)
        case "flood":
            return _storm(seed, draw, "flood")
        case _:
            return _storm(seed, draw, "storm")


def _storm(seed: int, draw: random.Random, kind: Kind) -> Scene:
    length = draw.choice([30.0, 120.0, 400.0]) if kind == "storm" else 60.0
    hosts = tuple([_host(draw, number, length) for number in range(draw.choice([1, 2, 2, 3, 3, 4, 6]))])
    names = sorted({model for host in hosts for model in host.models})
    count = draw.randint(5, 18) if kind == "storm" else draw.randint(20, 36)
    guests = tuple([_guest(draw, number, length, names, hosts, kind) for number in range(count)])
    leaps = [(draw.uniform(0, length), draw.choice([40.0, 7200.0]))] if draw.random() < 0.2 else []
    shifts = [(draw.uniform(0, length), draw.choice([-1e6, -30.0, 30.0, 1e6]))] if draw.random() < 0.3 else []
    return Scene(seed, kind, hosts, guests, _sections(draw, kind, names), tuple(leaps), tuple(shifts))


def _host(draw: random.Random, number: int, length: float) -> Host:
    type_ = draw.choice(["ollama", "ollama", "vllm", "llama_cpp", "openai", "anthropic"])
    troubles: list[Trouble] = []
    at = draw.uniform(-0.3, 0.5) * length
    while at < length and draw.random() < 0.75:
        moods: list[Mood] = [mood for mood, _ in _MOODS]
        mood = draw.choices(moods, [share for _, share in _MOODS])[0]
        seconds = draw.expovariate(1 / (length / 3))
        troubles.append(Trouble(max(at, 0.0), seconds, mood))
        at += seconds + draw.expovariate(1 / (length / 3))
    return Host(
        id=f"b{number}",
        type=type_,
        models=draw.choice([("m",), ("m",), ("m", "other"), ("other",)]) if number else ("m",),
        priority=draw.choice([50, 50, 50, 60]),
        weight=draw.choice([1.0, 1.0, 2.0]),
        places=draw.choice([None, 1, 1, 2, 3]),
        rate=draw.choice([None, None, None, 6, 60]),
        keys=draw.choice([1, 1, 1, 2, 3]) if type_ != "ollama" else 1,
        pace=draw.choice([0.05, 0.5, 2.0]),
        attempts=draw.choice([None, None, None, 2]),
        troubles=tuple(troubles),
    )


def _guest(
    draw: random.Random, number: int, length: float, names: list[str], hosts: tuple[Host, ...], kind: Kind
) -> Guest:
    wire = draw.choice(
        [
            "chat",
            "chat",
            "generate",
            "completions",
            "completions",
            "messages",
            "messages",
            "embed",
            "embeddings",
            "tags",
        ]
    )
    stream = draw.random() < 0.7 and wire in ("chat", "generate", "completions", "messages")
    headers: list[tuple[str, str]] = []
    if draw.random() < 0.15:
        headers.append(("x-deadline-ms", str(draw.choice([200, 3000, 30000]))))
    if draw.random() < 0.3:
        headers.append(("x-priority", draw.choice(["low", "normal", "high", "critical"])))
    if draw.random() < 0.08:
        headers.append(("x-target-backend", draw.choice(hosts).id))
    if draw.random() < 0.1:
        headers.append(("x-routing-strategy", draw.choice(["round_robin", "least_loaded", "fastest_response"])))
    habit = draw.random()
    away = draw.expovariate(1 / draw.choice([0.3, 3.0, 20.0]))
    return Guest(
        number,
        at=draw.uniform(0.0, length if kind == "storm" else draw.choice([0.5, 3.0])),
        wire=wire,
        model=draw.choice([*names, "m", "first", "auto", "nobody", "demo"]) if draw.random() < 0.5 else "m",
        stream=stream,
        n=draw.choice([1, 1, 2, 3]) if wire == "completions" else 1,
        peer=f"10.0.0.{draw.randint(1, 3)}",
        headers=tuple(headers),
        leaves=away if habit < 0.15 else None,
        pauses=away if 0.15 <= habit < 0.35 else None,
        paused=draw.choice([0.5, 5.0, 60.0, 700.0]),
    )


def _sections(draw: random.Random, kind: Kind, names: list[str]) -> dict[str, Any]:
    follow = draw.sample(names, draw.randint(0, len(names)))
    return {
        "queue": {
            "size": draw.choice([1, 4, 50]),
            "timeout": draw.choice(["5s", "60s"]),
            "concurrency": draw.choice([0, 0, 0, 2, 4]),
            "prioritise": draw.random() < 0.8,
        },
        "retry": {
            "attempts": draw.choice([1, 2, 3, 3, 5]),
            "base": draw.choice(["500ms", "2s"]),
            "max": "20s",
            "budget": draw.choice([0, 0.2, 0.2, 1]),
        },
        "routing": {
            "fallback": draw.choice(
                ["next_available", "next_available", "next_available", "none", "retry_same", "best_alternative"]
            ),
            "strategy": draw.choice(
                ["capability_based", "capability_based", "round_robin", "least_loaded", "balanced", "prefix_affinity"]
            ),
            "load_balancing": draw.random() < 0.85,
            "resume": draw.random() < 0.3,
        },
        "breaker": {
            "failures": draw.choice([2, 5, 5, 0]),
            "window": "30s",
            "recovery": draw.choice(["5s", "30s"]),
            "successes": draw.choice([1, 3]),
            "slow": draw.choice(["10s", "0s"]),
        },
        "health": {
            "interval": draw.choice(["5s", "20s"]),
            "timeout": "2s",
            "unhealthy_after": draw.choice([1, 3]),
            "healthy_after": draw.choice([1, 2]),
        },
        "rate_limit": {"per_address": draw.choice([0, 0, 0, "20/min"]), "global": draw.choice([0, 0, 0, "100/min"])},
        "hedging": {"enabled": draw.random() < 0.35, "percentile": draw.choice([50, 95])},
        "models": {"first": {"backend": "b0", "api_model": "m", "fallbacks": follow}},
        "aliases": {"short": "m"},
    }


def _calm(seed: int, draw: random.Random) -> Scene:
    """Backends that differ by their weights alone, and requests enough to see who gets them."""
    hosts = tuple(
        [
            Host(f"b{number}", draw.choice(["ollama", "vllm"]), ("m",), weight=draw.choice([1.0, 1.0, 2.0, 3.0]))
            for number in range(draw.randint(2, 5))
        ]
    )
    guests = tuple(
        [Guest(number, _SETTLED + number * 0.25, "chat", "m", stream=number % 2 == 0) for number in range(40)]
    )
    return Scene(seed, "calm", hosts, guests, {"routing": {"strategy": "round_robin"}})


def _steady(count: int, every: float) -> tuple[Guest, ...]:
    """So many requests, one after the other."""
    return tuple([Guest(place, _SETTLED + place * every, "chat", "m", stream=place % 2 == 0) for place in range(count)])


def _recovery(seed: int, draw: random.Random) -> Scene:
    """One of several backends is gone for a while; requests come all the time."""
    mood: Mood = draw.choice(["gone", "silent", "brown", "cut"])
    lost = Trouble(draw.uniform(8.0, 15.0), draw.uniform(20.0, 60.0), mood)
    hosts = tuple(
        [
            Host(f"b{number}", draw.choice(["ollama", "vllm"]), ("m",), pace=0.05, troubles=() if number else (lost,))
            for number in range(draw.randint(2, 3))
        ]
    )
    count = int(lost.at + lost.seconds + 30.0)
    guests = tuple(
        [Guest(number, _SETTLED + number * 1.0, "chat", "m", stream=number % 2 == 0) for number in range(count)]
    )
    sections = {
        "routing": {"strategy": "round_robin"},
        "breaker": {"recovery": draw.choice(["5s", "30s"]), "failures": 3},
        "health": {"interval": "5s", "timeout": "2s", "unhealthy_after": draw.choice([1, 2])},
    }
    return Scene(seed, "recovery", hosts, guests, sections)
