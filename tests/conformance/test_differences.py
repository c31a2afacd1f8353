"""Where ollamux differs from Ollama on purpose, it does so as the page on compatibility says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.llama_like import llama_like
from tests.support.ollama_like import ollama_like
from tests.support.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.running import Running
    from tests.support.scripted import Backend

KEY = {"name": "k", "key": "a-key", "scopes": ["inference"]}
PROMPT = {"prompt": "x", "stream": False}


class Street:
    """An ollamux, and the backends behind it."""

    def __init__(self, front: Running, llama: Backend, ollama: Backend) -> None:
        self.front = front
        self.llama = llama
        self.ollama = ollama

    def generate(self, model: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
        """The answer, and what it was warned of."""
        answer = self.front.ask("POST", "/api/generate", {"model": model, **PROMPT, **more})
        assert answer.status == 200
        return answer.json, [value for name, value in answer.headers if name == "x-ollamux-warning"]


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with llama_like() as llama, ollama_like() as ollama:
        settings = {
            "backends": [
                {"id": "llama", "type": "llama_cpp", "endpoint": llama.url, "model_prefix": "llama-"},
                {"id": "ollama", "type": "ollama", "endpoint": ollama.url},
            ]
        }
        with running(settings) as front:
            yield Street(front, llama, ollama)


def test_an_ollamas_own_context_passes_through_to_it(street: Street) -> None:
    _, warnings = street.generate("tiny", context=[1, 2, 3])
    assert warnings == []
    assert street.ollama.calls[-1].json["context"] == [1, 2, 3]


def test_a_context_of_the_other_kind_is_left_out_with_a_warning(street: Street) -> None:
    answer, _ = street.generate("llama-tiny")
    _, warnings = street.generate("tiny", context=answer["context"])
    assert len(warnings) == 1
    assert not street.ollama.calls[-1].json["context"]
    _, warnings = street.generate("llama-tiny", context=[1, 2, 3])
    assert len(warnings) == 1
    assert len(street.llama.calls[-1].json["messages"]) == 1


def test_a_context_from_here_is_the_conversation_so_far(street: Street) -> None:
    answer, _ = street.generate("llama-tiny")
    street.generate("llama-tiny", context=answer["context"])
    said = [(message["role"], message["content"]) for message in street.llama.calls[-1].json["messages"]]
    assert said == [("user", "x"), ("assistant", "Hello world"), ("user", "x")]


def test_what_a_server_does_not_take_is_left_out_with_a_warning(street: Street) -> None:
    options = {"num_ctx": 64, "top_k": 3, "min_p": 0.5, "repeat_penalty": 1.5}
    _, warnings = street.generate("llama-tiny", options=options, template="{{ .Prompt }}")
    assert len(warnings) == 2
    sent = street.llama.calls[-1].json
    assert {name: sent.get(name) for name in options} == {**options, "num_ctx": None}


@pytest.mark.parametrize(("keep_alive", "reason"), [(0, "unload"), ("5m", "load")])
def test_loading_reaches_an_ollama_alone(street: Street, keep_alive: object, reason: str) -> None:
    before = len(street.llama.calls), len(street.ollama.calls)
    body = {"messages": [], "keep_alive": keep_alive}
    answer = street.front.ask("POST", "/api/chat", {"model": "llama-tiny", **body})
    assert answer.json["done_reason"] == reason
    street.front.ask("POST", "/api/generate", {"model": "tiny", "keep_alive": keep_alive})
    assert (len(street.llama.calls), len(street.ollama.calls)) == (before[0], before[1] + 1)


def test_a_model_that_no_ollama_has_cannot_be_changed(street: Street) -> None:
    for method, path, body in (
        ("DELETE", "/api/delete", {"model": "llama-tiny"}),
        ("POST", "/api/copy", {"source": "llama-tiny", "destination": "b"}),
    ):
        answer = street.front.ask(method, path, body)
        assert (answer.status, "cannot change its models" in answer.json["error"]) == (501, True)


def test_only_an_ollama_can_be_named_to_manage(street: Street) -> None:
    named = {"X-Provider": "llama"}
    assert street.front.ask("POST", "/api/pull", {"model": "new"}, named).status == 400
    assert street.front.ask("POST", "/api/pull", {"model": "new"}, {"X-Provider": "ollama"}).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/version", b'{"version":"0.33.0"}'),
        ("/api/status", b'{"cloud":{"disabled":false,"source":"none"}}'),
        ("/api/experimental/model-recommendations", b'{"recommendations":[]}'),
    ],
)
def test_what_is_not_a_backends_to_say_is_the_same_everywhere(street: Street, path: str, body: bytes) -> None:
    assert street.front.ask("GET", path).body == body


def test_time_stamps_have_microseconds_at_most(street: Street) -> None:
    answer, _ = street.generate("llama-tiny")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", answer["created_at"])


def test_a_model_is_shown_as_far_as_its_backend_tells(street: Street) -> None:
    shown, verbose = (
        street.front.ask("POST", "/api/show", {"model": "llama-tiny", **more}).json for more in ({}, {"verbose": True})
    )
    assert shown == verbose
    assert shown.keys() & {"license", "tensors", "projector_info"} == set()


def test_a_backend_that_is_gone_is_named(street: Street) -> None:
    gone = {"id": "gone", "type": "llama_cpp", "endpoint": "http://127.0.0.1:9", "models": ["lost"]}
    with running({"backends": [gone]}) as front:
        answer = front.ask("POST", "/api/generate", {"model": "lost", **PROMPT})
        assert answer.status == 502
        assert "gone" in answer.json["error"]


@pytest.fixture(scope="module")
def guarded() -> Iterator[Running]:
    settings = {
        "backends": [{"id": "demo", "type": "demo"}],
        "server": {"keys": [KEY], "limits": {"body": "1KiB"}},
    }
    with running(settings) as front:
        yield front


@pytest.mark.parametrize(
    "headers",
    [{"Authorization": "Bearer a-key"}, {"x-api-key": "a-key"}, {"x-goog-api-key": "a-key"}, {"api-key": "a-key"}],
)
def test_a_key_opens_whichever_way_it_comes_and_spares_the_host_check(
    guarded: Running, headers: dict[str, str]
) -> None:
    assert guarded.ask("GET", "/api/tags", None, headers).status == 200
    assert guarded.ask("GET", "/api/tags", None, {**headers, "Host": "evil.example"}).status == 200
    assert guarded.ask("GET", "/api/tags?key=a-key").status == 200


def test_without_a_key_or_its_scope_the_door_stays_shut(guarded: Running) -> None:
    assert guarded.ask("GET", "/api/tags").status == 401
    assert guarded.ask("GET", "/api/tags", None, {"Host": "evil.example"}).status == 403
    assert guarded.ask("POST", "/api/pull", {"model": "new"}, {"x-api-key": "a-key"}).status == 403
    assert [guarded.ask("GET", path).status for path in ("/", "/healthz", "/readyz")] == [200] * 3


def test_what_is_too_large_is_refused(guarded: Running) -> None:
    assert guarded.ask("POST", "/api/chat", " " * 1025, {"x-api-key": "a-key"}).status == 413
    assert guarded.ask("GET", "/", None, {"X-Padding": "y" * 70_000}).status == 431
