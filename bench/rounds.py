"""Rounds: contestants measured in turn, in another order each time, and what the samples say together.

Strategy: one round measures every contestant once, in an order drawn from a seed, so that what drifts on a machine
(its clock, its caches, its neighbours) falls on all of them alike. The contestant that stands twice in a round shows
what two equal servers differ by: that is the tolerance, and a difference below it is none. A ratio is taken within its
round.

Rules: the median is reported, with the least and the greatest sample beside it; a first round is measured and thrown
away. Nothing else is left out but for a cause that no contestant has a part in: a round in which others on the host
took much of the machine is played again, half as often as there are rounds at most, and the result says how often. What
is *added* is a difference that was taken within its round. Where driving a server costs as much as half of what the
server does, the result says so.
"""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bench.stolen import Meter

__all__ = ("Contestant", "Figures", "Options", "Result", "Row", "Sample", "Spread", "compare")

Figures = Mapping[str, float]
"""Figures of one sample by name."""

_MUCH = 0.05
"""The share of a machine's time that may be stolen in a round."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What a person chose: how often, how much, and what stands beside nginx."""

    rounds: int
    seed: int
    quick: bool
    ollamux: bool
    serve: str
    peers: str = ""
    requests: int | None = None

    def amount(self, full: int) -> int:
        """A number of requests or streams; a quick run takes a fifth."""
        return max(1, full // 5) if self.quick else full


class Sample(msgspec.Struct, frozen=True):
    """One measurement, and what went wrong in it."""

    figures: dict[str, float]
    problem: str | None = None


class Contestant(msgspec.Struct, frozen=True):
    """A name, how it is measured (the argument is the round's number), and whom it is compared with.

    `base` names contestants, all measured in the same round; their mean is 1. `beside` names those from whose mean
    differences are taken, `base` where it is None.
    """

    name: str
    measure: Callable[[int], Sample]
    base: tuple[str, ...] = ()
    beside: tuple[str, ...] | None = None


class Spread(msgspec.Struct, frozen=True):
    """The median of some samples, the least and the greatest."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises statistics.StatisticsError where there is no value."""
        return cls(statistics.median(values), min(values), max(values))


class Row(msgspec.Struct, frozen=True):
    """One contestant: its figures, its ratio in the key figure, and the samples behind them."""

    name: str
    figures: dict[str, Spread]
    ratio: Spread | None
    samples: list[dict[str, float]]

    @classmethod
    def once(cls, name: str, figures: dict[str, float]) -> Row:
        """What was measured once and is compared with nothing."""
        return cls(name, {key: Spread(value, value, value) for key, value in figures.items()}, None, [figures])


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One table. `columns` are (figure, heading, decimals); `tolerance` and `stolen` are shares of 1, over the
    rounds."""

    case: str
    title: str
    key: str
    columns: list[tuple[str, str, int]]
    rounds: int
    tolerance: Spread | None
    rows: list[Row]
    problems: list[str]
    notes: list[str] = []
    stolen: Spread | None = None


def _add_differences(
    contestants: Sequence[Contestant], samples: Mapping[str, list[dict[str, float]]], names: Sequence[str]
) -> None:
    """Puts `added_NAME` into every sample: the figure minus the mean of those it stands beside, in the same round."""
    for contestant in contestants:
        beside = contestant.base if contestant.beside is None else contestant.beside
        for number, figures in enumerate(samples[contestant.name]):
            for name in names if beside else ():
                figures[f"added_{name}"] = figures[name] - statistics.fmean(samples[it][number][name] for it in beside)


def _driven(key: str, rows: Sequence[Row]) -> list[str]:
    """A note for each contestant that costs less than twice what drives it."""
    return [
        f"{row.name}: upstream and load generator took {row.figures['drivers_us'].median:.1f} µs where it took "
        f"{row.figures[key].median:.1f}"
        for row in rows
        if key == "cpu_us"
        and "drivers_us" in row.figures
        and 2 * row.figures["drivers_us"].median > row.figures[key].median
    ]


def _ratios(key: str, own: Sequence[Figures], bases: Sequence[Sequence[Figures]]) -> Spread | None:
    if not bases:
        return None
    shares = []
    for number, figures in enumerate(own):
        base = statistics.fmean(samples[number][key] for samples in bases)
        if base > 0:
            shares.append(figures[key] / base)
    return Spread.of(shares) if shares else None


def _tolerance(key: str, pair: Sequence[Sequence[Figures]]) -> Spread | None:
    if len(pair) != 2:
        return None
    differences = []
    for one, other in zip(*pair, strict=True):
        if mean := (one[key] + other[key]) / 2:
            differences.append(abs(one[key] - other[key]) / mean)
    return Spread.of(differences) if differences else None


def _round(
    contestants: Sequence[Contestant], draw: random.Random, number: int, problems: list[str]
) -> dict[str, dict[str, float]]:
    """Measures each once, in an order that is drawn; what goes wrong is added to `problems`."""
    order = list(contestants)
    draw.shuffle(order)
    played = {}
    for contestant in order:
        sample = contestant.measure(number)
        if sample.problem is not None:
            problems.append(f"{contestant.name}, round {number}: {sample.problem}")
        played[contestant.name] = sample.figures
    return played


def _told(again: int) -> list[str]:
    if not again:
        return []
    return [f"{again} round{'s' if again > 1 else ''} played again: more than {_MUCH:.0%} of the machine was stolen"]


def compare(
    case: str,
    title: str,
    contestants: Sequence[Contestant],
    options: Options,
    *,
    key: str,
    columns: Sequence[tuple[str, str, int]],
    warm_up: bool = True,
    added: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Result:
    """Measures all contestants round after round; the first one's `base`, where it names two, is the tolerance.
    `added` names figures of which the difference is wanted too, as `added_NAME`; `drivers_us` is kept where it is
    told."""
    draw = random.Random(f"{case}:{options.seed}")
    samples: dict[str, list[dict[str, float]]] = {contestant.name: [] for contestant in contestants}
    problems: list[str] = []
    stolen: list[float] = []
    again = 0
    number = 0 if warm_up else 1
    while number <= options.rounds:
        print(f"{title}: " + (f"round {number} of {options.rounds}" if number else "warm-up"), file=sys.stderr)
        meter = Meter()
        played = _round(contestants, draw, number, problems)
        taken = meter.share()
        if number and taken > _MUCH and again < options.rounds // 2:
            again += 1
            continue
        if number:
            stolen.append(taken)
            for name, figures in played.items():
                samples[name].append(figures)
        number += 1
    _add_differences(contestants, samples, added)
    shown = [name for name, _, _ in columns] + ["drivers_us"]
    rows = [
        Row(
            contestant.name,
            {
                name: Spread.of([figures[name] for figures in samples[contestant.name]])
                for name in shown
                if name in samples[contestant.name][0]
            },
            _ratios(key, samples[contestant.name], [samples[name] for name in contestant.base]),
            samples[contestant.name],
        )
        for contestant in contestants
    ]
    return Result(
        case=case,
        title=title,
        key=key,
        columns=list(columns),
        rounds=options.rounds,
        tolerance=_tolerance(key, [samples[name] for name in contestants[0].base]),
        rows=rows,
        problems=problems,
        notes=[*notes, *_driven(key, rows), *_told(again)],
        stolen=Spread.of(stolen),
    )
