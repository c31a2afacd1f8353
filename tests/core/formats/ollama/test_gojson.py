"""The two ways of decoding a body agree, and neither ever fails in a way of its own."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollamux.formats.ollama import schema
from ollamux.formats.ollama.gojson import GoJSONError, Seconds, decode, decode_slowly, register
from ollamux.formats.ollama.goleaves import INT, KEEP_ALIVE
from ollamux.formats.ollama.gotypes import Struct

_TEXT = st.text(max_size=6)
_FLAG = st.booleans() | st.none()
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_TEXT, inner, max_size=2),
    max_leaves=4,
)
_IMAGES = st.lists(st.sampled_from(["aGk=", "aGkx", "", "aGk", "aG\nk=", "@", "aGkx="]), max_size=2)
_PROPERTY = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", ["string", "null"], None, 5]),
        "description": _TEXT,
        "enum": st.lists(_ANY, max_size=2),
        "items": _ANY,
        "required": st.lists(_TEXT, max_size=2),
        "default": _ANY,
        "anyOf": st.lists(st.fixed_dictionaries({}, optional={"type": _TEXT}), max_size=2),
    },
)
_TOOL = st.fixed_dictionaries(
    {"type": st.just("function")},
    optional={
        "function": st.fixed_dictionaries(
            {"name": _TEXT},
            optional={
                "description": _TEXT,
                "parameters": st.fixed_dictionaries(
                    {"type": _TEXT},
                    optional={
                        "properties": st.dictionaries(_TEXT, _PROPERTY, max_size=2),
                        "required": st.lists(_TEXT, max_size=2),
                        "additionalProperties": _FLAG,
                    },
                ),
            },
        ),
    },
)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "USER", "tool", ""]),
        "content": _TEXT | st.none(),
        "thinking": _TEXT,
        "images": _IMAGES,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "id": _TEXT,
                    "function": st.fixed_dictionaries(
                        {"name": _TEXT},
                        optional={"index": st.integers(-(2**65), 2**65), "arguments": _ANY},
                    ),
                },
            ),
            max_size=2,
        ),
        "tool_name": _TEXT,
        "extra": _ANY,
    },
)
_CHAT = st.fixed_dictionaries(
    {"model": _TEXT},
    optional={
        "messages": st.lists(_MESSAGE, max_size=3) | st.none(),
        "stream": _FLAG,
        "format": _ANY,
        "keep_alive": st.sampled_from([0, -1, 1.5, "5m", "0", None, "1d"]),
        "tools": st.lists(_TOOL, max_size=2),
        "options": st.dictionaries(_TEXT, _ANY, max_size=3) | st.none(),
        "think": st.sampled_from([True, False, None, "low", "max", "huge", 1]),
        "truncate": _FLAG,
        "_debug_render_only": _FLAG,
        "logprobs": _FLAG,
        "top_logprobs": st.integers(-1, 21) | st.none() | st.just(1.5),
        "Model": _TEXT,
    },
)


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return ("text", bytes(value))
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _outcome(read: Any, body: bytes) -> Any:
    try:
        return _plain(read(body, schema.ChatRequest))
    except GoJSONError as error:
        return str(error)


@settings(max_examples=300)
@given(_CHAT, st.booleans())
def test_both_ways_decode_a_body_alike(chat: dict[str, Any], plain: bool) -> None:
    body = json.dumps(chat, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    # repr tells 1 from 1.0 and True.
    assert repr(_outcome(decode, body)) == repr(_outcome(decode_slowly, body))


@given(st.binary(max_size=30) | st.text('{}[],:"\\umodels 1e.-tfn', max_size=30).map(str.encode))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    assert repr(_outcome(decode, body)) == repr(_outcome(decode_slowly, body))


def test_a_body_that_is_cut_anywhere_is_refused_or_decoded() -> None:
    body = (
        b'{"model":"tiny","messages":[{"role":"user","content":"\\ud83d\\ude00 \xc3\xa9","images":["aGk="],'
        b'"tool_calls":[{"function":{"index":0,"name":"f","arguments":{"a":[1.5e3,true]}}}]}],"tools":[{"type":"function","function":'
        b'{"name":"f","parameters":{"properties":{"a":{"type":"string"}}}}}],"stream":false,"think":"low","keep_alive":-1}'
    )
    for end in range(len(body)):
        assert _outcome(decode, body[:end]) == ("unexpected EOF" if end else "missing request body")
    assert _outcome(decode, body) == _outcome(decode_slowly, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"MODEL":"tiny"}',
        b' {"model":"tiny","zzz":[1e999]}',
        b'{"model":"x","model":"tiny"}',
        b'{"model":"tiny"} trailing',
        b'{"model":"tiny","stream":null,"messages":null}',
    ],
)
def test_a_body_may_be_loose_in_the_ways_that_go_is(body: bytes) -> None:
    assert decode(body, schema.ChatRequest) == schema.ChatRequest(model="tiny")


def test_a_body_of_null_is_an_empty_one() -> None:
    assert decode(b"null", schema.ChatRequest) == schema.ChatRequest()


def test_bad_utf8_is_repaired_wherever_it_is() -> None:
    decoded = decode(b'{"model":"\xff","format":"\xe2\x82"}', schema.ChatRequest)
    assert decoded.model == "\ufffd"
    assert decoded.format is not None
    assert bytes(decoded.format).decode() == '"\ufffd\ufffd"'


def test_a_body_too_deep_for_the_fast_way_is_decoded_all_the_same() -> None:
    body = b'{"model":"tiny","options":{"a":' + b"[" * 9000 + b"]" * 9000 + b"}}"
    assert decode(body, schema.ChatRequest).model == "tiny"


def test_another_struct_can_be_made_decodable() -> None:
    class Small(msgspec.Struct, forbid_unknown_fields=True):
        count: int | None = None
        keep_alive: Seconds | None = None

    go = Struct("Small", {"count": INT, "keep_alive": KEEP_ALIVE}, Small)
    register(Small, go, lambda small: small.count != 7)
    assert decode(b'{"count":7,"keep_alive":"5m"}', Small) == Small(7, Seconds(300))
    assert decode(b'{"COUNT":8}', Small) == Small(8)
    with pytest.raises(GoJSONError, match=r"Go struct field Small.count of type int"):
        decode(b'{"count":"x"}', Small)
