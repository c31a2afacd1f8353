"""What a strategy does that says nothing else."""

from __future__ import annotations

from tests.support.fleets import backend, planner_of

from ollamux.routing.ask import Ask
from ollamux.routing.score import score
from ollamux.routing.strategies.base import Strategy


def test_it_compares_by_the_score_alone_and_remembers_nothing() -> None:
    _, field = planner_of(backend("a"))
    standing, ask, strategy = field.standings[0], Ask(), Strategy()
    strategy.prepare(field, ask)
    strategy.took(field, standing, ask)
    assert strategy.primary(standing, ask) == 0.0
    assert strategy.rate(standing, ask) == score(standing, ask)
    assert strategy.why(standing, ask, 0.0) == "the best score"
