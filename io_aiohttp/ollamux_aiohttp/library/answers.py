"""The values that the library gives back, and how they are read from an answer.

Rules: what no backend told is None, never zero; an estimate is named as one; times are milliseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ("GenerationResponse", "ModelInfo", "response_of")

_BYTES_A_TOKEN = 4


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a backend. `size` is in bytes."""

    name: str
    backend_id: str
    backend_type: str
    capabilities: frozenset[str] = frozenset()
    context_length: int | None = None
    size: int | None = None
    loaded: bool = False

    def __str__(self) -> str:
        return self.name


class GenerationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, the same whichever backend gave it. `actual_tokens` are those that were written, `estimated_tokens`
    a guess at them from the text; `tokens_per_second` is by the backend's own clock where it has one, else by ours;
    `raw_response` is the answer's last object, in Ollama's form."""

    content: str
    model: str
    backend_type: str
    backend_id: str
    response_time_ms: int
    estimated_tokens: int
    actual_tokens: int | None = None
    tokens_per_second: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    thinking: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: str | None = None
    raw_response: dict[str, Any] = {}

    def __str__(self) -> str:
        return self.content


def response_of(
    rows: list[dict[str, Any]], model: str, backend_id: str, backend_type: str, seconds: float
) -> GenerationResponse:
    """What these objects of a chat, one for a whole answer and several for a stream, make together."""
    content: list[str] = []
    thinking: list[str] = []
    calls: list[dict[str, Any]] = []
    for row in rows:
        message: dict[str, Any] = row.get("message") or {}
        content.append(message.get("content") or "")
        thinking.append(message.get("thinking") or "")
        calls += message.get("tool_calls") or ()
    last = rows[-1] if rows else {}
    text = "".join(content)
    written = last.get("eval_count") or None
    took = (last.get("eval_duration") or 0) / 1e9 or seconds
    return GenerationResponse(
        content=text,
        model=str(last.get("model") or model),
        backend_type=backend_type,
        backend_id=backend_id,
        response_time_ms=round(seconds * 1000),
        estimated_tokens=-(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN),
        actual_tokens=written,
        tokens_per_second=round(written / took, 3) if written and took > 0 else None,
        prompt_tokens=last.get("prompt_eval_count"),
        completion_tokens=written,
        thinking="".join(thinking),
        tool_calls=tuple(calls),
        finish_reason=last.get("done_reason"),
        raw_response=last,
    )
