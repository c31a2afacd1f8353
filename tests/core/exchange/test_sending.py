"""How a call goes out to the backend that was chosen, and how what comes back is read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven, line

CHAT = "/v1/chat/completions"


def whole(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    return {"model": "m", "message": message, "done": True, "done_reason": "stop"}


def asked_for(run: Driven, **fields: Any) -> Asked:
    return run.ask("POST", CHAT, {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields})


@pytest.mark.parametrize("left", [False, True])
def test_each_part_is_a_call_that_uses_a_model_and_none_uses_it_when_all_is_over(left: bool) -> None:
    run = driven(o="ollama")
    keeping = run.gateway.backend("o").keeping
    assert keeping is not None
    asked = asked_for(run, n=2)
    assert keeping.use("o", "m").running == 1
    asked.called.answer(200, whole("a"))
    assert keeping.use("o", "m").running == 1
    if left:
        asked.leave()
    else:
        asked.called.answer(200, whole("b"))
    assert keeping.use("o", "m").running == 0


def test_a_part_is_not_read_while_the_client_does_not_read() -> None:
    run = driven(o="ollama")
    asked = asked_for(run, n=2, stream=True)
    asked.pause()
    asked.called.stream(line("a"), line("", done=True), kind="application/x-ndjson")
    run.pass_time(600)
    assert not asked.over and len(asked.calls) == 2
    asked.resume()
    asked.called.stream(line("b"), line("", done=True), kind="application/x-ndjson")
    assert asked.over and run.running == 0 and asked.body.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("choices", [1, 2])
@pytest.mark.parametrize(
    ("word", "counted"),
    [("stop", {}), ("length", {}), ("eos_found", {("ollama", "eos_found")}), (None, {("ollama", "")})],
)
def test_why_a_model_stopped_is_counted_where_nobody_knows_the_word(
    word: str | None, counted: Any, choices: int, stream: bool
) -> None:
    run = driven(o="ollama")
    asked = asked_for(run, n=choices, stream=stream)
    end = {**whole("a"), "done_reason": word}
    for _ in range(choices):
        if stream:
            asked.called.stream(line("a"), json.dumps(end).encode() + b"\n", kind="application/x-ndjson")
        else:
            asked.called.answer(200, end)
    assert asked.over and asked.status == 200
    assert run.gateway.ledger.finishes == dict.fromkeys(counted, choices)


@pytest.mark.parametrize("stream", [False, True])
def test_why_a_model_stopped_is_not_looked_at_where_the_answer_passes_through(stream: bool) -> None:
    run = driven(o="ollama")
    asked = run.ask("POST", "/api/chat", {"model": "m", "messages": [], "stream": stream})
    asked.called.answer(200, {**whole("a"), "done_reason": "eos_found"}, kind="application/x-ndjson")
    assert b"eos_found" in asked.body and run.gateway.ledger.finishes == {}
