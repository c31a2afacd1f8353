"""Streams of this format, passed through."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import StreamFault, Usage
from ollamux.formats.anthropic.relay import AnthropicRelay
from ollamux.streaming.convert import relay_for


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def begin(model: str = "up") -> bytes:
    usage = {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1}
    return event("message_start", message={"id": "msg_1", "model": model, "content": [], "odd": 1.50, "usage": usage})


BODY = (
    event("ping")
    + event("content_block_start", index=0, content_block={"type": "text", "text": "", "model": "up"})
    + event("content_block_delta", index=0, delta={"type": "text_delta", "text": 'für "model":"up" 東京'})
    + event("content_block_stop", index=0)
    + event("brand_new", odd=[1, 2])
    + event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5})
)
STOP = event("message_stop")
STREAM = begin() + BODY + STOP


def passed(data: bytes, upstream: str = "up") -> tuple[bytes, AnthropicRelay]:
    relay = AnthropicRelay(upstream, "m")
    return relay.feed(data, 1.0) + relay.close(2.0), relay


def test_only_the_name_of_the_model_is_changed() -> None:
    out, relay = passed(STREAM)
    assert out == begin("m") + BODY + STOP
    assert relay.complete and relay.fault is None
    assert relay.usage == Usage(input_uncached=7, cache_read=2, output_text=5)


def test_nothing_is_changed_where_the_names_agree() -> None:
    data = begin("m") + BODY + STOP
    assert passed(data, "m")[0] == data


def test_a_stream_without_message_stop_is_not_complete_and_gets_no_end() -> None:
    out, relay = passed(begin("m") + BODY)
    assert out == begin("m") + BODY and not relay.complete


def test_an_error_is_a_fault_and_nothing_goes_on() -> None:
    error = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    out, relay = passed(begin("m") + error + BODY + STOP)
    assert out == begin("m")
    assert relay.fault == StreamFault("Overloaded", 503, "overloaded") and not relay.complete


def test_what_is_no_event_is_a_fault() -> None:
    out, relay = passed(b"data: <html>\n\n" + STOP)
    assert out == b"" and relay.fault is not None and not relay.complete


def test_nothing_goes_on_behind_the_end() -> None:
    assert passed(STREAM + BODY)[0] == begin("m") + BODY + STOP


def test_a_line_that_is_no_field_goes_to_nobody() -> None:
    out, relay = passed(b"\xff\xfe\n\n" + b": still here\nabc\n\n" + begin())
    assert out == b": still here\n\n" + begin("m") and relay.fault is None


def test_comments_and_pings_without_json_go_on() -> None:
    data = b": hello\n\nevent: ping\ndata: -\n\n" + STOP
    assert passed(data)[0] == data


def test_a_last_event_without_its_blank_line_still_counts_and_half_an_event_does_not() -> None:
    out, relay = passed(STREAM[:-2])
    assert out == begin("m") + BODY + STOP and relay.complete
    for half in (b'event: message_delta\ndata: {"type":"mess', b"event: message_stop", b"event: content_block_del"):
        out, relay = passed(begin() + half)
        assert out == begin("m") and not relay.complete and relay.fault is None


def test_a_head_on_several_lines_is_renamed_too() -> None:
    data = b'event: message_start\ndata: {"type":"message_start",\ndata: "message":{"model":"up","id":"x"}}\n\n'
    out, _ = passed(data)
    assert out == b'event: message_start\ndata: {"type":"message_start", "message":{"model":"m","id":"x"}}\n\n'


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_cut_anywhere_passes_the_same(line_end: bytes) -> None:
    data = STREAM.replace(b"\n", line_end)
    expected = begin("m") + BODY + STOP
    for at in range(len(data)):
        relay = AnthropicRelay("up", "m")
        assert relay.feed(data[:at], 1.0) + relay.feed(data[at:], 1.0) + relay.close(1.0) == expected
    relay = AnthropicRelay("up", "m")
    assert b"".join(relay.feed(bytes([byte]), 1.0) for byte in data) + relay.close(1.0) == expected


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=12), noise=st.binary(max_size=20))
def test_a_stream_in_random_pieces_and_with_noise_never_fails(cuts: list[int], noise: bytes) -> None:
    relay = AnthropicRelay("up", "m")
    edges = [0, *sorted(cuts), len(STREAM)]
    for a, b in pairwise(edges):
        relay.feed(STREAM[a:b], 1.0)
    assert relay.complete
    other = AnthropicRelay("up", "m")
    other.feed(noise + STREAM, 1.0)
    other.close(1.0)


TEXTS = st.lists(st.sampled_from(["a", "für 東京", "", 'qu"ote', "new\nline", "<b>", "😀"]), max_size=12)


@given(texts=TEXTS, kinds=st.randoms(use_true_random=False), size=st.integers(1, 90))
def test_the_fast_way_gives_the_same_bytes(texts: list[str], kinds: Any, size: int) -> None:
    deltas = b"".join(
        event("content_block_delta", index=kinds.randint(0, 1), delta={"type": "text_delta", "text": text})
        for text in texts
    )
    error = event("error", error={"type": "api_error", "message": "oh"}) if kinds.random() < 0.2 else b""
    data = begin() + deltas + BODY + error + deltas + STOP
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    plain, fast = AnthropicRelay("up", "m"), relay_for(AnthropicRelay("up", "m"))
    assert b"".join(fast.feed(piece, 1.0) for piece in pieces) + fast.close(2.0) == b"".join(
        plain.feed(piece, 1.0) for piece in pieces
    ) + plain.close(2.0)
    assert (fast.complete, fast.fault, fast.usage) == (plain.complete, plain.fault, plain.usage)
