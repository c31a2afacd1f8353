"""Gemini's words: why a model stopped, which status an error has, how hard to think.

Rules: tables alone; a word that nobody knows counts as `stop` and is kept beside it; `tool_calls` is no word of
Gemini's but follows from a stop after calls.
"""

from __future__ import annotations

from ollamux.conversation import FinishReason

__all__ = ("BUDGETS", "EFFORTS", "FINISHES", "KINDS", "LEVELS", "STATUSES", "STOPPED", "UNREMARKABLE", "finish_reason")

FINISHES: dict[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "LANGUAGE": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "ESCALATION": "content_filter",
    "PUP_LIMITED_DISABLED": "content_filter",
    "CONTINUATION": "pause",
    "MALFORMED_FUNCTION_CALL": "malformed",
    "MALFORMED_RESPONSE": "malformed",
    "UNEXPECTED_TOOL_CALL": "malformed",
    "TOO_MANY_TOOL_CALLS": "malformed",
    "MISSING_THOUGHT_SIGNATURE": "malformed",
}
"""What the backend's word means."""

STOPPED: dict[FinishReason, str] = {
    "length": "MAX_TOKENS",
    "context_exceeded": "MAX_TOKENS",
    "content_filter": "SAFETY",
    "refusal": "SAFETY",
    "pause": "CONTINUATION",
    "malformed": "MALFORMED_RESPONSE",
}
"""What a client is told; STOP where nothing stands here."""

UNREMARKABLE = frozenset("end_turn function_call length max_tokens stop stop_sequence tool_calls tool_use STOP".split())
"""Words of backends that say no more than Google's own word for them does."""

STATUSES: dict[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
"""The word beside an HTTP status; INVALID_ARGUMENT for others below 500, INTERNAL for the rest."""

KINDS: dict[int, str] = {
    400: "bad_request",
    404: "not_found",
    408: "timeout",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
}
"""The sort of an error that came inside a stream, by its code."""

LEVELS: dict[str, str] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "XHIGH",
    "max": "XHIGH",
}
"""An effort as `thinkingLevel`."""

EFFORTS: dict[str, str] = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}
"""A `thinkingLevel` as an effort."""

BUDGETS: dict[str, int] = {
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 24576,
    "max": 24576,
}
"""An effort as `thinkingBudget`, for models that know no levels: as Google's own OpenAI endpoint counts it."""


def finish_reason(native: str, called: bool) -> FinishReason:
    """What the backend's word means, where a call was seen or none."""
    reason = FINISHES.get(native, "stop")
    return "tool_calls" if called and reason == "stop" else reason
