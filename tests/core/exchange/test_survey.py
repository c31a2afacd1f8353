"""Requests for what all backends have."""

from __future__ import annotations

from tests.support.driving import driven


def names(asked: object) -> list[str]:
    return [row["name"] for row in asked.json["models"]]  # type: ignore[attr-defined]


def test_what_was_told_just_now_is_listed_at_once() -> None:
    run = driven(a="ollama")
    assert names(run.ask("GET", "/api/tags")) == ["m:latest"]


def test_what_is_older_is_asked_for_again_first() -> None:
    run = driven(a="ollama", b="vllm")
    run.pass_time(5)
    asked = run.ask("GET", "/api/tags")
    assert not asked.over
    run.learn(a=["new"], b=["other"])
    assert sorted(names(asked)) == ["auto:latest", "new:latest", "other:latest"]


def test_nobody_waits_for_a_backend_that_does_not_come_back_and_it_is_listed_as_last_known() -> None:
    run = driven(a="ollama")
    run.pass_time(5)
    asked = run.ask("GET", "/api/tags")
    assert asked.wake_at == run.now + 1.0
    run.pass_time(1)
    assert names(asked) == ["m:latest"]
    run.learn(a=["new"])
    assert asked.exchange.proceed(run.now) is None and asked.exchange.woken(run.now) is None


def test_nobody_waits_for_one_that_is_known_to_be_dead() -> None:
    run = driven(a="ollama", learn=False)
    run.learn(a=None)
    run.pass_time(5)
    assert run.ask("GET", "/api/tags").json == {"models": []}


def test_a_client_that_leaves_is_forgotten() -> None:
    run = driven(a="ollama")
    run.pass_time(5)
    asked = run.ask("GET", "/api/ps")
    asked.leave()
    run.learn()
    assert asked.heads == [] and run.gateway.ready(run.now) == []
