"""Gemini's stream passed through."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import StreamFault, Usage
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.relay import GeminiRelay, renamed
from ollamux.streaming.framing import FrameTooLarge


def response(text: str = "", finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text, "odd": 1.50}]}, "index": index}
    if finish:
        candidate["finishReason"] = finish
    return json.dumps({"candidates": [candidate], "modelVersion": "up", **more}, ensure_ascii=False).encode()


PIECES = [response("日本"), response(' "}{[', kept=[1]), response("", "STOP", usageMetadata={"promptTokenCount": 3})]
EVENTS = b": hello\n\n" + b"".join(b"data: " + piece + b"\r\n\r\n" for piece in PIECES)
ARRAY = b"[" + b",\r\n".join(PIECES) + b"]"


def passed(data: list[bytes], *, events: bool, upstream: str = "up") -> tuple[bytes, GeminiRelay]:
    relay = GeminiRelay(Frames(events=events), upstream, "m")
    out = b"".join(relay.feed(piece, 0.0) for piece in data) + relay.close(0.0)
    return out, relay


def values(out: bytes, *, events: bool) -> list[bytes]:
    if events:
        return [block.removeprefix(b"data: ") for block in out.split(b"\n\n") if block]
    return [json.dumps(one, ensure_ascii=False).encode() for one in json.loads(out)]


@pytest.mark.parametrize("events", [True, False])
def test_responses_pass_with_the_clients_name_at_every_cut(events: bool) -> None:
    data = EVENTS if events else ARRAY
    named = [piece.replace(b'"up"', b'"m"') for piece in PIECES]
    for cuts in ([data], [data[at : at + 1] for at in range(len(data))]):
        out, relay = passed(cuts, events=events)
        assert values(out, events=events) == named
        assert relay.complete and relay.fault is None and relay.usage == Usage(3)
    for cut in range(0, len(data), 3):
        assert values(passed([data[:cut], data[cut:]], events=events)[0], events=events) == named


@given(st.lists(st.integers(0, len(EVENTS)), max_size=6), st.booleans())
def test_responses_pass_wherever_they_are_cut(cuts: list[int], events: bool) -> None:
    data = EVENTS if events else ARRAY
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    once, _ = passed([data], events=events)
    assert passed([data[a:b] for a, b in pairwise(bounds)], events=events)[0] == once


def test_nothing_is_changed_where_the_names_are_the_same() -> None:
    out, _ = passed([EVENTS], events=True, upstream="m")
    assert values(out, events=True) == PIECES
    assert renamed(b'{"modelVersion" : "up"}', b"") == b'{"modelVersion" : "up"}'


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (b'{"modelVersion" : "up", "x":1.50}', b'{"modelVersion" : "m", "x":1.50}'),
        (
            b'{"text":"\\"modelVersion\\":\\"up\\"","modelVersion":"u\\"p"}',
            b'{"text":"\\"modelVersion\\":\\"up\\"","modelVersion":"m"}',
        ),
        (b'{"args":{"modelVersion":"up"},"modelVersion":"up"}', b'{"args":{"modelVersion":"up"},"modelVersion":"m"}'),
        (b'{"modelVersion":"","x":1}', b'{"modelVersion":"m","x":1}'),
    ],
)
def test_the_outermost_name_alone_is_changed(body: bytes, made: bytes) -> None:
    assert renamed(body, b'"m"') == made


def test_comments_are_not_passed_on() -> None:
    assert b"hello" not in passed([EVENTS], events=True)[0]


@pytest.mark.parametrize("events", [True, False])
def test_a_stream_that_stops_without_a_reason_is_broken(events: bool) -> None:
    data = b"data: " + PIECES[0] + b"\n\n" if events else b"[" + PIECES[0]
    out, relay = passed([data], events=events)
    assert not relay.complete and relay.fault is None and out.endswith(b"\n") and not out.endswith(b"]\n")


def test_a_last_response_without_its_blank_line_counts_and_half_a_one_does_not() -> None:
    out, relay = passed([EVENTS.removesuffix(b"\r\n\r\n")], events=True)
    assert relay.complete and len(values(out, events=True)) == 3
    out, relay = passed([EVENTS[:-30]], events=True)
    assert not relay.complete and len(values(out, events=True)) == 2


@pytest.mark.parametrize("events", [True, False])
def test_an_error_is_a_fault_and_nothing_is_passed_on_after_it(events: bool) -> None:
    error = b'{"error":{"code":503,"message":"overloaded"}}'
    data = (
        b"data: " + PIECES[0] + b"\n\ndata: " + error + b"\n\n" + EVENTS if events else b"[" + PIECES[0] + b"," + error
    )
    out, relay = passed([data], events=events)
    assert relay.fault == StreamFault("overloaded", 503, "overloaded") and not relay.complete
    assert out.count("日本".encode()) == 1 and relay.feed(EVENTS, 0.0) == relay.close(0.0) == b""


def test_garbage_is_a_fault() -> None:
    _, relay = passed([b"data: <html>\n\n"], events=True)
    assert relay.fault is not None and relay.fault.status == 502
    with pytest.raises(FrameTooLarge):
        passed([b"data: " + b"x" * (9 << 20)], events=True)


def test_every_candidate_has_to_finish_and_a_blocked_prompt_is_a_whole_answer() -> None:
    first = b"data: " + response("a", "STOP") + b"\n\ndata: " + response("b", None, 1) + b"\n\n"
    assert not passed([first], events=True)[1].complete
    assert passed([first, b"data: " + response("", "STOP", 1) + b"\n\n"], events=True)[1].complete
    blocked = b'data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n'
    assert passed([blocked], events=True)[1].complete
