"""Access tokens: fetched as chores, before anybody is served and before they end."""

from __future__ import annotations

from typing import Any

from tests.support.driving import Driven, driven

from ollamux.gateway import Chore

OAUTH2 = {"token_url": "https://login/token", "client_id": "me", "client_secret": "hush"}


def run(**more: Any) -> Driven:
    return driven(learn=False, up={"type": "vllm", "auth": {"oauth2": OAUTH2}, **more})


def only(made: Driven) -> Chore:
    (chore,) = made.chores()
    return chore


def bearer(chore: Chore) -> str:
    return dict(chore.call.headers)["Authorization"]


def test_the_token_is_asked_for_first_and_the_models_with_it() -> None:
    made = run()
    first = only(made)
    assert (first.call.method, first.call.url) == ("POST", "https://login/token") and made.chores() == []
    made.tell(first, {"access_token": "t1", "expires_in": 3600})
    assert made.gateway.hurry
    probe = only(made)
    assert probe.call.method == "GET" and bearer(probe) == "Bearer t1"
    made.tell(probe, {"data": [{"id": "m"}]})
    asked = made.chat("m")
    assert dict(asked.called.call.headers)["Authorization"] == "Bearer t1"


def test_a_request_before_the_first_token_is_told_to_come_again() -> None:
    made = run(models=["m"])
    only(made)
    asked = made.chat("m")
    assert asked.status == 503 and "retry-after" in asked.headers and b"its access token is being fetched" in asked.body


def test_the_next_token_is_fetched_before_the_last_one_ends_and_calls_go_on_with_the_old_one_meanwhile() -> None:
    made = run(models=["m"])
    made.tell(only(made), {"access_token": "t1", "expires_in": 3600})
    made.learn()
    made.pass_time(3500)
    assert all(chore.call.method == "GET" for chore in made.chores())
    assert made.gateway.chores_at <= made.now + 40
    made.pass_time(40)
    (second,) = (chore for chore in made.chores() if chore.call.method == "POST")
    assert dict(made.chat("m").called.call.headers)["Authorization"] == "Bearer t1"
    made.tell(second, {"access_token": "t2", "expires_in": 3600})
    assert dict(made.chat("m").called.call.headers)["Authorization"] == "Bearer t2"


def test_an_endpoint_that_refuses_makes_the_backend_unreachable_and_its_word_is_told() -> None:
    made = run(models=["m"])
    made.tell(only(made), {"error": "invalid_client"}, status=401)
    assert made.gateway.hurry  # the other way to show the secret is tried at once
    made.tell(only(made), {"error": "invalid_client", "error_description": "hush"}, status=401)
    assert made.state("up") == ("unreachable", "the token endpoint refuses (status 401, invalid_client)")
    asked = made.chat("m")
    assert asked.status == 503 and b"invalid_client" in asked.body and b"hush" not in asked.body


def test_an_endpoint_that_cannot_be_reached_is_asked_again() -> None:
    made = run()
    made.tell(only(made), None)
    assert made.state("up") == ("unreachable", "the token endpoint: nothing listens there")
    made.pass_time(1.9)
    assert made.chores() == []
    made.pass_time(0.2)
    made.tell(only(made), {"access_token": "t"})
    assert made.state("up")[0] == "unreachable"
    made.learn()
    assert made.state("up")[0] == "ready"


def test_a_token_that_the_backend_refuses_is_replaced() -> None:
    made = run(models=["m"])
    made.tell(only(made), {"access_token": "t1"})
    made.learn()
    asked = made.chat("m")
    asked.called.answer(401, {"error": {"message": "no"}})
    assert asked.status == 502
    assert "POST" in [chore.call.method for chore in made.chores()]


def test_a_secret_that_is_missing_is_told_and_nobody_is_asked() -> None:
    made = driven(learn=False, up={"type": "vllm"})
    made.gateway.backend("up").misconfigured = "SECRET is not set in the environment"
    assert made.chores() == []
