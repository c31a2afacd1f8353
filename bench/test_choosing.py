"""What a choice costs: the score of one backend, the plan of a request, and a call through the circuit breaker.

pytest bench/test_choosing.py --benchmark-columns=median
"""

from __future__ import annotations

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.routing.decisions import a_field
from ollamux.resilience.breaker import Breaker, BreakerSettings
from ollamux.resilience.circuits import Circuits
from ollamux.routing.ask import Ask
from ollamux.routing.score import score

_MODELS = 50


def test_a_backend_is_scored(benchmark: BenchmarkFixture) -> None:
    _, field = a_field(10)
    standing, ask = field.standings[0], Ask(tokens_in=400, tokens_out=200)
    assert isinstance(benchmark(lambda: score(standing, ask)), float)


@pytest.mark.parametrize("size", [1, 10, 1000])
def test_a_request_is_planned(benchmark: BenchmarkFixture, size: int) -> None:
    planner, field = a_field(size)
    ask = planner.ask(None, needs=frozenset({"completion"}), strategy="")
    plan = benchmark(lambda: planner.plan(field, ask, 2.0))
    assert plan.candidates


def test_a_call_that_goes_well_passes_a_breaker(benchmark: BenchmarkFixture) -> None:
    breaker = Breaker(BreakerSettings())
    benchmark(lambda: breaker.good(breaker.begin(1.0), 1.0))
    assert breaker.state == "closed"


def test_calls_of_many_models_pass_their_circuits(benchmark: BenchmarkFixture) -> None:
    circuits = Circuits(BreakerSettings())
    models = [f"model{n}" for n in range(_MODELS)]

    def once() -> None:
        for model in models:
            passed = circuits.take("backend", model, 1.0)
            assert passed is not None
            passed.answered(1.0)

    benchmark(once)
