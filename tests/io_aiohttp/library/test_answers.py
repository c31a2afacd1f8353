"""How an answer becomes a value."""

from __future__ import annotations

from typing import Any

from ollamux_aiohttp.library.answers import ModelInfo, response_of


def test_pieces_make_one_answer_with_its_thinking_and_calls() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    rows: list[dict[str, Any]] = [
        {"model": "m", "message": {"content": "", "thinking": "hm"}},
        {"model": "m", "message": {"content": "Hé"}},
        {"model": "m", "message": {"content": "llo", "tool_calls": [call]}},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "eval_count": 4},
    ]
    found = response_of(rows, "asked", "a", "vllm", 2.0)
    assert (found.content, found.thinking, found.tool_calls) == ("Héllo", "hm", (call,))
    assert (found.actual_tokens, found.tokens_per_second, found.response_time_ms) == (4, 2.0, 2000)
    assert (found.estimated_tokens, found.model, found.finish_reason) == (2, "m", "stop")
    assert found.raw_response["done"] is True


def test_what_nobody_told_is_none() -> None:
    found = response_of([{"message": {"content": "x"}}], "asked", "a", "vllm", 1.0)
    assert (found.actual_tokens, found.prompt_tokens, found.tokens_per_second, found.finish_reason) == (None,) * 4
    assert found.model == "asked"
    assert response_of([], "asked", "", "", 0.0).content == ""


def test_a_backends_own_clock_measures_its_speed() -> None:
    row = {"message": {"content": "x"}, "eval_count": 30, "eval_duration": 500_000_000}
    assert response_of([row], "m", "a", "ollama", 10.0).tokens_per_second == 60.0


def test_a_model_is_shown_by_its_name() -> None:
    assert str(ModelInfo(name="m", backend_id="a", backend_type="ollama")) == "m"
