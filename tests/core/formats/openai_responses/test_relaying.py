"""Streams of the same format passed through."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.formats.openai_responses.conftest import SERVED, Client, events_of

from ollamux.clock import Clock
from ollamux.conversation import Usage
from ollamux.errors import BackendUnavailable
from ollamux.formats.base import RenderContext
from ollamux.formats.openai_responses.relaying import ResponsesRelay
from ollamux.streaming.framing import FrameTooLarge


def event(kind: str, number: int | None, **members: Any) -> bytes:
    told = {"type": kind, **({} if number is None else {"sequence_number": number}), **members}
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()


def response(**members: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "up",
        "output": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "odd": [1.5],
        **members,
    }


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "h\u00e9", "annotations": [], "logprobs": []}],
}
USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 7,
}
AT = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
BEGUN = event("response.created", 0, response=response(status="in_progress"))
SAID = event("response.output_text.delta", 1, delta='h\u00e9, "model": "up"', logprobs=[], **AT)
ENDED = event("response.completed", 2, response=response(status="completed", output=[MESSAGE], usage=USAGE))
STREAM = BEGUN + b": keepalive\n\n" + SAID + ENDED


def relay(client: Client, name: str = "m", **asked: Any) -> ResponsesRelay:
    incoming = client.read(**{"input": "hi", "stream": True, **asked})
    return ResponsesRelay(incoming, "up", name)


def fed(made: ResponsesRelay, *pieces: bytes) -> bytes:
    return b"".join(made.feed(piece, 1.0) for piece in pieces) + made.close(1.0)


def test_a_stream_passes_byte_for_byte_where_the_names_are_the_same(client: Client) -> None:
    made = relay(client, "up")
    assert fed(made, STREAM) == STREAM and made.complete and made.fault is None
    assert made.usage == Usage(4, 1, 0, 1, 1)


def test_the_models_name_is_changed_where_the_response_tells_it_and_nowhere_else(client: Client) -> None:
    renamed = fed(relay(client), STREAM)
    assert renamed == BEGUN.replace(b'"up"', b'"m"') + b": keepalive\n\n" + SAID + ENDED.replace(b'"up"', b'"m"')
    assert [one["type"] for one in events_of(renamed)][-1] == "response.completed"


@pytest.mark.parametrize("size", [1, 2, 5, 64])
def test_a_stream_passes_alike_wherever_it_is_cut(client: Client, size: int) -> None:
    """29."""
    whole = fed(relay(client), STREAM)
    data = STREAM.replace(b"\n", b"\r\n")
    assert fed(relay(client), *(data[at : at + size] for at in range(0, len(data), size))) == whole


@given(st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_a_stream_passes_alike_at_any_cuts(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[one:two] for one, two in pairwise(at)]
    assert fed(relay(Client()), *pieces) == fed(relay(Client()), STREAM)


def test_nothing_follows_a_response_that_is_over(client: Client) -> None:
    """36: no [DONE]."""
    made = relay(client)
    assert fed(made, STREAM + b"data: [DONE]\n\n" + SAID) == fed(relay(client), STREAM) and made.complete
    assert fed(relay(client), BEGUN + b"data: [DONE]\n\n" + SAID) == fed(relay(client), BEGUN + SAID)


def test_events_without_number_or_name_get_them(client: Client) -> None:
    """Some servers leave out what official clients need."""
    bare = b"".join(
        b"data: " + json.dumps({"type": kind, **more}).encode() + b"\n\n"
        for kind, more in (
            ("response.created", {"response": response(status="in_progress")}),
            ("response.output_text.delta", {"delta": "x", "logprobs": [], **AT}),
            ("response.completed", {"response": response(status="completed")}),
        )
    )
    found = events_of(fed(relay(client), bare))
    assert [one["sequence_number"] for one in found] == [0, 1, 2]


def test_a_last_event_without_its_blank_line_counts_and_half_of_one_does_not(client: Client) -> None:
    made = relay(client)
    assert fed(made, STREAM[:-2]) == fed(relay(client), STREAM) and made.complete
    made = relay(client)
    assert fed(made, STREAM[:-20]) == fed(relay(client), BEGUN + b": keepalive\n\n" + SAID)
    assert not made.complete and made.fault is None


@pytest.mark.parametrize(
    "broken",
    [
        event(
            "response.failed", 2, response=response(status="failed", error={"code": "server_error", "message": "boom"})
        ),
        event("error", 2, code="server_error", message="boom", param=None),
        b'data: {"error":{"message":"boom"}}\n\n',
        b'event: error\ndata: {"message":"boom"}\n\n',
    ],
)
def test_an_error_is_a_fault_and_does_not_go_on(client: Client, broken: bytes) -> None:
    """32."""
    made = relay(client)
    out = fed(made, BEGUN + SAID, broken + ENDED)
    assert out == fed(relay(client), BEGUN + SAID) and not made.complete
    assert made.fault is not None and "boom" in made.fault.detail


@pytest.mark.parametrize("data", [b"data: {\n\n", b"data: <html>\n\n", b"data: \xff\n\n"])
def test_what_is_no_event_is_a_fault(client: Client, data: bytes) -> None:
    made = relay(client)
    made.feed(data, 1.0)
    assert made.fault is not None and made.fault.status == 502


def test_an_event_above_the_limit_is_an_error(client: Client) -> None:
    made = ResponsesRelay(client.read(input="hi"), "up", "m", limit=100)
    with pytest.raises(FrameTooLarge):
        made.feed(b"data: " + b"x" * 200, 1.0)


def test_a_break_is_told_with_the_numbers_and_the_response_that_the_client_knows(client: Client) -> None:
    """30."""
    incoming = client.read(input="hi", stream=True)
    made = ResponsesRelay(incoming, "up", "m")
    out = made.feed(BEGUN + SAID, 1.0)
    renderer = client.serving.renderer(incoming, RenderContext("m", Clock(), 1.0))
    found = events_of(out + renderer.fault(BackendUnavailable("gone")))
    last = found[-1]
    assert last["type"] == "response.failed" and last["sequence_number"] == 2
    assert last["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert (last["response"]["id"], last["response"]["model"], last["response"]["odd"]) == ("resp_1", "m", [1.5])


def test_the_beginning_of_a_response_waits_for_what_follows_it(client: Client) -> None:
    """Until then another backend may take over, and the client knows of nothing."""
    incoming = client.read(input="hi", stream=True)
    made = ResponsesRelay(incoming, "up", "m")
    assert made.feed(BEGUN + b": keepalive\n\n", 1.0) == b""
    broken = event("response.failed", 1, response=response(status="failed", error={"message": "boom"}))
    assert made.feed(broken, 1.0) == made.close(1.0) == b"" and made.fault is not None
    renderer = client.serving.renderer(incoming, RenderContext("m", Clock(), 1.0))
    assert [event["sequence_number"] for event in events_of(renderer.fault(BackendUnavailable("gone")))] == [0, 1, 2]
    made = ResponsesRelay(incoming, "up", "m")
    assert made.feed(BEGUN, 1.0) == b"" and fed(made, SAID + ENDED) == fed(relay(client), BEGUN + SAID + ENDED)


def test_what_passed_through_is_kept_so_that_another_backend_can_go_on(client: Client) -> None:
    made = relay(client)
    fed(made, STREAM)
    status, body = client.serving.responses.get("resp_1", 1.0)
    assert status == 200 and json.loads(body)["model"] == "m"
    found = client.read(input="he", previous_response_id="resp_1").neutral(SERVED, {})
    assert [message.role for message in found.messages] == ["user", "assistant", "user"]
    fed(relay(client, store=False), STREAM.replace(b"resp_1", b"resp_2"))
    assert client.serving.responses.get("resp_2", 1.0)[0] == 404


def test_a_response_that_makes_no_sense_passes_as_it_is(client: Client) -> None:
    odd = event("response.completed", 0, response={"usage": 5}) + event("response.created", 1, response=5)
    made = relay(client)
    assert fed(made, odd) == odd.partition(b"\n\n")[0] + b"\n\n" and made.complete and made.usage is None
    odd = event("response.created", 0, response=5)
    assert fed(relay(client), odd + SAID) == odd + SAID


@pytest.mark.parametrize(
    ("asked", "output"), [({"input": 5}, []), ({"input": [5]}, []), ({}, [5]), ({"prompt": {"id": "p"}}, [])]
)
def test_what_cannot_be_kept_passes_all_the_same(client: Client, asked: dict[str, Any], output: list[Any]) -> None:
    made = relay(client, **asked)
    fed(made, event("response.completed", 0, response=response(status="completed", output=output)))
    assert made.complete and len(client.serving.responses) == 0


def test_lines_of_other_kinds_and_data_in_several_lines_are_put_together(client: Client) -> None:
    data = b': a comment\nid: 7\nevent: response.output_text.delta\ndata: {"type":"response.output_text.delta",\n'
    data += b'data: "sequence_number":0}\n\nretry: 5\n\n'
    out = fed(relay(client), data)
    assert out.startswith(b": a comment\nid: 7\nevent: response.output_text.delta\ndata: {") and out.count(b"\n\n") == 1
