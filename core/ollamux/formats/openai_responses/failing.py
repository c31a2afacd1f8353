"""Errors as OpenAI's Responses tell them: a body instead of an answer, and the error inside a response that failed.

Rules: a backend's own words are kept where it sent some, its type and code too, since clients decide by them; a
response that failed names one of the codes that the format has, by the kind of the error.
"""

from __future__ import annotations

import msgspec

from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.failures import TOO_LONG, error_message, error_object, named, too_long

__all__ = ("error_body", "response_error")

_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: OllamuxError) -> bytes:
    """The body of an error's status."""
    told = error_object(error)
    kind, code = told.get("type"), told.get("code")
    if too_long(error):
        kind, code = "invalid_request_error", TOO_LONG
    if error.kind == "configuration_error":
        kind = error.kind
    body = {
        "message": _message_of(error),
        "type": _word(kind) or _TYPES.get(error.status, "api_error"),
        "param": error.param or _word(told.get("param")),
        "code": error.code or _word(code),
    }
    return msgspec.json.encode({"error": body})


def response_error(error: OllamuxError) -> dict[str, str]:
    """The `error` of a response that failed."""
    code = "server_error"
    if too_long(error):
        code = TOO_LONG
    elif error.status == 429:
        code = "rate_limit_exceeded"
    elif 400 <= error.status < 500:
        code = "invalid_prompt"
    return {"code": code, "message": _message_of(error)}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _message_of(error: OllamuxError) -> str:
    """The error's text; of a backend's error, the sentence in its body."""
    if isinstance(error, BackendError) and error.body:
        told = error_message(error.body)
        return error.message if told == error.body else told
    return named(error)
