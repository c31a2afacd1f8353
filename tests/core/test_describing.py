"""What is told of one backend."""

from __future__ import annotations

from tests.support.driving import driven

from ollamux.describing import Descriptions, condition_of, serves, share


def test_a_backend_that_nobody_looked_at_yet_has_no_times_and_may_serve() -> None:
    run = driven(a="vllm", learn=False)
    backend = run.gateway.backend("a")
    told = Descriptions(run.gateway).health(backend, run.now)
    assert (told["healthy"], told["status"], told["response_time_ms"], told["last_check"]) == (
        True,
        "unknown",
        None,
        None,
    )
    assert serves(backend) and condition_of(backend) == "unknown"


def test_a_backend_that_is_nowhere_serves_nothing_and_says_why() -> None:
    run = driven(g={"type": "gguf", "file": "x.gguf"}, learn=False)
    run.gateway.locate("g", None, "the model is no GGUF")
    told = Descriptions(run.gateway).status(run.gateway.backend("g"))
    assert told["info"]["base_url"] is None
    assert told["health"]["error_message"] == "the model is no GGUF"


def test_requests_a_minute_are_those_since_the_gateway_began() -> None:
    run = driven(a="vllm")
    descriptions = Descriptions(run.gateway)
    backend = run.gateway.backend("a")
    assert descriptions.backend(backend, run.now)["metrics"]["requests_per_minute"] == 0.0
    (offer,) = run.gateway.catalog.find("m")
    for _ in range(6):
        run.gateway.ledger.attempt(offer, "chat", 1.0, -1.0, None, "", run.now)
    run.pass_time(120)
    assert descriptions.backend(backend, run.now)["metrics"]["requests_per_minute"] == 3.0


def test_a_share_of_nothing_is_none() -> None:
    assert (share(0, 0), share(1, 3)) == (0.0, 33.33)
