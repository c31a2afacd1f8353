"""Requests to OpenAI-style servers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    Audio,
    Bytes,
    CompletionRequest,
    Document,
    EmbedRequest,
    FileId,
    Image,
    JsonFormat,
    Message,
    Opaque,
    Part,
    Reasoning,
    ReasoningOptions,
    RedactedReasoning,
    Refusal,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.openai_chat.building import build_chat, build_completion, build_embed

LLAMA = Dialect(
    think="chat_template_kwargs",
    sampling={"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repeat_penalty", "num_keep": "n_keep"},
)
PLAIN = Dialect()


def built(request: ChatRequest, dialect: Dialect = PLAIN) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(build_chat(request, "up", dialect).body)
    return body


def chat(*messages: Message, **rest: Any) -> ChatRequest:
    return ChatRequest("m", list(messages) or [Message("user", [Text("hi")])], **rest)


def said(*messages: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = built(chat(*messages))["messages"]
    return found


def test_a_plain_chat_says_nothing_that_was_not_asked() -> None:
    out = build_chat(chat(), "up", PLAIN)
    assert out.path == "/chat/completions"
    assert out.body == b'{"model":"up","messages":[{"role":"user","content":"hi"}]}'
    assert out.warnings == ()


@pytest.mark.parametrize("options", [True, False])
def test_a_stream_asks_for_usage_where_the_server_can(options: bool) -> None:
    body = built(chat(stream=True), Dialect(stream_options=options))
    assert body["stream"] is True
    assert body.get("stream_options") == ({"include_usage": True} if options else None)


def test_tools_keep_the_bytes_of_their_parameters() -> None:
    schema = b'{ "type":"object", "x": 1.50 }'
    out = build_chat(chat(tools=(Tool("f", "d", msgspec.Raw(schema), True), Tool("g"))), "up", PLAIN)
    assert schema in out.body
    assert [tool["function"]["name"] for tool in json.loads(out.body)["tools"]] == ["f", "g"]
    assert json.loads(out.body)["tools"][1] == {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), None),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "f"), {"type": "function", "function": {"name": "f"}}),
    ],
)
def test_a_choice_of_tools_goes_out(choice: ToolChoice, expected: object) -> None:
    body = built(chat(tools=(Tool("f"),), tool_choice=choice, parallel_tool_calls=False))
    assert body.get("tool_choice") == expected
    assert body["parallel_tool_calls"] is False


def test_calls_carry_their_arguments_as_a_string_byte_for_byte() -> None:
    call = ToolCall("c1", "f", '{ "n": 12345678901234567890123 }')
    assert said(Message("assistant", [call])) == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": call.arguments}},
            ],
        }
    ]


def test_each_result_is_a_message_of_its_own() -> None:
    results = [ToolResult("a", [Text("1")], "f"), ToolResult("b", [Text("2")]), ToolResult("", [Text("3")])]
    assert said(Message("tool", [*results])) == [
        {"role": "tool", "content": "1", "tool_call_id": "a", "name": "f"},
        {"role": "tool", "content": "2", "tool_call_id": "b"},
        {"role": "tool", "content": "3"},
    ]


def test_a_picture_in_a_result_follows_as_the_users() -> None:
    result = ToolResult("a", [Text("see"), Image(Bytes("QUJD", "image/png"))])
    first, second = said(Message("tool", [result]))
    assert first["content"] == "see"
    assert second["role"] == "user"
    assert second["content"][0]["image_url"]["url"] == "data:image/png;base64,QUJD"


def test_results_among_a_users_words_come_first() -> None:
    out = said(Message("user", [ToolResult("a", [Text("1")]), Text("and now?")]))
    assert [message["role"] for message in out] == ["tool", "user"]


def test_pictures_and_sounds_are_parts() -> None:
    parts: list[Part] = [
        Text("look"),
        Image(Bytes("AA==", "image/webp")),
        Image(Url("https://x/y.png"), "low"),
        Image(Bytes("AA==")),
        Audio(Bytes("BB==", "audio/mp3")),
    ]
    assert said(Message("user", parts))[0]["content"] == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/webp;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "input_audio", "input_audio": {"data": "BB==", "format": "mp3"}},
    ]


@pytest.mark.parametrize("part", [Image(FileId("openai", "f1")), Audio(Url("https://x"))])
def test_what_cannot_be_carried_is_refused(part: Image | Audio) -> None:
    with pytest.raises(InvalidRequest):
        said(Message("user", [part]))


def test_thinking_of_earlier_turns_is_left_out() -> None:
    assert said(Message("assistant", [Reasoning("hm"), Text("yes")])) == [{"role": "assistant", "content": "yes"}]


def test_several_texts_of_an_assistant_are_one() -> None:
    assert said(Message("assistant", [Text("a"), Refusal("b")])) == [{"role": "assistant", "content": "ab"}]


def test_a_message_without_parts_is_empty() -> None:
    assert said(Message("user", []), Message("user", [Text("x")], "bob")) == [
        {"role": "user", "content": ""},
        {"role": "user", "content": "x", "name": "bob"},
    ]


@pytest.mark.parametrize(
    ("output", "json_schema", "expected"),
    [
        (JsonFormat(), True, {"type": "json_object"}),
        (
            JsonFormat(msgspec.Raw(b'{"type":"object"}')),
            True,
            {"type": "json_schema", "json_schema": {"name": "schema", "schema": {"type": "object"}}},
        ),
        (
            JsonFormat(msgspec.Raw(b"{}"), "n", True),
            True,
            {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        ),
        (JsonFormat(msgspec.Raw(b"{}")), False, {"type": "json_object"}),
    ],
)
def test_structured_output_is_a_response_format(output: JsonFormat, json_schema: bool, expected: object) -> None:
    out = build_chat(chat(output=output), "up", Dialect(json_schema=json_schema))
    assert json.loads(out.body)["response_format"] == expected
    assert bool(out.warnings) is (not json_schema)


@pytest.mark.parametrize(("top", "sent"), [(0, 1), (5, 5)])
def test_log_probabilities_ask_for_one_alternative_at_least(top: int, sent: int) -> None:
    body = built(chat(logprobs=True, top_logprobs=top))
    assert (body["logprobs"], body["top_logprobs"]) == (True, sent)
    assert "top_logprobs" not in built(chat(logprobs=True), Dialect(top_logprobs=False))


@pytest.mark.parametrize(
    ("dialect", "reasoning", "expected"),
    [
        (LLAMA, ReasoningOptions(True), {"chat_template_kwargs": {"enable_thinking": True}}),
        (LLAMA, ReasoningOptions(False), {"chat_template_kwargs": {"enable_thinking": False}}),
        (LLAMA, ReasoningOptions(None, "none"), {"chat_template_kwargs": {"enable_thinking": False}}),
        (
            LLAMA,
            ReasoningOptions(True, "high"),
            {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "high"}},
        ),
        (Dialect(think="reasoning_effort"), ReasoningOptions(True), {}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(False), {"reasoning_effort": "none"}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(True, "low"), {"reasoning_effort": "low"}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(True, budget=1024), {"reasoning_effort": "low"}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(True, budget=8000), {"reasoning_effort": "medium"}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(True, budget=30000), {"reasoning_effort": "high"}),
        (Dialect(think="reasoning_effort"), ReasoningOptions(False, budget=1024), {"reasoning_effort": "none"}),
        (PLAIN, ReasoningOptions(True), {}),
    ],
)
def test_thinking_is_switched_as_the_dialect_says(
    dialect: Dialect, reasoning: ReasoningOptions, expected: dict[str, object]
) -> None:
    body = built(chat(reasoning=reasoning), dialect)
    assert {key: body[key] for key in ("chat_template_kwargs", "reasoning_effort") if key in body} == expected


@pytest.mark.parametrize("asked", [ReasoningOptions(True, "low"), ReasoningOptions(True, budget=1024)])
def test_an_effort_or_a_budget_that_nobody_takes_is_a_warning(asked: ReasoningOptions) -> None:
    assert build_chat(chat(reasoning=asked), "up", PLAIN).warnings != ()


def test_knobs_have_the_dialects_names() -> None:
    sampling = Sampling(
        max_tokens=5, temperature=0.0, top_p=0.5, top_k=3, stop=("x",), seed=0, repeat_penalty=1.1,
        presence_penalty=0.1, frequency_penalty=0.2, other={"num_keep": 4},
    )  # fmt: skip
    body = built(chat(sampling=sampling), LLAMA)
    expected = {
        "max_tokens": 5, "temperature": 0.0, "top_p": 0.5, "top_k": 3, "stop": ["x"], "seed": 0,
        "repeat_penalty": 1.1, "presence_penalty": 0.1, "frequency_penalty": 0.2, "n_keep": 4,
    }  # fmt: skip
    assert {key: value for key, value in body.items() if key not in ("model", "messages")} == expected


def test_knobs_that_a_server_does_not_have_are_named_in_one_warning() -> None:
    sampling = Sampling(top_k=3, temperature=1.0, other={"num_ctx": 4096, "num_gpu": 1})
    out = build_chat(chat(sampling=sampling), "up", Dialect(sampling={"temperature": None}))
    assert set(json.loads(out.body)) == {"model", "messages"}
    assert out.warnings == ("the backend does not take these options: num_ctx, num_gpu, temperature, top_k",)


def test_the_dialect_names_the_limit_of_tokens() -> None:
    assert built(chat(sampling=Sampling(max_tokens=0)), Dialect(max_tokens="max_completion_tokens")) == {
        "model": "up",
        "messages": [{"role": "user", "content": "hi"}],
        "max_completion_tokens": 0,
    }


def test_what_a_dialect_always_sends_gives_way_to_the_request() -> None:
    dialect = Dialect(extra={"cache_prompt": True, "temperature": 0.1})
    body = built(chat(sampling=Sampling(temperature=0.9)), dialect)
    assert (body["cache_prompt"], body["temperature"]) == (True, 0.9)


def test_a_completion_is_a_prompt() -> None:
    request = CompletionRequest("m", "a", "b", True, Sampling(max_tokens=2), JsonFormat(), True, 3)
    out = build_completion(request, "up", Dialect(max_tokens="max_completion_tokens"))
    assert out.path == "/completions"
    assert json.loads(out.body) == {
        "model": "up", "prompt": "a", "suffix": "b", "stream": True, "stream_options": {"include_usage": True},
        "max_tokens": 2, "response_format": {"type": "json_object"}, "logprobs": 3,
    }  # fmt: skip


def test_an_embedding_sends_its_inputs_and_no_dimensions() -> None:
    out = build_embed(EmbedRequest("m", ["a", "b"], dimensions=3), "up", PLAIN)
    assert (out.path, out.body) == ("/embeddings", b'{"model":"up","input":["a","b"]}')


# What a dialect does not know.


def sent(dialect: Dialect, **more: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = build_chat(chat(**more), "up", dialect)
    return json.loads(outgoing.body), outgoing.warnings


FGH = tuple(Tool(name) for name in "fgh")


@pytest.mark.parametrize(
    ("modes", "choice", "tools", "sent_choice", "lost"),
    [
        ({"auto"}, ToolChoice("none"), None, None, False),
        ({"auto"}, ToolChoice("required"), "fgh", None, True),
        ({"auto"}, ToolChoice("named", "g"), "g", None, True),
        ({"auto", "required"}, ToolChoice("named", "g"), "g", "required", False),
        ({"auto", "required"}, ToolChoice("required", allowed=("f", "h")), "fh", "required", False),
        ({"auto"}, ToolChoice("auto", allowed=("f",)), "f", None, False),
    ],
)
def test_a_choice_of_tools_that_a_server_does_not_know_is_said_in_another_way(
    modes: set[str], choice: ToolChoice, tools: str | None, sent_choice: str | None, lost: bool
) -> None:
    body, warnings = sent(Dialect(tool_choice=frozenset(modes)), tools=FGH, tool_choice=choice)
    names = [tool["function"]["name"] for tool in body["tools"]] if "tools" in body else None
    assert names == (None if tools is None else list(tools)) and body.get("tool_choice") == sent_choice
    assert warnings == (("the backend cannot be made to call a tool",) if lost else ())


def test_allowed_tools_are_told_to_a_server_that_knows_them() -> None:
    knows = Dialect(tool_choice=frozenset({"auto", "allowed"}))
    body, _ = sent(knows, tools=FGH, tool_choice=ToolChoice("required", allowed=("f",)))
    assert len(body["tools"]) == 3
    assert body["tool_choice"] == {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
    }


def test_a_reasoning_model_is_told_its_limit_under_its_own_name_and_no_temperature() -> None:
    reasoning = Dialect(max_tokens="max_completion_tokens", refuses=frozenset({"temperature", "parallel_tool_calls"}))
    sampling = Sampling(max_tokens=5, temperature=0.5)
    body, warnings = sent(reasoning, sampling=sampling, tools=FGH, parallel_tool_calls=True)
    assert body["max_completion_tokens"] == 5 and not {"max_tokens", "temperature", "parallel_tool_calls"} & body.keys()
    assert warnings == ("the backend does not take these: parallel_tool_calls, temperature",)


def test_usage_is_not_asked_of_a_server_that_refuses_stream_options() -> None:
    assert "stream_options" not in sent(Dialect(stream_options=False), stream=True)[0]
    assert sent(PLAIN, stream=True)[0]["stream_options"] == {"include_usage": True}


def test_thinking_goes_back_to_servers_that_want_it_and_is_empty_where_nobody_knows_it() -> None:
    turns = [
        Message("assistant", [Reasoning("h"), Reasoning("m"), Text("a")]),
        Message("assistant", [ToolCall("c", "f", "{}")]),
        Message("tool", [ToolResult("c", [Text("42")])]),
        Message("assistant", [Text("b"), Text("c")]),
    ]
    body = json.loads(
        build_chat(chat(*turns), "up", Dialect(reasoning_echo="reasoning_content", echo_wanted=True)).body
    )
    assert [turn.get("reasoning_content") for turn in body["messages"]] == ["hm", "", None, None]
    assert "reasoning_content" not in str(built(chat(*turns)))


def test_thinking_goes_where_there_is_a_place_for_it_and_is_named_as_left_out_where_there_is_none() -> None:
    turns = [Message("assistant", [Reasoning("h"), Text("a")]), Message("assistant", [ToolCall("c", "f", "{}")])]
    taken = build_chat(chat(*turns), "up", Dialect(reasoning_echo="reasoning"))
    assert [turn.get("reasoning") for turn in json.loads(taken.body)["messages"]] == ["h", None]
    assert taken.warnings == ()
    told = build_chat(chat(*turns, *turns), "up", PLAIN).warnings
    assert told == ("earlier thinking for which this backend has no place was left out",)
    assert build_chat(chat(Message("assistant", [Reasoning(""), Text("a")])), "up", PLAIN).warnings == ()


def test_a_picture_by_its_address_is_refused_where_only_data_is_taken() -> None:
    turn = Message("user", [Text("?"), Image(Url("https://x/a.png"))])
    with pytest.raises(InvalidRequest):
        build_chat(chat(turn), "up", Dialect(image_urls=False))
    assert said(turn)[0]["content"][1]["image_url"] == {"url": "https://x/a.png"}


PDF = Bytes("JVBERg==", "application/pdf")
FILES = Dialect(files=True)


@pytest.mark.parametrize(
    ("document", "file"),
    [
        (Document(PDF, "a.pdf"), {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}),
        (Document(PDF), {"filename": "file.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}),
        (Document(FileId("openai", "file-1")), {"file_id": "file-1"}),
    ],
)
def test_files_are_sent_to_servers_that_read_them(document: Document, file: dict[str, str]) -> None:
    body = json.loads(build_chat(chat(Message("user", [Text("?"), document])), "up", FILES).body)
    assert body["messages"][0]["content"][1] == {"type": "file", "file": file}
    with pytest.raises(InvalidRequest):
        build_chat(chat(Message("user", [document])), "up", PLAIN)


def test_a_file_that_is_text_is_text_for_servers_that_read_none() -> None:
    document = Document(Bytes("aMOp", "text/markdown"))
    result = Message("tool", [ToolResult("c", [Text("see"), document])])
    assert said(Message("user", [document]))[0]["content"] == [{"type": "text", "text": "hé"}]
    assert said(result)[1] == {"role": "user", "content": [{"type": "text", "text": "hé"}]}


@pytest.mark.parametrize("source", [FileId("anthropic", "f"), Url("https://x/a.pdf"), Bytes("////", "text/plain")])
def test_a_file_that_cannot_be_carried_is_refused(source: Any) -> None:
    for dialect in (PLAIN, FILES) if not isinstance(source, Bytes) else (PLAIN,):
        with pytest.raises(InvalidRequest):
            build_chat(chat(Message("user", [Document(source)])), "up", dialect)


def test_who_asks_and_what_a_schema_is_for_are_told() -> None:
    output = JsonFormat(msgspec.Raw(b"{}"), "n", True, "why")
    body = built(chat(user="u", output=output))
    assert body["user"] == "u"
    assert body["response_format"]["json_schema"] == {"name": "n", "schema": {}, "strict": True, "description": "why"}


SIGNED: list[Part] = [
    Reasoning("hm", Opaque("anthropic", "s")),
    RedactedReasoning(Opaque("openai_chat", "e")),
    RedactedReasoning(Opaque("bedrock", "x")),
    Reasoning("unsigned"),
    ToolCall("c", "f", "{}", Opaque("gemini", "Z29v")),
    ToolCall("d", "f", "{}", Opaque("bedrock", "x")),
]


def test_a_backend_that_signs_gets_its_signatures_back_and_no_other_ones() -> None:
    wants = Dialect(signatures=frozenset({"reasoning_details", "extra_content"}))
    message = built(chat(Message("assistant", SIGNED)), wants)["messages"][0]
    assert message["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "s", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "e", "index": 1},
    ]
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "Z29v"}}
    assert "extra_content" not in message["tool_calls"][1]


def test_a_backend_that_does_not_sign_is_shown_no_signature() -> None:
    message = built(chat(Message("assistant", SIGNED)))["messages"][0]
    assert message.keys() == {"role", "content", "tool_calls"}
    assert all(call.keys() == {"id", "type", "function"} for call in message["tool_calls"])


def test_metadata_and_the_tier_of_service_go_where_they_mean_something() -> None:
    asked = chat(metadata={"a": "b"}, service_tier="flex")
    body = built(asked, Dialect(metadata=True))
    assert (body["metadata"], body["service_tier"]) == ({"a": "b"}, "flex")
    out = build_chat(asked, "up", PLAIN)
    assert json.loads(out.body).keys() == {"model", "messages"}
    assert out.warnings == ("the backend does not take these: metadata, service_tier",)
    assert build_chat(chat(metadata={}, service_tier="auto"), "up", PLAIN).warnings == ()


def test_plain_messages_do_not_hide_metadata() -> None:
    plain = PlainMessages(b'[{"role":"user","content":"hi"}]')
    request = ChatRequest("m", plain, metadata={"a": "b"}, service_tier="priority")
    body = built(request, Dialect(metadata=True))
    assert (body["metadata"], body["service_tier"]) == ({"a": "b"}, "priority")
