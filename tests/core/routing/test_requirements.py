"""What a request needs."""

from __future__ import annotations

import msgspec
import pytest

from ollamux.accounting.estimate import estimate
from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    Bytes,
    CompletionRequest,
    EmbedRequest,
    Image,
    JsonFormat,
    Message,
    Part,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.routing.requirements import Requirements, requirements_of

CHAT = frozenset({"completion"})
PICTURE = Image(Bytes("aGk=", "image/png"))


def said(*parts: Part) -> Message:
    return Message("user", list(parts))


def needs_of(request: ChatRequest | CompletionRequest | EmbedRequest, **more: object) -> Requirements:
    operation = {ChatRequest: "chat", CompletionRequest: "completion", EmbedRequest: "embed"}[type(request)]
    return requirements_of(request, operation, CHAT, estimate, **more)  # type: ignore[arg-type]


def test_a_chat_says_what_it_asks_for() -> None:
    request = ChatRequest(
        "m",
        [said(Text("hi"))],
        tools=(Tool("a"), Tool("b")),
        sampling=Sampling(max_tokens=99),
        output=JsonFormat(),
        logprobs=True,
    )
    found = needs_of(request, region="eu-central-1")
    assert (found.operation, found.tools, found.output_tokens, found.region) == ("chat", 2, 99, "eu-central-1")
    assert found.structured and found.logprobs and not found.truncates
    assert found.prompt_tokens == found.context_tokens == estimate(request)


def test_a_chat_that_says_nothing_asks_for_nothing() -> None:
    found = needs_of(ChatRequest("m", []))
    assert found.needs == CHAT and found.output_tokens is None and not found.structured and not found.logprobs
    assert found.texts == () and found.workload.kind == "plain"


@pytest.mark.parametrize("tokens", [-1, -2, 0])
def test_no_limit_is_no_length_of_an_answer(tokens: int) -> None:
    assert needs_of(ChatRequest("m", [], sampling=Sampling(max_tokens=tokens))).output_tokens is None


def test_pictures_and_sounds_of_any_turn_are_needs() -> None:
    earlier = needs_of(ChatRequest("m", [said(PICTURE), said(Text("write a poem about it"))]))
    assert earlier.needs == CHAT | {"vision"} and earlier.images == 0 and earlier.workload.kind == "creative"
    shown = needs_of(ChatRequest("m", [Message("tool", [ToolResult("1", [PICTURE])])]))
    assert shown.needs == CHAT | {"vision"}
    heard = needs_of(ChatRequest("m", [said(Audio(Bytes("aGk=", "audio/wav")), Text("and?"))]))
    assert heard.needs == CHAT | {"audio"} and heard.workload.kind == "audio"


def test_the_work_is_what_the_client_said_last_not_what_a_tool_answered() -> None:
    messages = [
        said(Text("write a sonnet")),
        Message("assistant", [ToolCall("1", "run", "{}")]),
        Message("tool", [ToolResult("1", [Text("def f(): return 1")])]),
        said(ToolResult("2", [Text("import os")])),
    ]
    found = needs_of(ChatRequest("m", messages))
    assert found.texts == ("write a sonnet",) and found.workload.kind == "creative"


def test_the_kind_of_work_is_told_once() -> None:
    found = needs_of(ChatRequest("m", [said(Text("write a sonnet"))]))
    assert found.told is None
    assert found.workload is found.workload is found.told


def test_what_the_client_says_of_its_work_goes_before_its_words() -> None:
    request = ChatRequest("m", [said(Text("write a sonnet"))])
    assert needs_of(request, media="code").workload.kind == "code"
    quick = needs_of(ChatRequest("m", [said(Text("that one"))]), latency_critical=True)
    assert quick.workload.kind == "realtime"


def test_a_completion_with_a_gap_in_it_is_code() -> None:
    assert needs_of(CompletionRequest("m", "total = ", suffix="\nprint(total)")).workload.kind == "code"
    assert needs_of(CompletionRequest("m", "once upon a time", suffix="x"), media="text").media == "text"
    assert needs_of(CompletionRequest("m", "write a haiku")).workload.kind == "creative"


def test_of_texts_to_embed_the_longest_has_to_fit() -> None:
    found = needs_of(EmbedRequest("m", ["a" * 40, "b" * 400, "c"], truncate=True))
    assert (found.prompt_tokens, found.context_tokens) == (111, 100)
    assert found.truncates and found.workload.kind == "plain"
    assert needs_of(EmbedRequest("m", [])).context_tokens == 1


def test_what_the_client_or_its_format_cuts_is_not_refused() -> None:
    assert needs_of(ChatRequest("m", []), truncates=True).truncates
    assert needs_of(ChatRequest("m", [], truncate=True)).truncates
    assert not needs_of(ChatRequest("m", [], truncate=False)).truncates


def test_requirements_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        needs_of(ChatRequest("m", [])).tools = 3  # type: ignore[misc]
    assert msgspec.structs.fields(Requirements)
