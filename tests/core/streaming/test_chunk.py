"""The quick reader of plain chunks says what a typed decode says, or leaves the chunk to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollamux.conversation import Event
from ollamux.formats.openai_chat import SERVING, reading
from ollamux.formats.openai_chat.reading import ChatReader
from ollamux.streaming import sse_relay
from ollamux.streaming.sse_relay import SseRelay

chunks = pytest.importorskip("ollamux.streaming._chunk", reason="the extension is not built")

HEAD: dict[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "created": 7, "model": "up"}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 5,
    "total_tokens": 14,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
TIMES = {"cache_n": 1, "prompt_n": 3, "prompt_ms": 1.5, "predicted_n": 2, "predicted_ms": 4}


def chunk(delta: object, finish: object = None, **more: object) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], **more}


PLAIN: dict[str, dict[str, Any]] = {
    "a role": chunk({"role": "assistant", "content": ""}),
    "a role beside nothing": chunk({"role": "assistant", "content": None, "refusal": None, "tool_calls": []}),
    "text": chunk({"content": 'say "日本" \\ 😀\n'}),
    "text without a role of its own": chunk({"content": "a"}, id="", system_fingerprint="fp", x={"y": [1, None]}),
    "thinking": chunk({"reasoning_content": "hm"}),
    "thinking by both names": chunk({"reasoning": "hm", "reasoning_content": "hm"}),
    "thinking and text": chunk({"reasoning": "hm", "content": "so"}),
    "a completion": {**HEAD, "choices": [{"index": 0, "text": "a", "finish_reason": "stop"}]},
    "a finish": chunk({}, "stop"),
    "a finish by another word": chunk({}, "eos_token"),
    "a finish with usage": chunk({"content": "a"}, "length", usage=USAGE),
    "usage": {**HEAD, "choices": [], "usage": USAGE},
    "usage without choices": {"usage": {"prompt_tokens": 1}},
    "usage and times": {**HEAD, "choices": [], "usage": USAGE, "timings": TIMES},
    "times": chunk({}, "stop", timings=TIMES),
    "nothing": {},
    "a choice without a delta": {**HEAD, "choices": [{}]},
}
ODD: dict[str, dict[str, Any]] = {
    "a call": chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]}),
    "another choice": {**HEAD, "choices": [{"index": 1, "delta": {"content": "b"}}]},
    "two choices": {**HEAD, "choices": [{"delta": {"content": "a"}}, {"index": 1, "delta": {"content": "b"}}]},
    "an error": {"error": {"message": "no"}},
    "an object that is an error": {"object": "error", "message": "no"},
    "a finish that is an error": chunk({}, "error"),
    "parts": chunk({"content": [{"type": "text", "text": "a"}]}),
    "two thoughts": chunk({"reasoning": "a", "reasoning_content": "b"}),
    "details": chunk({"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
    "a refusal": chunk({"refusal": "no"}),
    "log probabilities": {
        **HEAD,
        "choices": [{"delta": {"content": "a"}, "logprobs": {"content": [{"token": "a", "logprob": -1}]}}],
    },
    "a message": {**HEAD, "choices": [{"message": {"content": "a"}}]},
    "an id that is no text": chunk({"content": "a"}, id=5),
    "a moment that is no whole number": chunk({"content": "a"}, created=1.5),
    "usage without a prompt": {**HEAD, "choices": [], "usage": {"completion_tokens": 1}},
    "wrong types": chunk({"content": 5}),
}


def encoded(value: object, spaces: bool = False) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=None if spaces else (",", ":")).encode()


def read(payloads: list[bytes]) -> tuple[list[Event], bool]:
    reader = ChatReader()
    stream = b"".join(b"data: " + payload + b"\n\n" for payload in payloads)
    events = reader.feed(stream) + reader.close()
    return events, reader.complete


def relayed(payloads: list[bytes]) -> tuple[bytes, object, object, bool, bool]:
    relay = SseRelay("up", "mine", hide_usage=True, stream_id="made")
    made = b"".join(relay.feed(b"data: " + payload + b"\n\n", 1.0) for payload in payloads)
    return made + relay.close(1.0), relay.fault, relay.usage, relay.complete, relay.steady


def both(payloads: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "read_chunk", lambda payload: None)
        patched.setattr(sse_relay, "read_chunk", lambda payload: None)
        expected = read(payloads), relayed(payloads)
    assert (read(payloads), relayed(payloads)) == expected


@pytest.mark.parametrize("spaces", [False, True])
@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_chunk_is_read_quickly_and_says_the_same(name: str, spaces: bool) -> None:
    payload = encoded(PLAIN[name], spaces)
    assert chunks.read_chunk(payload) is not None
    both([payload])
    both([payload, encoded(PLAIN["text"]), payload, b"[DONE]"])


@pytest.mark.parametrize("name", ODD)
def test_whatever_is_more_than_plain_is_left_to_the_typed_decode(name: str) -> None:
    payload = encoded(ODD[name])
    assert chunks.read_chunk(payload) is None
    both([encoded(PLAIN["text"]), payload])


@pytest.mark.parametrize(
    "payload",
    [b"", b"[DONE]", b"{", b"[]", b"null", b'"a"', b"{}x", b'{"id":"a","id":"b"}', b'{"id":"\\u0041"}', b'{"a":\xff}']
    + [b'{"id":"' + bad + b'"}' for bad in (b"\xff", b"\xed\xa0\x80", b"\x01", b"\\x")]
    + [b"[" * 100 + b"]" * 100, b'{"a":' * 40 + b"1" + b"}" * 40, b'{"created":01}', b'{"created":-1}'],
)
def test_what_is_no_chunk_is_left_too(payload: bytes) -> None:
    assert chunks.read_chunk(payload) is None
    both([encoded(PLAIN["text"]), payload])


OPENING = {
    "a role and something that nobody knows": chunk({"role": "assistant", "audio": {"id": "a"}}),
    "a role and nothing of what nobody knows": chunk({"role": "assistant", "audio": None}),
    "progress": chunk({"role": "assistant", "content": None}, prompt_progress={"total": 9, "processed": 3}),
    "no progress": chunk({"role": "assistant", "content": None}, prompt_progress=None),
}


@pytest.mark.parametrize("told", [*PLAIN.values(), *ODD.values(), *OPENING.values()])
def test_whether_an_answer_has_begun_is_told_alike(told: dict[str, Any]) -> None:
    begun = told.get("prompt_progress") is not None
    for choice in told.get("choices", ()):
        said = {name: value for name, value in (choice.get("delta") or {}).items() if name != "role"}
        begun = begun or any(said.values()) or bool(choice.get("finish_reason") or choice.get("text"))
    assert SERVING.opens(b"data: " + encoded(told) + b"\n\n") is not begun
    assert chunks.speaks(encoded(told)) in (None, begun)


@settings(max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([*PLAIN.values(), *ODD.values()]),
            st.text().map(lambda text: chunk({"content": text})),
            st.text().map(lambda text: chunk({"reasoning": text, "content": text})),
        ),
        max_size=6,
    )
)
def test_any_stream_of_chunks_is_read_alike(stream: list[dict[str, Any]]) -> None:
    both([encoded(value) for value in stream])
