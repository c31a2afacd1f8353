"""Shares of limits."""

from __future__ import annotations

import pytest
from tests.support.driving import configured

from ollamux.config.pacing import Rate
from ollamux.gateway import Gateway
from ollamux.resilience.budget import MOST
from ollamux.workers.dividing import ALONE, Part, divided, places, rate

SETTINGS = {
    "rate_limit": {"per_key": "5/min", "per_address": "60/min", "global": "600/min"},
    "queue": {"size": 511, "concurrency": 7},
    "responses": {"size": 11, "bytes": 1001},
    "backends": {
        "up": {
            "type": "vllm",
            "models": ["m"],
            "max_concurrent_requests": 3,
            "rate_limit": {"requests": "10/min", "tokens": "1000/min"},
            "pool": {"size": 9},
        },
        "free": {"type": "vllm", "models": ["m"]},
    },
}


@pytest.mark.parametrize(("count", "of"), [(0, 3), (1, 1), (7, 3), (9, 3), (512, 5), (100, 7)])
def test_the_shares_of_places_make_up_the_whole(count: int, of: int) -> None:
    shares = [places(count, Part(number, of)) for number in range(of)]
    assert sum(shares) == count
    assert max(shares) - min(shares) <= 1


def test_nobody_gets_none_of_what_there_is_some_of() -> None:
    assert [places(2, Part(number, 4)) for number in range(4)] == [1, 1, 1, 1]
    assert [places(0, Part(number, 4)) for number in range(4)] == [0, 0, 0, 0]


def test_a_rate_is_divided_evenly_whatever_it_is() -> None:
    assert rate(Rate(5, 60), Part(1, 2)) == Rate(2.5, 60)
    assert rate(None, Part(1, 2)) is None


def test_every_limit_of_a_configuration_is_divided_and_its_shares_make_up_the_whole() -> None:
    whole = configured(SETTINGS)
    parts = [divided(whole, Part(number, 3)) for number in range(3)]
    assert divided(whole, ALONE) is whole
    assert sum(part.queue.size for part in parts) == 511
    assert sum(part.queue.concurrency for part in parts) == 7
    assert sum(part.responses.size for part in parts) == 11
    assert sum(part.responses.bytes for part in parts) == 1001
    for name in ("per_key", "per_address", "overall"):
        assert sum(getattr(part.rate_limit, name).count for part in parts) == pytest.approx(
            getattr(whole.rate_limit, name).count
        )
    ups = [part.backends[0] for part in parts if part.backends is not None]
    assert sum(up.max_concurrent_requests or 0 for up in ups) == 3
    assert sum(up.pool.size for up in ups) == 9
    assert sum(up.rate_limit.requests.count for up in ups if up.rate_limit.requests) == pytest.approx(10)
    assert sum(up.rate_limit.tokens.count for up in ups if up.rate_limit.tokens) == pytest.approx(1000)
    frees = [part.backends[1] for part in parts if part.backends is not None]
    assert [(free.max_concurrent_requests, free.rate_limit.requests) for free in frees] == [(None, None)] * 3


def test_repeats_that_are_saved_up_are_divided_and_one_can_always_be() -> None:
    def saved(of: int) -> int:
        budget = Gateway(configured(SETTINGS), part=Part(0, of)).guards.budget
        return sum(budget.take(0.0) for _ in range(100))

    assert saved(1) == MOST
    assert saved(2) == MOST / 2
    assert saved(64) == 1
