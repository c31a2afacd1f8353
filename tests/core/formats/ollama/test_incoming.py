"""Requests of Ollama clients: Ollama's checks in Ollama's order and words."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, EmbedRequest, Image, JsonFormat, Message, ReasoningOptions, Text
from ollamux.errors import OllamuxError
from ollamux.formats.base import Served
from ollamux.formats.ollama import SERVING
from ollamux.formats.ollama.context import pack
from ollamux.formats.ollama.incoming import EmbedIncoming, GenerateIncoming, OllamaIncoming

ROUTES = {route.name: route for route in SERVING.routes}
HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f"}}
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk"


def read(route: str, **fields: Any) -> OllamaIncoming:
    incoming = SERVING.read(ROUTES[route], json.dumps({"model": "tiny", **fields}).encode(), {})
    assert isinstance(incoming, OllamaIncoming)
    return incoming


def served(*capabilities: str) -> Served:
    return Served("tiny", "tiny", frozenset(capabilities))


def refused(route: str, *capabilities: str, **fields: Any) -> tuple[int, str]:
    with pytest.raises(OllamuxError) as caught:
        read(route, **fields).check(served(*capabilities))
    return caught.value.status, caught.value.message


def chat(*capabilities: str, **fields: Any) -> ChatRequest:
    found = read("chat", **{"messages": HI, **fields}).neutral(served(*capabilities), {})
    assert isinstance(found, ChatRequest)
    return found


@pytest.mark.parametrize(
    ("route", "fields", "expected"),
    [
        ("chat", {"model": ""}, (400, "model is required")),
        ("chat", {"model": "  "}, (400, "model is required")),
        ("chat", {"model": None}, (400, "model is required")),
        ("generate", {"model": ""}, (404, "model '' not found")),
        ("embed", {"model": "", "input": "x"}, (404, "model '' not found")),
        ("embeddings", {"model": "", "prompt": "x"}, (400, "model is required")),
        ("chat", {"model": "x:cloud:local"}, (400, 'use either :local or :cloud, not both: "x:cloud:local"')),
        ("chat", {"top_logprobs": 21}, (400, "top_logprobs must be between 0 and 20")),
        ("chat", {"top_logprobs": 21, "model": ""}, (400, "top_logprobs must be between 0 and 20")),
        ("generate", {"top_logprobs": -1, "model": ""}, (400, "top_logprobs must be between 0 and 20")),
        ("embed", {"model": "", "input": 5}, (400, "invalid input type")),
        ("embed", {"input": [1, 2]}, (400, "invalid input type")),
        ("embed", {"input": {}}, (400, "invalid input type")),
    ],
)
def test_what_needs_no_model_is_refused_at_once(route: str, fields: dict[str, Any], expected: tuple[int, str]) -> None:
    with pytest.raises(OllamuxError) as caught:
        read(route, **fields)
    assert (caught.value.status, caught.value.message) == expected


@pytest.mark.parametrize("name", ["a b", "a:", "a/b/c/d", "tiny@sha256:abc", "x" * 81, "x" * 10_000, "<b>&nope"])
def test_a_name_that_ollama_calls_invalid_is_only_noted(name: str) -> None:
    error = read("chat", model=name).grammar_error
    assert error is not None
    assert (error.status, error.message) == (400, "invalid model name")


@pytest.mark.parametrize("name", ["tiny", "TINY:latest", " tiny ", "me/tiny", "host:1/me/tiny:1", "tiny:latest:local"])
def test_a_valid_name_is_no_error(name: str) -> None:
    assert read("chat", model=name).grammar_error is None


@pytest.mark.parametrize(
    ("route", "text"),
    [
        ("chat", "model 'tiny' not found"),
        ("generate", "model 'tiny' not found"),
        ("embed", 'model "tiny" not found, try pulling it first'),
        ("embeddings", 'model "tiny" not found, try pulling it first'),
    ],
)
def test_a_missing_model_is_told_in_the_routes_words(route: str, text: str) -> None:
    error = read(route, input="x").not_found()
    assert (error.status, error.message) == (404, text)


@pytest.mark.parametrize(
    ("route", "can", "fields", "expected"),
    [
        ("chat", ("completion",), {"messages": HI, "think": True}, (400, '"tiny" does not support thinking')),
        ("chat", ("completion",), {"messages": HI, "think": "low"}, (400, '"tiny" does not support thinking')),
        ("chat", ("embedding",), {"messages": HI, "think": True}, (400, '"tiny" does not support thinking')),
        ("chat", ("embedding",), {"messages": HI}, (400, '"tiny" does not support chat')),
        ("chat", ("embedding",), {}, (400, '"tiny" does not support chat')),
        ("generate", ("embedding",), {"prompt": "x"}, (400, '"tiny" does not support generate')),
        ("generate", ("completion",), {"prompt": "x", "think": True}, (400, '"tiny" does not support thinking')),
        (
            "chat",
            ("completion",),
            {"messages": HI, "tools": [TOOL], "options": {"seed": "a"}},
            (400, "registry.ollama.ai/library/tiny:latest does not support tools"),
        ),
        (
            "generate",
            ("completion",),
            {"prompt": "x", "suffix": "y"},
            (400, "registry.ollama.ai/library/tiny:latest does not support insert"),
        ),
        (
            "generate",
            ("embedding",),
            {"prompt": "x", "raw": True, "system": "y"},
            (400, "raw mode does not support template, system, or context"),
        ),
        (
            "generate",
            (),
            {"prompt": "x", "raw": True, "context": [1]},
            (400, "raw mode does not support template, system, or context"),
        ),
        ("chat", (), {"messages": HI, "options": {"seed": "a"}}, (500, 'option "seed" must be of type integer')),
        ("chat", (), {"options": {"stop": "a"}}, (500, 'option "stop" must be of type array')),
        ("embed", (), {"input": "x", "options": {"seed": "a"}}, (500, 'option "seed" must be of type integer')),
        (
            "chat",
            (),
            {"messages": HI, "format": "xml"},
            (500, 'invalid format: "\\"xml\\""; expected "json" or a valid JSON Schema object'),
        ),
        (
            "chat",
            (),
            {"messages": HI, "format": 1},
            (500, 'invalid format: "1"; expected "json" or a valid JSON Schema object'),
        ),
        (
            "generate",
            (),
            {"prompt": "x", "format": "yaml", "options": {"seed": "a"}},
            (500, 'option "seed" must be of type integer'),
        ),
    ],
)
def test_what_a_model_cannot_do_is_refused_in_ollamas_order(
    route: str, can: tuple[str, ...], fields: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refused(route, *can, **fields) == expected


@pytest.mark.parametrize(
    ("route", "can", "fields"),
    [
        ("chat", ("completion",), {"messages": HI, "think": False, "tools": []}),
        ("chat", ("completion", "tools", "thinking"), {"messages": HI, "think": "max", "tools": [TOOL]}),
        ("chat", (), {"messages": HI, "think": True, "tools": [TOOL]}),
        ("chat", ("embedding",), {"keep_alive": 0, "options": {"seed": "a"}}),
        ("chat", ("completion",), {"format": "xml"}),
        ("chat", ("completion",), {"messages": HI, "format": "", "options": {"bogus": 1, "temperature": None}}),
        ("generate", ("completion",), {"prompt": "x", "suffix": "", "system": "", "template": "", "options": None}),
        ("generate", ("completion", "insert"), {"prompt": "x", "suffix": "y"}),
    ],
)
def test_what_can_be_done_passes(route: str, can: tuple[str, ...], fields: dict[str, Any]) -> None:
    read(route, **fields).check(served(*can))


@pytest.mark.parametrize(
    ("route", "fields", "operation", "streams"),
    [
        ("chat", {"messages": HI}, "chat", True),
        ("chat", {"messages": HI, "stream": None}, "chat", True),
        ("chat", {"messages": HI, "stream": False}, "chat", False),
        ("chat", {"messages": HI, "keep_alive": 0}, "chat", True),
        ("chat", {}, "load", False),
        ("chat", {"messages": None}, "load", False),
        ("chat", {"messages": [], "keep_alive": "0s"}, "unload", False),
        ("chat", {"keep_alive": -1}, "load", False),
        ("generate", {"prompt": "x"}, "chat", True),
        ("generate", {"prompt": "x", "raw": True}, "completion", True),
        ("generate", {"prompt": "x", "suffix": "y", "stream": False}, "completion", False),
        ("generate", {"prompt": ""}, "load", False),
        ("generate", {"keep_alive": "0"}, "unload", False),
        ("embed", {"input": "x"}, "embed", False),
        ("embed", {"input": [""]}, "embed", False),
        ("embed", {"input": ""}, "load", False),
        ("embed", {"input": []}, "load", False),
        ("embed", {}, "load", False),
        ("embeddings", {"prompt": "x"}, "embed", False),
        ("embeddings", {"prompt": ""}, "load", False),
    ],
)
def test_operations(route: str, fields: dict[str, Any], operation: str, streams: bool) -> None:
    incoming = read(route, **fields)
    assert (incoming.operation, incoming.stream) == (operation, streams)


@pytest.mark.parametrize(
    ("route", "fields", "needs"),
    [
        ("chat", {"messages": HI, "tools": [], "think": False}, {"completion"}),
        ("chat", {"messages": HI, "tools": [TOOL], "think": True}, {"completion", "tools", "thinking"}),
        (
            "chat",
            {"messages": [*HI, {"role": "user", "images": [PNG]}], "think": "low"},
            {"completion", "vision", "thinking"},
        ),
        ("generate", {"prompt": "x", "images": [PNG]}, {"completion", "vision"}),
        ("generate", {"prompt": "x", "suffix": "y"}, {"completion", "insert"}),
        ("embed", {"input": "x"}, {"embedding"}),
        ("embeddings", {"prompt": "x"}, {"embedding"}),
    ],
)
def test_needs(route: str, fields: dict[str, Any], needs: set[str]) -> None:
    assert read(route, **fields).needs == needs


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (0, 0.0), (1.5, 1.5), ("5m", 300.0), (-1, math.inf), ("-1s", math.inf)],
)
def test_keep_alive_is_seconds(value: object, seconds: float | None) -> None:
    assert read("chat", messages=HI, keep_alive=value).keep_alive == seconds


@pytest.mark.parametrize(
    ("think", "can", "expected"),
    [
        (None, ("completion", "thinking"), ReasoningOptions(True)),
        (None, ("completion",), None),
        (None, (), None),
        (True, ("completion", "thinking"), ReasoningOptions(True)),
        (False, ("completion", "thinking"), ReasoningOptions(False)),
        (False, ("completion",), None),
        ("high", ("completion", "thinking"), ReasoningOptions(True, "high")),
    ],
)
def test_a_model_thinks_unless_told_otherwise(
    think: object, can: tuple[str, ...], expected: ReasoningOptions | None
) -> None:
    assert chat(*can, think=think).reasoning == expected


@pytest.mark.parametrize(
    ("form", "expected"),
    [(None, None), ("", None), ("json", JsonFormat())],
)
def test_formats(form: object, expected: JsonFormat | None) -> None:
    assert chat(format=form).output == expected


def test_a_schema_keeps_its_bytes() -> None:
    body = b'{"model":"tiny","messages":[{"role":"user","content":"x"}],"format":{ "type":"object" }}'
    request = SERVING.read(ROUTES["chat"], body, {}).neutral(served(), {})
    assert isinstance(request, ChatRequest)
    assert request.output is not None
    assert request.output.schema is not None
    assert bytes(request.output.schema) == b'{ "type":"object" }'


def test_a_chat_carries_what_it_was_told() -> None:
    request = chat(logprobs=True, top_logprobs=2, truncate=False, shift=True, keep_alive=5, tools=[TOOL], stream=False)
    assert (request.logprobs, request.top_logprobs, request.truncate, request.shift) == (True, 2, False, True)
    assert (request.keep_alive, request.stream, [tool.name for tool in request.tools]) == (5.0, False, ["f"])


def test_options_are_stronger_than_the_configured_defaults() -> None:
    incoming = read("chat", messages=HI, options={"temperature": 0, "num_ctx": None})
    request = incoming.neutral(served(), {"temperature": 0.5, "num_ctx": 8, "num_predict": 3})
    assert (request.sampling.temperature, request.sampling.max_tokens, request.sampling.other) == (0, 3, {"num_ctx": 8})


def generate(**fields: Any) -> GenerateIncoming:
    incoming = read("generate", **fields)
    assert isinstance(incoming, GenerateIncoming)
    return incoming


def turns(incoming: GenerateIncoming) -> list[Message]:
    request = incoming.neutral(served(), {})
    assert isinstance(request, ChatRequest)
    return list(request.messages)


def test_a_generate_is_a_chat_of_one_turn() -> None:
    assert turns(generate(prompt="x", system="s")) == [Message("system", [Text("s")]), Message("user", [Text("x")])]
    parts = turns(generate(prompt="x", images=[PNG]))[0].parts
    assert [type(part) for part in parts] == [Text, Image]


def test_a_context_brings_the_conversation_back() -> None:
    context = pack([("system", "old"), ("user", "a"), ("assistant", "b")])
    incoming = generate(prompt="c", context=context)
    assert [(message.role, message.parts[0]) for message in turns(incoming)] == [
        ("system", Text("old")),
        ("user", Text("a")),
        ("assistant", Text("b")),
        ("user", Text("c")),
    ]
    assert incoming.warnings == ()
    assert [message.role for message in turns(generate(prompt="c", context=context, system="new"))] == [
        "system",
        "user",
        "assistant",
        "user",
    ]


def test_what_cannot_be_carried_is_a_warning() -> None:
    incoming = generate(prompt="c", context=[1, 2, 3], template="{{ .Prompt }}")
    assert incoming.warnings == ()  # an Ollama behind this would take it as it is
    assert turns(incoming) == [Message("user", [Text("c")])]
    assert len(incoming.warnings) == 2


@pytest.mark.parametrize(("fields", "carried"), [({}, True), ({"raw": True}, False), ({"suffix": "y"}, True)])
def test_a_raw_generate_carries_nothing_on(fields: dict[str, Any], carried: bool) -> None:
    assert (generate(prompt="x", **fields).turns is not None) is carried


def test_a_completion_is_a_prompt_and_a_suffix() -> None:
    incoming = generate(prompt="a", suffix="b", stream=False, options={"num_predict": 3}, logprobs=True)
    request = incoming.neutral(served(), {})
    assert isinstance(request, CompletionRequest)
    assert (request.prompt, request.suffix, request.sampling.max_tokens, request.logprobs) == ("a", "b", 3, True)
    raw = generate(prompt="a", raw=True).neutral(served(), {})
    assert isinstance(raw, CompletionRequest)
    assert raw.suffix is None


def test_embeddings_are_texts() -> None:
    incoming = read("embed", input=["a", "b"], dimensions=3, truncate=False)
    assert isinstance(incoming, EmbedIncoming)
    assert incoming.dimensions == 3
    assert incoming.neutral(served(), {}) == EmbedRequest("tiny", ["a", "b"], 3, False)
    assert read("embed", input="a").neutral(served(), {}) == EmbedRequest("tiny", ["a"])
    assert read("embeddings", prompt="a").neutral(served(), {}) == EmbedRequest("tiny", ["a"])
