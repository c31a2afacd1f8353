"""A request for `auto` names no model: it gets the one that fits its work.

`auto` reads the work off the request; a word behind it changes the rule (FLAVOURS). Strategy: what is known of each
offer is worked out once, when the catalog changes (`Traits`); a request then leaves out what lacks an ability it needs
or cannot hold its prompt, and the rest is ordered. The score of an offer, in points:

- `12` for each step of its family's strength in this kind of work (`data/families.json`, 1 or 2; a model that thinks
  has one more for reasoning, up to 2); `-6` for a family that is made for other kinds alone;
- `-10` for each halving of the size that is wanted, `-2` for each doubling (`-6` where it has to be quick): 4 billion
  parameters for what is simple, 14 for what is moderate, 70 for what is complex, a fourth of that for realtime work;
- `-40` below the size from which a model is of use for such work (FLOORS);
- `10` where it runs on the operator's own machines, `-3 * log2(1 + price)` where it costs money, the price being US
  dollars for a million tokens, three read for each one written (UNTOLD where nobody tells);
- `15` where its backend prefers it, `8` where it is in memory, a fifth of what its priority is above 50.

Rules: the size is what the backend tells, else what the name says, else what vendors mean by words such as mini; offers
of one model stand together, and equal ones stay as configured; nothing is drawn by lot. `local` never leaves the
operator's machines: where none of them has a model that can do it, there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from functools import cache
from math import inf, log2
from pkgutil import get_data
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from ollamux.models import AUTO
from ollamux.routing.catalog import Offer
from ollamux.routing.context_fit import fit, fitting
from ollamux.routing.patterns import PatternTable
from ollamux.routing.requirements import Requirements
from ollamux.routing.workload import Complexity, Kind

__all__ = ("FLAVOURS", "Auto", "Family", "Flavour", "Size", "families", "flavour_of", "size_of")

Order: TypeAlias = Literal["score", "price", "speed", "length", "strength"]


class Flavour(NamedTuple):
    """What a word behind `auto` means: the kind of work that it names, what it orders by, an ability that it needs, and
    whether the model must run at home (True) or must not (False)."""

    kind: Kind | None = None
    order: Order = "score"
    needs: frozenset[str] = frozenset()
    local: bool | None = None


FLAVOURS: Mapping[str, Flavour] = {
    "": Flavour(),
    "code": Flavour(kind="code"),
    "reasoning": Flavour(kind="reasoning"),
    "creative": Flavour(kind="creative"),
    "factual": Flavour(kind="factual"),
    "chat": Flavour(kind="plain"),
    "realtime": Flavour(kind="realtime"),
    "vision": Flavour(kind="vision", needs=frozenset({"vision"})),
    "audio": Flavour(kind="audio", needs=frozenset({"audio"})),
    "tools": Flavour(needs=frozenset({"tools"})),
    "cheap": Flavour(order="price"),
    "fast": Flavour(order="speed"),
    "best": Flavour(order="strength"),
    "long": Flavour(order="length"),
    "local": Flavour(local=True),
    "cloud": Flavour(local=False),
}
"""The words behind `auto:`. `cheap` orders by price, one that nobody told last; `fast` by the seconds that an answer
takes; `long` by the length of the context; `best` by size and strength, whatever that costs."""

_WANTED: Mapping[Complexity, float] = {"simple": 4.0, "moderate": 14.0, "complex": 70.0}

FLOORS: Mapping[bool, Mapping[Complexity, float]] = {
    True: {"simple": 0.0, "moderate": 4.0, "complex": 8.0},
    False: {"simple": 0.0, "moderate": 1.0, "complex": 4.0},
}
"""Billions of parameters below which a model is of little use: for code and reasoning, and for everything else."""

_HARD_KINDS = frozenset({"code", "reasoning"})
_REALTIME = 0.25
_LOCAL, _LOADED, _PREFERRED, _BELOW, _AWAY = 10.0, 8.0, 15.0, -40.0, -6.0

UNTOLD = 10.0
"""The price of what costs money and nobody says how much."""

_ANSWER = 200.0
_AT_HOME, _IN_CLOUD = 400.0, 3000.0
"""Billions of parameters times tokens in a second: what is expected where nothing was measured."""

_LOADING = 0.5
"""Seconds to load each billion of parameters."""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What a family of models is made for, by kind of work: 2 where that is its purpose, 1 where it is said to be good
    at it. `source` is where that was read, or that the name says so."""

    names: tuple[str, ...]
    strengths: dict[Kind, int]
    source: str
    read: str


class Size(NamedTuple):
    """Billions of parameters: all of them, and those that work on each token; 0 where nobody knows."""

    total: float = 0.0
    active: float = 0.0


class Traits(NamedTuple):
    """What of an offer matters here. `price` is in US dollars for a million tokens, None where nobody tells."""

    offer: Offer
    place: int
    local: bool
    preferred: bool
    size: Size
    strengths: Mapping[Kind, int]
    price: float | None


class Auto:
    """All offers, ready to be chosen from; made anew when the catalog changes. `local` are the backends on the
    operator's own machines, `preferred` the patterns of models that a backend prefers."""

    __slots__ = ("_scores", "_traits")

    def __init__(
        self,
        offers: Iterable[Offer],
        *,
        local: Container[str] = (),
        preferred: Mapping[str, PatternTable[bool]] | None = None,
    ) -> None:
        self._traits = [
            _traits(offer, place, offer.backend in local, (preferred or {}).get(offer.backend))
            for place, offer in enumerate(offers)
        ]
        self._scores: dict[tuple[Kind, Complexity, bool], list[float]] = {}

    def choose(
        self,
        flavour: str,
        asked: Requirements,
        *,
        is_loaded: Callable[[Offer], bool] | None = None,
        speed: Callable[[Offer], float | None] | None = None,
    ) -> tuple[Offer, ...]:
        """The offers for a request, the best first; none where no model can do it. `flavour` is one of FLAVOURS,
        `speed` tells the tokens a second that were measured. Raises InvalidRequest where the prompt is too long for
        all models that could do it."""
        rule = FLAVOURS[flavour]
        kind, complexity = self._work(rule, asked)
        needs = asked.needs | rule.needs
        scores = self._scored(kind, complexity, rule.order == "strength")
        ranked: list[tuple[tuple[float, ...], Offer]] = []
        too_short: list[Offer] = []
        for traits, score in zip(self._traits, scores, strict=True):
            offer = traits.offer
            if not needs <= offer.capabilities or (rule.local is not None and traits.local != rule.local):
                continue
            fits = fit(asked, offer.context_length)
            if fits == "over" and not asked.truncates:
                too_short.append(offer)
                continue
            loaded = is_loaded is not None and is_loaded(offer)
            if loaded and rule.order != "strength":
                score += _LOADED
            key = _key(rule.order, traits, kind, complexity, loaded, speed)
            ranked.append(((float(fits != "fits"), *key, -score, float(traits.place)), offer))
        if not ranked:
            return fitting(too_short, asked, "reject").offers
        ranked.sort(key=_rank)
        return _together(offer for _, offer in ranked)

    def reason(self, flavour: str, asked: Requirements, offer: Offer) -> str:
        """Why this offer, for people."""
        rule = FLAVOURS[flavour]
        kind, complexity = self._work(rule, asked)
        words = [f"{complexity} {kind}"]
        if rule.order != "score":
            words.append(f"by {rule.order}")
        traits = next((traits for traits in self._traits if traits.offer is offer), None)
        if traits is not None:
            words += [f"{traits.size.total:g}B"] if traits.size.total else []
            words += [f"made for {kind}"] if traits.strengths.get(kind) == 2 else []
            words += ["local"] if traits.local else []
        return f"{AUTO}{':' if flavour else ''}{flavour} chose {offer.name}: {', '.join(words)}"

    @staticmethod
    def _work(rule: Flavour, asked: Requirements) -> tuple[Kind, Complexity]:
        told = asked.workload
        return rule.kind or told.kind, "complex" if rule.order == "strength" else told.complexity

    def _scored(self, kind: Kind, complexity: Complexity, whatever_it_costs: bool) -> list[float]:
        key = (kind, complexity, whatever_it_costs)
        found = self._scores.get(key)
        if found is None:
            found = [_score(traits, kind, complexity, whatever_it_costs) for traits in self._traits]
            self._scores[key] = found
        return found


def flavour_of(name: str) -> str | None:
    """The flavour that a model's name asks for, empty for `auto` itself; None where it is the name of a model."""
    head, colon, word = name.strip().lower().partition(":")
    if head != AUTO or (colon and not word):
        return None
    word = "" if word == "latest" else word
    return word if word in FLAVOURS else None


_TIMES = re.compile(r"(?<![a-z0-9.])(\d+)x(\d+(?:\.\d+)?)b(?![a-z0-9])")
_PLAIN = re.compile(r"(?<![a-z0-9.])e?(\d+(?:\.\d+)?)([mbt])(?![a-z0-9])")
_ACTIVE = re.compile(r"(?<![a-z0-9])a(\d+(?:\.\d+)?)b(?![a-z0-9])")
_UNITS = {"m": 0.001, "b": 1.0, "t": 1000.0}
_LADDER: Mapping[str, float] = {
    "tiny": 2, "nano": 4, "micro": 4, "mini": 8, "lite": 8, "flash": 20, "haiku": 20, "fast": 20, "small": 24,
    "medium": 70, "sonnet": 150, "turbo": 150, "plus": 100, "large": 120, "pro": 200, "max": 250, "opus": 400,
    "ultra": 400, "fable": 500,
}  # fmt: skip
"""The rungs that vendors name instead of sizes. Nobody tells the true sizes; what counts is their order."""

_SOME_AT_HOME, _SOME_IN_CLOUD = 8.0, 150.0
_APART = re.compile(r"[-_:/.@ ]+")


def size_of(name: str) -> Size:
    """The size that a model's name tells: `llama3:70b` is 70, `mixtral:8x7b` 56, `qwen3:30b-a3b` 30, of which 3 work on
    each token. The tag counts before the rest of the name."""
    lowered = name.lower()
    tag = lowered.rpartition(":")[2]
    return next((found for found in map(_told, (tag, lowered)) if found.total), Size())


def _told(text: str) -> Size:
    times = _TIMES.search(text)
    if times is not None:
        each = float(times[2])
        return Size(int(times[1]) * each, 2 * each)  # experts work in twos as a rule
    sizes = [float(number) * _UNITS[unit] for number, unit in _PLAIN.findall(text)]
    if not sizes:
        return Size()
    active = _ACTIVE.search(text)
    return Size(max(sizes), float(active[1]) if active is not None else max(sizes))


def _size(offer: Offer, local: bool) -> Size:
    named = size_of(offer.upstream)
    if not named.total:
        named = size_of(offer.name)
    info = offer.info
    told = info.parameter_count / 1e9 if info.parameter_count else _told(info.parameter_size.lower()).total
    if told:
        return Size(told, min(named.active, told) if named.active < named.total else told)
    if named.total:
        return named
    rungs = [_LADDER[word] for word in _APART.split(offer.upstream.lower()) if word in _LADDER]
    guess = min(rungs, default=_SOME_AT_HOME if local else _SOME_IN_CLOUD)
    return Size(guess, guess)


def _traits(offer: Offer, place: int, local: bool, preferred: PatternTable[bool] | None) -> Traits:
    at_home = local and not offer.upstream.lower().endswith(("-cloud", ":cloud"))  # Ollama runs these elsewhere
    strengths = dict(_strengths(offer.upstream) or _strengths(offer.name))
    if "thinking" in offer.capabilities:
        strengths["reasoning"] = min(strengths.get("reasoning", 0) + 1, 2)
    price = offer.price
    costs: float | None = 0.0 if at_home else None
    if price is not None and price.input is not None and price.output is not None:
        costs = (3 * price.input + price.output) / 4
    liked = preferred is not None and (offer.upstream in preferred or offer.name in preferred)
    return Traits(offer, place, at_home, liked, _size(offer, at_home), strengths, costs)


def _score(traits: Traits, kind: Kind, complexity: Complexity, whatever_it_costs: bool) -> float:
    strength = traits.strengths.get(kind, 0)
    points = 12.0 * strength
    if not strength and 2 in traits.strengths.values() and len(traits.strengths) == 1:
        points += _AWAY
    quick = kind == "realtime"
    wanted = _WANTED[complexity] * (_REALTIME if quick else 1.0)
    doublings = log2(max(traits.size.total, 0.01) / wanted)
    if doublings < 0:
        points += 10.0 * doublings
    elif whatever_it_costs:
        points += 2.0 * doublings
    elif complexity != "complex":
        points -= (6.0 if quick else 2.0) * doublings
    if _is_below(traits, kind, complexity):
        points += _BELOW
    if traits.preferred:
        points += _PREFERRED
    if whatever_it_costs:
        return points
    points += _LOCAL if traits.local else 0.0
    points -= 3.0 * log2(1.0 + (UNTOLD if traits.price is None else traits.price))
    return points + (traits.offer.priority - 50.0) / 5.0


def _is_below(traits: Traits, kind: Kind, complexity: Complexity) -> bool:
    return traits.size.total < FLOORS[kind in _HARD_KINDS][complexity]


def _key(
    order: Order,
    traits: Traits,
    kind: Kind,
    complexity: Complexity,
    loaded: bool,
    speed: Callable[[Offer], float | None] | None,
) -> tuple[float, ...]:
    """What goes before the score, the smallest first."""
    if order == "length":
        return (-float(traits.offer.context_length or 0),)
    if order == "price":
        return (float(_is_below(traits, kind, complexity)), inf if traits.price is None else traits.price)
    if order == "speed":
        return (float(_is_below(traits, kind, complexity)), _seconds(traits, loaded, speed))
    return ()


def _seconds(traits: Traits, loaded: bool, speed: Callable[[Offer], float | None] | None) -> float:
    """How long an answer takes: as measured, else as the size lets expect, and the time to load the model."""
    measured = speed(traits.offer) if speed is not None else None
    rate = measured or (_AT_HOME if traits.local else _IN_CLOUD) / max(traits.size.active, 0.01)
    return _ANSWER / rate + (_LOADING * traits.size.total if traits.local and not loaded else 0.0)


def _rank(row: tuple[tuple[float, ...], Offer]) -> tuple[float, ...]:
    return row[0]


def _together(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """The offers of each model behind its first one; what two names mean on one backend comes once."""
    found: dict[str, list[Offer]] = {}
    known: set[tuple[str, str]] = set()
    for offer in offers:
        if (offer.backend, offer.upstream) not in known:
            known.add((offer.backend, offer.upstream))
            found.setdefault(offer.name, []).append(offer)
    return tuple(offer for same in found.values() for offer in same)


@cache
def families() -> tuple[Family, ...]:
    """The table of what families of models are made for."""
    return msgspec.json.decode(get_data("ollamux", "data/families.json") or b"", type=tuple[Family, ...])


@cache
def _families() -> PatternTable[Family]:
    return PatternTable((pattern, family) for family in families() for pattern in family.names)


def _strengths(name: str) -> Mapping[Kind, int]:
    found = _families().find(name)
    return found.strengths if found is not None else {}
