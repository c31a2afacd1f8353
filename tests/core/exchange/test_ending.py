"""How an exchange ends: once, in the client's words, with everything given back."""

from __future__ import annotations

import pytest
from tests.support.driving import driven

ASKING = {"model": "absent", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("length", "status"), [(200, 404), (500, 400)])
def test_an_error_names_the_request_that_it_ends_as_far_as_a_name_goes(length: int, status: int) -> None:
    run = driven(a="vllm")
    run.learn(a="m")
    asked = run.ask("POST", "/v1/messages", ASKING, {"x-request-id": "r" * length})
    assert (asked.status, asked.json["request_id"]) == (status, "r" * min(length, 200))


@pytest.mark.parametrize("late", ["data", "end", "fail"])
def test_what_is_reported_after_the_end_changes_nothing(late: str) -> None:
    run = driven(a="vllm")
    asked = run.chat(stream=False)
    called = asked.called
    called.answer(400, {"error": {"message": "no"}})
    said, status = asked.body, asked.status
    assert asked.over and run.running == 0
    if late == "data":
        called.data(b"more")
    elif late == "end":
        called.end()
    else:
        called.fail()
    assert (asked.body, asked.status, run.running) == (said, status, 0)
