"""Several candidates of one answer, from backends that answer with one at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import Asked, driven
from tests.support.scripted import sse

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    Start,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import RenderContext
from ollamux.formats.gemini.candidates import CandidatesRenderer, candidates_in, candidates_of
from ollamux.formats.gemini.fields import root
from ollamux.formats.gemini.framing import Frames


def renderer(count: int = 2, *, events: bool = True) -> CandidatesRenderer:
    return CandidatesRenderer(RenderContext("m", Clock(), 1.0), Frames(events=events), count)


def told(stream: bytes) -> list[Any]:
    return [json.loads(event.removeprefix(b"data: ")) for event in stream.split(b"\n\n") if event]


def asked(count: Any, *, stream: bool = False, seed: int | None = None) -> Asked:
    """A request for candidates that a chat backend gets."""
    run = driven(
        {"backends": [{"id": "a", "type": "vllm", "endpoint": "http://a:1"}], "models": {"m": {"backend": "a"}}},
        learn=False,
    )
    config = {"candidateCount": count} | ({} if seed is None else {"seed": seed})
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], "generationConfig": config}
    return run.ask("POST", f"/v1beta/models/m:{method}", body)


def whole(text: str, finish: str = "stop") -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": f"x-{text}",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }


def test_candidates_are_called_for_one_after_the_other_and_told_as_one_answer() -> None:
    found = asked(3, seed=7)
    for place, text in enumerate(("one", "two", "three")):
        assert found.calls[place].json["seed"] == 7 + place
        found.calls[place].answer(200, whole(text, "length" if text == "two" else "stop"))
    answer = json.loads(found.body)
    assert [candidate["content"]["parts"] for candidate in answer["candidates"]] == [
        [{"text": "one"}],
        [{"text": "two"}],
        [{"text": "three"}],
    ]
    assert [candidate["index"] for candidate in answer["candidates"]] == [0, 1, 2]
    assert [candidate["finishReason"] for candidate in answer["candidates"]] == ["STOP", "MAX_TOKENS", "STOP"]
    assert answer["usageMetadata"] == {"promptTokenCount": 9, "candidatesTokenCount": 6, "totalTokenCount": 15}
    assert answer["responseId"] == "x-one"


def test_candidates_are_streamed_one_after_the_other_with_their_numbers() -> None:
    found = asked(2, stream=True)
    spent = b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'
    for place, text in enumerate(("one", "two")):
        pieces = [sse(text, role="assistant"), sse(" more"), sse(" and more"), sse(finish="stop"), spent]
        found.calls[place].stream(*pieces, b"data: [DONE]\n\n")
    chunks = told(found.body)
    texts = ["", ""]
    for piece in chunks:
        (candidate,) = piece["candidates"]
        texts[candidate["index"]] += candidate["content"]["parts"][0]["text"]
    assert texts == ["one more and more", "two more and more"]
    assert [piece["candidates"][0]["index"] for piece in chunks if "finishReason" in piece["candidates"][0]] == [0, 1]
    assert [piece["usageMetadata"]["totalTokenCount"] for piece in chunks if "usageMetadata" in piece] == [10]
    assert {piece["responseId"] for piece in chunks} == {"x"}


def test_a_candidate_that_fails_fails_the_whole() -> None:
    found = asked(2)
    found.calls[0].answer(200, whole("one"))
    found.calls[1].answer(400, {"error": {"message": "no more"}})
    assert found.status == 400 and json.loads(found.body)["error"]["message"] == "no more"


def test_a_stream_without_events_stays_one_array() -> None:
    one = renderer(events=False)
    out = b""
    for text in ("a", "b"):
        out += one.events([Start(id="i"), TextDelta(text), Finish("stop")], 1.0) + one.end(1.0)
    assert [piece["candidates"][0]["index"] for piece in json.loads(out)] == [0, 0, 1, 1]


def test_calls_belong_to_their_candidate() -> None:
    one = renderer()
    out = one.events([Start(), TextDelta("a"), Finish("stop")], 1.0) + one.end(1.0)
    call: list[Event] = [ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a":1}')]
    out += one.events([Start(), *call, UsageUpdate(Usage(1, output_text=1)), Finish("tool_calls")], 1.0) + one.end(1.0)
    candidate = told(out)[-1]["candidates"][0]
    assert candidate["index"] == 1 and candidate["content"]["parts"][0]["functionCall"]["args"] == {"a": 1}


def test_what_one_candidate_did_not_tell_stays_untold_in_the_sum() -> None:
    answers = (Answer([Text("a")], "stop"), Answer([Text("b")], "stop", Usage(2, output_text=4)))
    assert json.loads(renderer().whole_of(answers, 1.0))["usageMetadata"]["totalTokenCount"] == 6


@pytest.mark.parametrize("count", [-1, 9, "many", 1.5])
def test_a_count_that_cannot_be_is_refused_and_passed_on_as_it_is(count: Any) -> None:
    body = root(json.dumps({"generationConfig": {"candidateCount": count}}).encode())
    with pytest.raises(InvalidRequest, match="candidateCount"):
        candidates_of(body.fields("generationConfig"))
    assert candidates_in(body) == 1
    assert asked(count).status == 400


@pytest.mark.parametrize("config", [{}, {"generationConfig": {}}, {"generationConfig": {"candidateCount": 1}}])
def test_one_candidate_is_the_usual(config: dict[str, Any]) -> None:
    body = root(json.dumps(config).encode())
    assert candidates_of(body.fields("generationConfig")) == candidates_in(body) == 1
