"""The limits of time of an exchange that calls a model."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import delta, driven


def timed(**timeouts: float) -> dict[str, Any]:
    return {"type": "vllm", "timeouts": {"first_byte": 0, "idle": 0, "total": 0, **timeouts}}


def test_before_the_answer_begins_the_first_bytes_limit_counts_from_the_dispatch() -> None:
    run = driven({"retry": {"attempts": 1}}, a=timed(first_byte=2))
    asked = run.chat()
    run.pass_time(1.9)
    assert not asked.over
    run.pass_time(0.2)
    assert asked.status == 504


def test_after_the_answer_began_each_byte_puts_the_limit_off() -> None:
    run = driven({"retry": {"attempts": 1}}, a=timed(first_byte=2, idle=3))
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("a"))
    for _ in range(3):
        run.pass_time(2.5)
        asked.called.data(delta("b"))
    assert not asked.over
    run.pass_time(3.5)
    assert asked.over


@pytest.mark.parametrize("stream", [False, True])
def test_the_timeout_of_a_backend_cuts_a_call_that_is_not_streamed_alone(stream: bool) -> None:
    run = driven({"retry": {"attempts": 1}}, a=timed(first_byte=100) | {"timeout": 4})
    asked = run.chat(stream=stream)
    asked.called.head(200)
    run.pass_time(5)
    assert asked.over is not stream
