"""Requests that are right, however odd: every client's, to every vendor, in the vendor's true form or refused in words.

Strategy: a plain request of each client's protocol is given one oddity (a tool with a schema that few think of, a text
of characters that break things, arguments beyond what a double holds, a conversation with empty turns), goes through a
gateway of virtual time, and is read by the vendor as strictly as the vendor would.

Rules: what reaches a vendor is in its form; what does not is a 400 with a sentence; the answer is whole either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.contract.house import CLIENTS, VENDORS, model_of
from tests.contract.test_fuzzing import ABLE, places
from tests.contract.wishes import WEATHER, Wish
from tests.support.driving import Called, driven
from tests.support.scripted import Asked
from tests.support.vendors.scenario import REPLIES

SCHEMAS: dict[str, dict[str, Any]] = {
    "empty": {},
    "no properties": {"type": "object"},
    "empty properties": {"type": "object", "properties": {}, "required": []},
    "no type": {"properties": {"city": {"type": "string"}}},
    "types in a list": {"type": "object", "properties": {"a": {"type": ["string", "null"]}}},
    "names of keywords": {
        "type": "object",
        "properties": {
            name: {"type": "string"} for name in ("properties", "default", "type", "$ref", "required", "enum")
        },
    },
    "recursion": {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}},
        "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    },
    "bounds": {
        "type": "object",
        "properties": {"n": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.1, "maximum": 2**70}},
        "propertyNames": {"pattern": "^[a-z]+$"},
        "additionalProperties": {"type": "integer"},
    },
    "alternatives": {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "null"}, {"const": 1}]}, "b": {"enum": [1, None, "x", True]}},
    },
    "tuples": {"type": "object", "properties": {"a": {"type": "array", "prefixItems": [{"type": "string"}, {}]}}},
    "anything": {"type": "object", "properties": {"a": True, "b": {}}, "additionalProperties": True},
    "annotations": {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T", **WEATHER},
    "odd names": {"type": "object", "properties": {"": {"type": "string"}, "städt e.": {"type": "string"}}},
    "deep": json.loads('{"type":"object","properties":{"a":' * 60 + '{"type":"string"}' + "}}" * 60),
}
TEXTS: dict[str, str] = {
    "control characters": "a\x00b\x01\x1b[0m\x7f",
    "line ends": "a\r\nb\u2028c\u2029d\x85",
    "beyond the plane": "\U0001f469\u200d\U0001f680\ufe0f \ufeff\ufffd\U0010ffff",
    "a form of its own": 'data: {"x": 1}\n\ndata: [DONE]\n\nevent: error\n\n{"error": "x"}\n',
    "escapes": '\\u0000 \\" \\ud83d {{x}} ${x} %s </script>',
    "much": "ü" * 100_000,
}
ARGUMENTS: dict[str, str] = {
    "numbers beyond a double": '{"a": 123456789012345678901234567890, "b": 1e400, "c": -0.0, "d": 0.1e-7}',
    "a key twice": '{"a": 1, "a": 2}',
    "escapes": '{"\\u00e4": "\\u0000\\ud83d\\ude00\\/"}',
    "space": ' {\n\t"a" : [ ] } ',
    "no object": "[1]",
    "half of one": '{"a": ',
    "nothing": "",
    "depth": '{"a": ' + "[" * 5000 + "]" * 5000 + "}",
}
RESULTS = (("get_weather", {"city": "Paris", "days": 2}, "sunny"),)
AS_TEXT = ("openai_compatible", "azure", "openai")
"""Vendors whose protocol has arguments as a text."""
BROKEN = (ARGUMENTS["no object"], ARGUMENTS["half of one"], ARGUMENTS["depth"])
SAME = {
    ("ollama", "ollama"),
    ("openai_chat", "openai_compatible"),
    ("openai_chat", "azure"),
    ("anthropic", "anthropic"),
}
SAME |= {("openai_responses", "openai"), ("gemini", "google")}
"""Client and vendor speak the same: the bytes pass, and history is not judged."""
PAIRS = [(client, vendor) for client in CLIENTS for vendor in VENDORS]


def leaves(body: Any, *names: str) -> Iterator[tuple[Any, Any]]:
    """The objects and lists in which a value of one of these names stands, and its key."""
    for path in places(body):
        if path and path[-1] in names:
            value = body
            for key in path[:-1]:
                value = value[key]
            yield value, path[-1]


def sent(
    client: str, vendor: str, body: dict[str, Any], path: str, wish: Wish, *, strictly: bool = True
) -> Called | None:
    """What the vendor got, in its form where it reads `strictly`; None where the client was told in words why it cannot
    be done."""
    found = VENDORS[vendor]
    model = {"capabilities": ABLE, **found.model(), "backend": found.name}
    run = driven({"backends": [found.backend("http://vendor:1")], "models": {model_of(vendor): model}}, learn=False)
    got: list[Called] = []

    def play(called: Called) -> None:
        got.append(called)
        if not strictly:
            called.answer(500, {})
            return
        parts = urlsplit(called.url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = {name.lower(): value for name, value in called.call.headers}
        seen = found.read(Asked("POST", target, headers, called.uploaded))
        reply = REPLIES[wish.scenario]
        if seen.stream:
            called.stream(*found.stream(seen, reply), kind=found.stream_type)
        else:
            called.answer(200, found.whole(seen, reply))

    asked = run.ask("POST", path, body, player=play)
    assert asked.over
    if not strictly:
        return got[0] if got else None
    if asked.status != 200:
        assert asked.status == 400 and not got, (asked.status, asked.body)
        assert any(letter.isalpha() for letter in str(json.loads(asked.body)["error"])), asked.body
        return None
    read = CLIENTS[client].streamed if wish.stream else CLIENTS[client].whole
    answer = read(asked.body)
    assert "".join(REPLIES[wish.scenario].texts) == answer.text
    return got[0]


@pytest.mark.parametrize("name", SCHEMAS)
@pytest.mark.parametrize(("client", "vendor"), PAIRS)
def test_any_schema_of_a_tool_is_carried(client: str, vendor: str, name: str) -> None:
    wish = Wish("text", model=model_of(vendor), tools=True)
    path, body = CLIENTS[client].ask(wish)
    ((holder, key),) = leaves(body, "parameters", "input_schema", "parametersJsonSchema")
    holder[key] = SCHEMAS[name]
    called = sent(client, vendor, body, path, wish)
    if client == "ollama" and name == "anything":
        assert called is None  # there a property is an object, and nothing else
        return
    assert called is not None and b"get_weather" in called.uploaded


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(("client", "vendor"), PAIRS)
def test_any_text_arrives_as_it_was(client: str, vendor: str, text: str) -> None:
    said = f"play:text {text}"
    wish = Wish("text", stream=True, model=model_of(vendor), says=said)
    path, body = CLIENTS[client].ask(wish)
    called = sent(client, vendor, body, path, wish)
    assert called is not None
    assert said in [holder[key] for holder, key in leaves(called.json, "text", "content")]


@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("client", ["openai_chat", "openai_responses"])
def test_arguments_of_an_earlier_call_arrive_as_they_were_and_what_is_no_object_is_never_made_an_empty_one(
    client: str, vendor: str, arguments: str
) -> None:
    wish = Wish("results", model=model_of(vendor), tools=True, results=RESULTS)
    path, body = CLIENTS[client].ask(wish)
    ((holder, name),) = leaves(body, "arguments")
    holder[name] = arguments
    called = sent(client, vendor, body, path, wish, strictly=vendor not in AS_TEXT)
    if vendor in AS_TEXT:
        assert called is not None
        ((holder, name),) = leaves(called.json, "arguments")
        assert holder[name] == arguments or (not arguments and holder[name] == "{}")
        return
    if called is None:  # Ollama's own limit of depth
        assert (vendor, arguments) == ("ollama", ARGUMENTS["depth"])
        return
    told = "".join(called.uploaded.decode().split())
    if arguments in BROKEN:
        assert json.dumps({"_raw": arguments}, separators=(",", ":")).replace(" ", "") in told
    else:
        assert "".join((arguments or "{}").split()) in told


EMPTY: dict[str, list[Any]] = {
    "text": [{"role": "user", "content": ""}],
    "of an assistant": [{"role": "assistant", "content": ""}],
    "of a system": [{"role": "system", "content": ""}],
    "list": [{"role": "user", "content": []}],
    "white": [{"role": "user", "content": " \n"}, {"role": "assistant", "content": "\t"}],
    "parts": [{"role": "user", "parts": []}],
    "part": [{"role": "user", "parts": [{"text": ""}]}, {"role": "model", "parts": [{"text": ""}]}],
    "one part of two": [{"role": "user", "parts": [{"text": ""}, {"text": "more"}]}],
}


@pytest.mark.parametrize("turns", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize(("client", "vendor"), PAIRS)
def test_turns_that_say_nothing_break_nothing(client: str, vendor: str, turns: list[Any]) -> None:
    wish = Wish("text", model=model_of(vendor))
    path, body = CLIENTS[client].ask(wish)
    (name,) = body.keys() & {"messages", "input", "contents"}
    if ("parts" in turns[0]) != (name == "contents"):
        return  # another protocol's words
    body[name] = [*body[name][:-1], *turns, body[name][-1]]
    sent(client, vendor, body, path, wish, strictly=(client, vendor) not in SAME)
