"""What a server left out of a chunk is put into it, and the rest keeps its bytes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollamux.streaming.mending import Spoken, numbered, with_id, with_role


def test_the_role_goes_in_front_of_what_the_delta_says() -> None:
    assert with_role(b'{"choices":[{"delta": {"content":"a"}}]}', 0) == (
        b'{"choices":[{"delta": {"role":"assistant","content":"a"}}]}'
    )
    assert with_role(b'{"choices":[{"delta":{}}]}', 0) == b'{"choices":[{"delta":{"role":"assistant"}}]}'


def test_of_several_choices_only_the_one_that_is_meant_gets_the_role() -> None:
    made = with_role(b'{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}', 1)
    choices: list[Any] = msgspec.json.decode(made)["choices"]
    assert [choice["delta"] for choice in choices] == [{"content": "a"}, {"role": "assistant", "content": "b"}]


@pytest.mark.parametrize(
    ("payload", "made"),
    [
        (b'{"id": "" ,"x":1}', b'{"id": "made" ,"x":1}'),
        (b'{"id":null}', b'{"id":"made"}'),
        (b'{"x":1}', b'{"x":1,"id":"made"}'),
        (b'{"id":"","y":{"id":""}}', b'{"id":"made","y":{"id":""}}'),
    ],
)
def test_an_empty_id_is_replaced_and_a_missing_one_added(payload: bytes, made: bytes) -> None:
    assert with_id(payload, "made") == made
    assert with_id(payload, "") == payload


def calls(*pieces: dict[str, Any]) -> tuple[bytes, bytes]:
    told = msgspec.json.encode(pieces)
    return b'{"choices":[{"index":0,"delta":{"tool_calls":' + told + b"}}]}", told


def indices(payload: bytes) -> list[int]:
    found: Any = msgspec.json.decode(payload)
    return [call["index"] for call in found["choices"][0]["delta"]["tool_calls"]]


def test_calls_that_are_numbered_rightly_keep_their_bytes() -> None:
    payload, told = calls({"index": 0, "id": "a", "function": {"name": "f"}})
    assert numbered(payload, 0, told, Spoken()) is payload


def test_a_call_without_an_index_or_with_another_calls_gets_the_next() -> None:
    spoken = Spoken()
    payload, told = calls({"id": "a", "function": {"name": "f"}}, {"id": "b", "function": {"name": "g"}})
    assert indices(numbered(payload, 0, told, spoken)) == [0, 1]
    payload, told = calls({"index": 1, "id": "c", "function": {"name": "h"}})
    assert indices(numbered(payload, 0, told, spoken)) == [2]
    payload, told = calls({"index": 1, "function": {"arguments": "{}"}})
    assert indices(numbered(payload, 0, told, spoken)) == [2]
    assert spoken.called and spoken.count == 3


def test_calls_that_cannot_be_read_are_left_alone() -> None:
    assert numbered(b"{}", 0, b"5", Spoken()) == b"{}"


@pytest.mark.parametrize(
    "member", [b'"\xff": null', b'"more": ' + b"[" * 100_000 + b"]" * 100_000], ids=["no UTF-8", "too deep"]
)
def test_a_chunk_that_cannot_be_written_anew_stays_as_it_is(member: bytes) -> None:
    chunk = b'{"id": null, %b, "id": "", "choices": [{"delta": {"role": null, "tool_calls": [{"id": "a"}]}}]}' % member
    assert with_role(chunk, 0) == chunk
    assert with_id(chunk, "x") == chunk
    assert numbered(chunk, 0, b'[{"id": "a"}]', Spoken()) == chunk
