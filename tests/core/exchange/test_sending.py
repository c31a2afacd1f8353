"""How a call goes out to the backend that was chosen, and how what comes back is read."""

from __future__ import annotations

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
