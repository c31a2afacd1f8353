"""Errors as OpenAI writes them: `{"error": {"message", "type", "param", "code"}}`.

Strategy: the type follows from the status; where a backend sent an error object of its own, its words are kept, its
type and code too, since clients decide by them.

Rules: a backend's refusal of the gateway's own key never comes here with its text; what cannot be right by trying again
says so in a header.
"""

from __future__ import annotations

from math import ceil

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.failures import TOO_LONG, error_message, error_object, named, quota_spent, too_long

__all__ = ("error_body", "error_headers")

_encode = msgspec.json.Encoder().encode
_JSON = ("Content-Type", "application/json")
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: OllamuxError) -> bytes:
    """An error in OpenAI's form."""
    message, told = named(error), error_object(error)
    if isinstance(error, BackendError):
        message = _sentence(error)
    kind, code = told.get("type"), told.get("code")
    if too_long(error):
        kind, code = "invalid_request_error", TOO_LONG
    if error.kind == "configuration_error":
        kind = error.kind
    param = error.param or _word(told.get("param"))
    body = {
        "message": message,
        "type": _word(kind) or _TYPES.get(error.status, "api_error"),
        "param": param,
        "code": error.code or _word(code),
    }
    return _encode({"error": body})


def error_headers(error: OllamuxError) -> HeaderPairs:
    """The headers that go with it: when to come back, or that there is no use."""
    headers: list[tuple[str, str]] = [_JSON]
    if error.retry_after is not None:
        headers.append(("Retry-After", str(ceil(error.retry_after))))
    if quota_spent(error):
        headers.append(("x-should-retry", "false"))
    return tuple(headers)


def _sentence(error: BackendError) -> str:
    try:
        found = error_message(error.body or error.message)
    except RecursionError:
        return error.message
    return error.message if found == error.body else found


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
