"""Background work: rounds of probes, what they say of a backend, and who waits for them."""

from __future__ import annotations

import math

import pytest
from tests.support.driving import Driven, delta, driven, ending, listing


def test_probes_go_to_every_backend_at_once_and_again_after_the_interval() -> None:
    settings = {"health": {"interval": "30s", "timeout": "7s"}}
    run = driven(settings, a="ollama", b={"type": "vllm", "api_key": "k"}, learn=False)
    chores = run.chores()
    assert [chore.call.url for chore in chores] == [
        "http://a:1/api/tags",
        "http://a:1/api/ps",
        "http://b:1/v1/models",
    ]
    assert all(chore.timeout == 7 and chore.call.method == "GET" for chore in chores)
    assert ("Authorization", "Bearer k") in chores[2].call.headers
    assert run.chores() == [] and run.gateway.chores_at == math.inf
    for chore in chores:
        run.tell(chore, listing(chore.path, ["m"]))
    assert run.gateway.chores_at == run.now + 30
    run.pass_time(30)
    assert len(run.chores()) == 3


def test_the_first_probe_decides_and_an_optional_one_that_fails_says_nothing() -> None:
    run = driven(a="ollama", learn=False)
    tags, ps = run.chores()
    run.tell(ps, None)
    assert run.state("a")[0] == "checking"
    run.tell(tags, listing(tags.path, ["m"]))
    assert run.state("a") == ("ready", "")
    run = driven(a="ollama", learn=False)
    tags, ps = run.chores()
    run.tell(ps, listing(ps.path, []))
    run.tell(tags, None)
    assert run.state("a") == ("unreachable", "nothing listens there")


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, b"", "it refuses the API key (status 401)"),
        (403, b"", "it refuses the API key (status 403)"),
        (500, b"", "it answered with status 500"),
        (404, b"", "it answered with status 404"),
        (200, b"<html>", "its list of models cannot be read"),
        (200, b"[1", "its list of models cannot be read"),
        (200, b'{"data":7}', "its list of models cannot be read"),
        (200, b"\xff", "its list of models cannot be read"),
        (200, b"7", "its list of models cannot be read"),
    ],
)
@pytest.mark.parametrize("kind", ["vllm", "llama_cpp"])
def test_a_probe_that_goes_wrong_says_why(status: int, body: bytes, reason: str, kind: str) -> None:
    run = driven(a=kind, learn=False)
    for chore in run.chores():
        run.tell(chore, body, status=status)
    state, told = run.state("a")
    assert state == "unreachable" and told.startswith(reason)


@pytest.mark.parametrize("body", [b"<html>", b'{"models":7}', b"\xff", b"[]"])
def test_an_ollama_whose_list_cannot_be_read_says_so(body: bytes) -> None:
    run = driven(a="ollama", learn=False)
    for chore in run.chores():
        run.tell(chore, body)
    assert run.state("a")[1].startswith("its list of models cannot be read")


def test_a_backend_that_has_no_list_serves_what_the_configuration_names() -> None:
    run = driven(a={"type": "openai_compatible", "models": ["x"]}, learn=False)
    run.tell(run.chores()[0], b"", status=404)
    assert run.state("a")[0] == "ready" and run.chat("x").asked == ["a"]


def test_a_backend_that_is_ollamux_is_refused_for_good() -> None:
    run = driven({"models": {"x": {"backend": "a"}}}, a="ollama", learn=False)
    tags, ps = run.chores()
    run.tell(tags, listing(tags.path, ["m"]), X_Ollamux="another")
    run.tell(ps, listing(ps.path, []))
    state, reason = run.state("a")
    assert state == "unreachable" and "ollamux itself" in reason
    run.pass_time(100)
    assert run.chores() == []
    asked = run.chat("x")
    assert asked.status == 502 and asked.calls == []


def test_a_backend_whose_key_cannot_be_read_is_misconfigured_and_never_called() -> None:
    from msgspec.structs import replace

    from ollamux.config import Config
    from ollamux.gateway import Gateway

    config: Config = driven(a="vllm").gateway.config
    assert config.backends
    backend = replace(config.backends[0], key_missing="the variable A is not set")
    run = Driven(Gateway(replace(config, backends=(backend,))))
    assert run.chores() == [] and run.state("a") == ("misconfigured", "the variable A is not set")


def test_a_backend_that_is_switched_off_is_not_there() -> None:
    run = driven(a={"type": "vllm", "enabled": False}, b="vllm")
    assert [report.id for report in run.gateway.report(run.now)] == ["b"]


def test_a_supervised_backend_is_called_where_it_listens_and_not_at_all_while_it_is_down() -> None:
    run = driven(g={"type": "gguf", "file": "x.gguf"}, learn=False)
    assert run.chores() == [] and run.state("g") == ("checking", "")
    run.gateway.locate("g", "http://127.0.0.1:9")
    assert run.gateway.has_ready()
    chores = run.chores()
    assert [chore.call.url for chore in chores] == ["http://127.0.0.1:9/v1/models", "http://127.0.0.1:9/props"]
    for chore in chores:
        run.tell(chore, listing(chore.path, ["m"]))
    assert run.chat().called.url == "http://127.0.0.1:9/v1/chat/completions"
    run.gateway.locate("g", None, "the model is no GGUF")
    assert run.chat().json == {"error": "backend 'g' is not available: the model is no GGUF"}
    for _ in range(2):
        run.gateway.locate("g", None)
    assert run.state("g") == ("unreachable", "it is not running")


def test_a_backend_that_moves_while_it_is_asked_is_asked_again() -> None:
    run = driven(g={"type": "gguf", "file": "x.gguf"}, learn=False)
    run.gateway.locate("g", "http://127.0.0.1:9")
    old = run.chores()
    run.gateway.locate("g", "http://127.0.0.1:10")
    assert run.chores() == []
    for chore in old:
        run.tell(chore, None)
    assert run.chores()[0].call.url == "http://127.0.0.1:10/v1/models"


def test_a_limit_that_is_configured_wins_over_the_one_that_is_told() -> None:
    run = driven(a={"type": "llama_cpp", "max_concurrent_requests": 2}, learn=False)
    for chore in run.chores():
        run.tell(chore, listing(chore.path, ["m"]) if chore.path == "/v1/models" else {"total_slots": 1})
    assert [len(run.chat().calls) for _ in range(3)] == [1, 1, 0]


def test_a_probe_of_a_place_that_is_freed_lets_the_queue_go_on() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1})
    first, second = run.chat(), run.chat()
    first.called.stream(delta("x"), ending())
    assert run.gateway.has_ready()
    run.drain()
    assert second.asked == ["a"] and not run.gateway.has_ready()


def test_nobody_is_asked_more_often_than_once_a_second_for_a_model_that_does_not_exist() -> None:
    run = driven(a="vllm")
    run.pass_time(5)
    run.chat("x")
    run.chat("y")
    assert len(run.chores()) == 1 and run.chores() == []
    run.pass_time(2)
    assert all(asked.over for asked in run.open)


def test_a_round_tells_how_long_its_first_probe_took() -> None:
    run = driven(a="ollama", learn=False)
    tags, ps = run.chores()
    run.now += 0.25
    run.tell(tags, listing(tags.path, ["m"]))
    run.now += 1
    run.tell(ps, listing(ps.path, []))
    assert run.gateway.seen("a") == run.now
    assert run.gateway.backend("a").health.response_time == 0.25
    assert run.gateway.seen("b") is None
