"""What the bench makes of its samples: medians, ratios within a round, the tolerance, rounds that are played again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bench import rounds
from bench.report import table
from bench.rounds import Contestant, Options, Result, Sample, compare

OPTIONS = Options(rounds=9, seed=1, quick=False, ollamux=True, serve="")
TWINS = ("nginx", "nginx again")


def played(monkeypatch: pytest.MonkeyPatch, stolen: Iterator[float], *, problem: str | None = None) -> Result:
    """Nine rounds of two equal servers, one a tenth dearer than the other, and one that costs twice their mean; in each
    round everything costs as many times as much as its number."""

    class Scripted:
        def share(self) -> float:
            return next(stolen)

    monkeypatch.setattr(rounds, "Meter", Scripted)

    def costs(cpu: float, trouble: str | None = None) -> Contestant:
        def measure(number: int) -> Sample:
            return Sample({"cpu_us": cpu * max(number, 1)}, trouble if number == 3 else None)

        name = {10.0: "nginx", 11.0: "nginx again"}.get(cpu, "ollamux")
        return Contestant(name, measure, TWINS)

    contestants = [costs(10.0), costs(11.0), costs(21.0, problem)]
    return compare("requests", "one request", contestants, OPTIONS, key="cpu_us", columns=[("cpu_us", "CPU µs", 1)])


def calm() -> Iterator[float]:
    while True:
        yield 0.01


def test_a_ratio_is_taken_within_its_round_and_the_twins_tell_the_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    result = played(monkeypatch, calm())
    ours = result.rows[2]
    assert ours.figures["cpu_us"].median == 21.0 * 5
    assert (ours.figures["cpu_us"].least, ours.figures["cpu_us"].greatest) == (21.0, 21.0 * 9)
    assert ours.ratio is not None and ours.ratio.least == ours.ratio.greatest == pytest.approx(2.0)
    assert result.tolerance is not None and result.tolerance.median == pytest.approx(1 / 10.5)
    assert [len(row.samples) for row in result.rows] == [9, 9, 9]
    assert "tolerance 9.5% (at most 9.5%); stolen 1.0% (at most 1.0%)" in table(result)


def test_a_round_of_which_much_was_stolen_is_played_again_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [0.5, *[0.01] * 4, 0.3, 0.06, *[0.01] * 5]
    result = played(monkeypatch, iter(shares))
    assert result.stolen is not None and result.stolen.greatest == 0.01
    assert [len(row.samples) for row in result.rows] == [9, 9, 9]
    assert result.notes == ["2 rounds played again: more than 5% of the machine was stolen"]


def test_rounds_are_not_played_again_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    result = played(monkeypatch, iter([0.2] * (1 + 9 + 4)))
    assert result.stolen is not None and result.stolen.median == 0.2
    assert result.notes == ["4 rounds played again: more than 5% of the machine was stolen"]


def test_what_went_wrong_in_a_round_is_kept_though_it_is_played_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [0.01, 0.01, 0.01, 0.9, *[0.01] * 7]
    result = played(monkeypatch, iter(shares), problem="of 10: 1 broken")
    assert result.problems == ["ollamux, round 3: of 10: 1 broken"] * 2
