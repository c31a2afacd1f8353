"""Where translations go wrong: what a client says, what a backend says, and what has to become of it.

The rows that need a client of one format and a backend of another are tried here, through a whole gateway without a
socket; those that one format can show stand with that format. `TRAPS` names for each row where it is tried, so that
none is forgotten."""

from __future__ import annotations

import ast
import base64
import gzip
import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from tests.contract.traps import NUMBERS, TRAPS
from tests.support.driving import Asked, Driven, driven
from tests.support.event_streams import event, exception

if TYPE_CHECKING:
    from pathlib import Path

USER = {"role": "user", "content": "hi"}
CHAT = "/v1/chat/completions"
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 16).decode()
PDF = base64.b64encode(b"%PDF-1.7\n").decode()


def behind(type_: str, upstream: str = "up", **keys: Any) -> Driven:
    """A gateway in front of one backend of this type, whose model clients know as `m`."""
    settings = {
        "models": {
            "m": {"backend": "b", "api_model": upstream, "capabilities": ["completion", "tools", "vision", "thinking"]}
        }
    }
    return driven(settings, b={"type": type_, "api_key": "s3cret", **keys})


def messages(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 50, "messages": [USER], **fields}


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [USER], **fields}


def named(*events: dict[str, Any]) -> bytes:
    """Events of Anthropic's stream."""
    return b"".join(b"event: %b\ndata: %b\n\n" % (told["type"].encode(), json.dumps(told).encode()) for told in events)


def data(*values: Any) -> bytes:
    """Events of OpenAI's or Google's stream."""
    return b"".join(
        b"data: " + (one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n\n" for one in values
    )


def delta(finish: str | None = None, **told: Any) -> dict[str, Any]:
    return {"id": "x", "created": 1, "model": "up", "choices": [{"index": 0, "delta": told, "finish_reason": finish}]}


def call_delta(index: int, **told: Any) -> dict[str, Any]:
    return delta(tool_calls=[{"index": index, **told}])


def block(index: int, kind: str, **told: Any) -> list[dict[str, Any]]:
    """A block of Anthropic's stream: its start, what `deltas` has, its stop."""
    deltas = told.pop("deltas")
    return [
        {"type": "content_block_start", "index": index, "content_block": {"type": kind, **told}},
        *({"type": "content_block_delta", "index": index, "delta": one} for one in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def arguments(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "role": "assistant", "model": "up", "usage": usage}}


def stop(reason: str, **usage: int) -> list[dict[str, Any]]:
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


def chunks(asked: Asked) -> list[Any]:
    """What a client of OpenAI read of a stream that came to its end."""
    *events, end, nothing = asked.body.decode().split("\n\n")
    assert (end, nothing) == ("data: [DONE]", ""), asked.body
    return [json.loads(event.removeprefix("data: ")) for event in events]


def deltas(asked: Asked) -> list[Any]:
    return [chunk["choices"][0]["delta"] for chunk in chunks(asked) if chunk["choices"]]


def calls_of(asked: Asked) -> list[Any]:
    return [call for said in deltas(asked) for call in said.get("tool_calls", ())]


def finish_of(asked: Asked) -> list[str]:
    told = [chunk["choices"][0]["finish_reason"] for chunk in chunks(asked) if chunk["choices"]]
    return [reason for reason in told if reason]


def events_of(asked: Asked) -> list[Any]:
    """What a client of Anthropic or of Responses read of a stream."""
    found: list[Any] = []
    for part in asked.body.decode().split("\n\n")[:-1]:
        name, _, told = part.partition("\ndata: ")
        found.append(json.loads(told))
        assert name == f"event: {found[-1]['type']}"
    return found


# The table ------------------------------------------------------------------------------------------------------------


@cache
def _named_in(file: Path) -> frozenset[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_row_is_forgotten() -> None:
    assert tuple(TRAPS) == NUMBERS and all(trap.tests and trap.subject for trap in TRAPS.values())


@pytest.mark.parametrize("number", TRAPS)
def test_every_row_is_tried(root: Path, number: int) -> None:
    for place in TRAPS[number].tests:
        file, _, name = place.partition("::")
        assert f"test_{name}" in _named_in(root / "tests" / file), place


# Calls ----------------------------------------------------------------------------------------------------------------

TWO_CALLS = named(
    start(input_tokens=1),
    *block(0, "text", text="", deltas=[{"type": "text_delta", "text": "let me"}]),
    *block(1, "tool_use", id="t1", name="f", input={}, deltas=arguments("", '{"a":', "1}")),
    *block(2, "tool_use", id="t2", name="g", input={}, deltas=arguments("")),
    *stop("tool_use", output_tokens=2),
)


def test_blocks_that_are_counted_with_the_text_are_calls_that_are_counted_by_themselves() -> None:
    """Blocks 1 and 2 are calls 0 and 1; id and name are in the first piece alone; no arguments are an empty object."""
    asked = behind("anthropic").ask("POST", CHAT, chat(stream=True, tools=[{"type": "function", "function": TOOL}]))
    asked.called.stream(TWO_CALLS)
    told = calls_of(asked)
    assert [(call["index"], call.get("id"), call["function"].get("name")) for call in told if "id" in call] == [
        (0, "t1", "f"),
        (1, "t2", "g"),
    ]
    pieces = {index: "".join(c["function"]["arguments"] for c in told if c["index"] == index) for index in (0, 1)}
    assert pieces == {0: '{"a":1}', 1: "{}"} and finish_of(asked) == ["tool_calls"]


def test_interleaved_arguments_stay_with_their_call_and_each_block_is_closed_once() -> None:
    asked = behind("openai_compatible").ask("POST", "/v1/messages", messages(stream=True))
    asked.called.stream(
        data(
            call_delta(0, id="a", function={"name": "f", "arguments": '{"a":'}),
            call_delta(1, id="b", function={"name": "g", "arguments": '{"b":'}),
            call_delta(0, function={"arguments": "1}"}),
            call_delta(1, function={"arguments": "2}"}),
            delta("tool_calls"),
            b"[DONE]",
        )
    )
    told = events_of(asked)
    starts = [(one["index"], one["content_block"]["id"]) for one in told if one["type"] == "content_block_start"]
    assert starts == [(0, "a"), (1, "b")]
    assert [one["index"] for one in told if one["type"] == "content_block_stop"] == [0, 1]
    pieces = [(one["index"], one["delta"]["partial_json"]) for one in told if one["type"] == "content_block_delta"]
    assert ["".join(piece for index, piece in pieces if index == at) for at in (0, 1)] == ['{"a":1}', '{"b":2}']


def test_items_behind_a_thought_are_calls_from_0_on_with_their_call_ids() -> None:
    def item(at: int, call_id: str) -> list[dict[str, Any]]:
        about = {"id": f"fc_{at}", "type": "function_call", "call_id": call_id, "name": "f"}
        return [
            {"type": "response.output_item.added", "output_index": at, "item": about | {"arguments": ""}},
            {
                "type": "response.function_call_arguments.delta",
                "output_index": at,
                "item_id": f"fc_{at}",
                "delta": "{}",
            },
            {"type": "response.output_item.done", "output_index": at, "item": about | {"arguments": "{}"}},
        ]

    response = {"id": "resp_1", "status": "completed", "output": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
    made = driven(
        {"models": {"m": {"backend": "b", "api_model": "up", "api": "responses"}}},
        b={"type": "openai", "api_key": "k"},
    )
    asked = made.ask("POST", CHAT, chat(stream=True))
    asked.called.stream(
        named(
            {"type": "response.created", "response": response | {"status": "in_progress"}},
            *item(1, "call_a"),
            *item(2, "call_b"),
            {"type": "response.completed", "response": response},
        )
    )
    assert [(call["index"], call["id"]) for call in calls_of(asked) if "id" in call] == [(0, "call_a"), (1, "call_b")]


def test_a_stop_in_a_later_empty_chunk_is_told_once_and_brings_no_empty_text() -> None:
    def candidate(part: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"candidates": [{"content": {"role": "model", "parts": [part]}, **more}]}

    asked = behind("google").ask("POST", CHAT, chat(stream=True))
    called = {"functionCall": {"name": "f", "args": {"a": 1}}}
    asked.called.stream(data(candidate(called), candidate({"text": ""}, finishReason="STOP")))
    assert finish_of(asked) == ["tool_calls"]
    assert not any(said.get("content") == "" for said in deltas(asked))


@pytest.mark.parametrize(
    ("type_", "path", "told"),
    [
        ("anthropic", ["messages", 1, "content", 0, "id"], ["messages", 2, "content", 0, "tool_use_id"]),
        (
            "aws_bedrock",
            ["messages", 1, "content", 0, "toolUse", "toolUseId"],
            ["messages", 2, "content", 0, "toolResult", "toolUseId"],
        ),
        ("mistral", ["messages", 1, "tool_calls", 0, "id"], ["messages", 2, "tool_call_id"]),
    ],
)
@pytest.mark.parametrize("id_", ["functions.Bash:0", "x" * 83, "a1b2c3d4e"])
@pytest.mark.parametrize("client", [CHAT, "/api/chat"])
def test_an_id_that_a_backend_does_not_take_is_mapped_alike_in_call_and_result(
    client: str, type_: str, path: list[Any], told: list[Any], id_: str
) -> None:
    call = {"id": id_, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [USER, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": id_, "content": "1"}]
    if client == "/api/chat":
        call["function"] = {"name": "f", "arguments": {}}
    sent: Any = behind(type_).ask("POST", client, chat(messages=history)).called.json
    of_call, of_result = sent, sent
    for key in path:
        of_call = of_call[key]
    for key in told:
        of_result = of_result[key]
    assert of_call == of_result
    if type_ == "mistral":
        assert len(of_call) == 9 and of_call.isalnum()
    if id_ == "a1b2c3d4e":
        assert of_call == id_


# Ends and costs -------------------------------------------------------------------------------------------------------


def test_a_limit_is_told_as_a_limit() -> None:
    answer = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "MAX_TOKENS"}]}
    asked = behind("google").ask("POST", CHAT, chat())
    asked.called.answer(200, answer)
    assert asked.json["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("wanted", [True, False])
def test_usage_behind_the_finish_is_told_in_one_last_chunk_to_who_asked_for_it(wanted: bool) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    stream = data(delta(content="a"), delta("stop"), {"id": "x", "choices": [], "usage": usage}, b"[DONE]")
    asked = behind("openai_compatible").ask("POST", CHAT, chat(stream=True, **options))
    assert asked.called.json["stream_options"] == {"include_usage": True}
    asked.called.stream(stream)
    trailing = [chunk for chunk in chunks(asked) if not chunk["choices"]]
    assert [chunk["usage"] for chunk in trailing] == ([usage] if wanted else [])
    line = behind("openai_compatible").chat()
    line.called.stream(stream)
    assert (line.lines[-1]["prompt_eval_count"], line.lines[-1]["eval_count"]) == (3, 4)


def test_cached_tokens_are_added_once_and_taken_away_once() -> None:
    usage = {"input_tokens": 7, "cache_read_input_tokens": 9000, "cache_creation_input_tokens": 100, "output_tokens": 5}
    asked = behind("anthropic").ask("POST", CHAT, chat())
    content = [{"type": "text", "text": "a"}]
    asked.called.answer(
        200, {"id": "msg_1", "model": "up", "content": content, "stop_reason": "end_turn", "usage": usage}
    )
    told = asked.json["usage"]
    assert told == {
        "prompt_tokens": 9107,
        "completion_tokens": 5,
        "total_tokens": 9112,
        "prompt_tokens_details": {"cached_tokens": 9000, "cache_write_tokens": 100},
    }
    back = behind("openai_compatible").ask("POST", "/v1/messages", messages())
    back.called.answer(200, {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": told})
    assert {name: back.json["usage"][name] for name in usage} == usage


@pytest.mark.parametrize(
    "ending", [data({"error": {"code": 502, "message": "no more"}}), data(delta("error"))], ids=["error", "finish"]
)
@pytest.mark.parametrize(
    ("path", "body", "fault", "end"),
    [
        ("/api/chat", {}, b'{"error":', b'"done":true'),
        (CHAT, {}, b'data: {"error":', b"[DONE]"),
        ("/v1/messages", {"max_tokens": 9}, b"event: error\n", b"message_stop"),
        ("/v1/responses", {"input": "hi"}, b"response.failed", b"response.completed"),
        (
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            {"contents": [{"parts": [{"text": "hi"}]}]},
            b'"error":',
            b"finishReason",
        ),
    ],
    ids=["ollama", "openai_chat", "anthropic", "openai_responses", "gemini"],
)
def test_an_error_behind_status_200_is_told_in_the_clients_words_and_nothing_ends_as_if_it_were_whole(
    path: str, body: dict[str, Any], fault: bytes, end: bytes, ending: bytes
) -> None:
    asked = behind("openrouter").ask("POST", path, chat(stream=True, **body))
    asked.called.stream(b": OPENROUTER PROCESSING\n\n" + data(delta(content="Hel")) + b": keepalive\n\n" + ending)
    assert b"Hel" in asked.body and fault in asked.body and end not in asked.body


# Comments and bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/chat", CHAT, "/v1/messages"])
def test_comments_between_the_events_are_no_data(path: str) -> None:
    asked = behind("openrouter").ask("POST", path, messages(stream=True))
    comment = b": OPENROUTER PROCESSING\n\n"
    asked.called.stream(
        comment, data(delta(content="a")), comment + b": keepalive 1/2\r\n\r\n", data(delta("stop"), b"[DONE]")
    )
    assert b"data: :" not in asked.body and b'"a"' in asked.body
    for row in asked.body.splitlines():
        if path == "/api/chat":
            json.loads(row)
        else:
            assert row[:6] in (b"data: ", b"event:", b"") or row[:2] == b": "


def test_what_nobody_can_read_because_it_is_packed_is_an_error_and_what_is_carried_says_that_it_is() -> None:
    packed = gzip.compress(json.dumps({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}).encode())
    for type_, path in (("openai_compatible", "/api/chat"), ("openai_compatible", CHAT)):
        asked = behind(type_).ask("POST", path, chat(stream=False))
        assert "accept-encoding" not in {name.lower() for name, _ in asked.called.call.headers}
        asked.called.answer(200, packed, content_encoding="gzip")
        assert asked.status == 502 and "content-encoding" not in asked.headers and asked.json["error"]
    carried = driven(o="ollama").ask("POST", "/api/show", {"model": "m"})
    carried.called.answer(200, packed, content_encoding="gzip", content_length=str(len(packed)))
    assert carried.body == packed
    assert (carried.headers["content-encoding"], carried.headers["content-length"]) == ("gzip", str(len(packed)))


# Thinking -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["anthropic", "aws_bedrock"])
def test_encrypted_reasoning_of_another_server_is_left_out_with_a_warning_and_the_order_stays(type_: str) -> None:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
    history = [USER, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"}, said, USER]
    asked = behind(type_, "anthropic.claude-sonnet-4-5").ask("POST", "/v1/responses", {"model": "m", "input": history})
    sent = asked.called.json["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert "gA" not in json.dumps(sent)
    asked.called.answer(200, b"{}")
    told = behind(type_, "anthropic.claude-sonnet-4-5").ask("POST", "/v1/responses", {"model": "m", "input": history})
    answers = {
        "anthropic": {"id": "x", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn", "usage": {}},
        "aws_bedrock": {"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": "end_turn"},
    }
    told.called.answer(200, answers[type_])
    assert told.status == 200 and "thinking" in told.headers["x-ollamux-warning"]


def test_a_signed_thought_of_one_backend_comes_back_through_a_client_that_knows_of_none_in_front_of_its_call() -> None:
    """An answer of Anthropic's as OpenAI's client keeps it, and as it comes back."""
    answer = {
        "id": "msg_1",
        "model": "up",
        "content": [
            {"type": "thinking", "thinking": "", "signature": "EqQ="},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    tools = [{"type": "function", "function": TOOL}]
    house = behind("anthropic", "claude-sonnet-4-5")
    first = house.ask("POST", CHAT, chat(tools=tools, reasoning_effort="low"))
    first.called.answer(200, answer)
    said = first.json["choices"][0]["message"]
    assert said["content"] is None
    history = [USER, said, {"role": "tool", "tool_call_id": "t1", "content": "1"}]
    second = house.ask("POST", CHAT, chat(tools=tools, reasoning_effort="low", messages=history))
    assert second.called.json["messages"][1]["content"] == answer["content"]
    assert second.called.json["thinking"]["type"] != "disabled"


@pytest.mark.parametrize(("effort", "sent"), [("none", None), ("minimal", "low"), ("xhigh", "xhigh")])
def test_an_effort_is_no_more_than_was_asked_for(effort: str, sent: str | None) -> None:
    asked = behind("anthropic", "claude-opus-4-8").ask("POST", CHAT, chat(reasoning_effort=effort))
    told = asked.called.json
    assert told.get("output_config", {}).get("effort") == sent
    assert ("thinking" in told and told["thinking"]["type"] != "disabled") is (sent is not None)


# Requests -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked_for", [{"max_completion_tokens": 7}, {"max_tokens": 7}, {"max_tokens": 9, "max_completion_tokens": 7}, {}]
)
def test_a_limit_is_ollamas_own_and_no_limit_leaves_the_models_own(asked_for: dict[str, int]) -> None:
    sent = behind("ollama").ask("POST", CHAT, chat(**asked_for)).called.json
    assert sent.get("options", {}) == ({"num_predict": 7} if asked_for else {})


def test_tokens_are_counted_whatever_stands_in_the_query() -> None:
    def count(**more: Any) -> int:
        asked = behind("openai_compatible").ask("POST", "/v1/messages/count_tokens?beta=true&x=1", messages(**more))
        assert asked.status == 200 and list(asked.json) == ["input_tokens"]
        return int(asked.json["input_tokens"])

    tools = [{"name": "f", "input_schema": TOOL["parameters"]}]
    assert 0 < count() < count(system="Be kind to everybody.") < count(system="Be kind to everybody.", tools=tools)


def image_of(type_: str, url: str) -> Any:
    """What a backend of this type is sent for a picture at this address; the status where it is refused, the address
    where it is fetched for the backend."""
    part = {"type": "image_url", "image_url": {"url": url}}
    asked = behind(type_).ask("POST", CHAT, chat(messages=[{"role": "user", "content": [part]}]))
    if not asked.calls:
        return asked.status
    if asked.called.call.public_only:
        return asked.called.url
    message = asked.called.json["messages"][0]
    return message["images"] if type_ == "ollama" else message["content"][0]


@pytest.mark.parametrize("label", ["image/png", "image/jpeg", "", "application/octet-stream"])
def test_a_picture_goes_as_its_bytes_and_as_what_they_are_whatever_its_label(label: str) -> None:
    assert image_of("ollama", f"data:{label};base64,{PNG}") == [PNG]
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    assert image_of("anthropic", f"data:{label};base64,{PNG}") == {"type": "image", "source": source}


def test_a_pdf_is_a_document_and_an_address_goes_only_where_it_is_read() -> None:
    assert image_of("anthropic", f"data:application/pdf;base64,{PDF}")["type"] == "document"
    assert image_of("anthropic", "https://a.example/1.png") == {
        "type": "image",
        "source": {"type": "url", "url": "https://a.example/1.png"},
    }
    assert image_of("ollama", "https://a.example/1.png") == "https://a.example/1.png"
    assert image_of("aws_bedrock", "data:;base64,") == 400
    assert image_of("ollama", "data:image/png,raw") == 400


def test_a_history_of_calls_has_its_tools_made_again_where_a_backend_wants_them() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    history = [USER, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "1"}]
    sent = behind("aws_bedrock", "anthropic.claude-sonnet-4-5").ask("POST", CHAT, chat(messages=history)).called.json
    assert [tool["toolSpec"]["name"] for tool in sent["toolConfig"]["tools"]] == ["f"]


def test_an_exception_in_the_stream_of_a_service_is_told_at_any_cut() -> None:
    stream = event("contentBlockDelta", contentBlockIndex=0, delta={"text": "Hel"})
    stream += exception("throttlingException", message="slow down")
    for cut in range(1, len(stream), 7):
        asked = behind("aws_bedrock").ask("POST", CHAT, chat(stream=True))
        asked.called.stream(stream[:cut], stream[cut:], kind="application/vnd.amazon.eventstream")
        last = json.loads(asked.body.rstrip().rpartition(b"data: ")[2])
        assert "slow down" in last["error"]["message"] and b"[DONE]" not in asked.body
