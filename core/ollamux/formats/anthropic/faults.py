"""Errors as this format tells them, and what its words for them mean.

Rules: a type belongs to a status; what has none of its own is `api_error` from 500 on and `invalid_request_error`
below. Overload has the status 529 on this wire, and 503 everywhere else; a gateway that is not set up is not
overloaded, and keeps its 503.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ollamux.conversation import StreamFault
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.failures import LONGEST, named, too_long

__all__ = ("LONG_PROMPT", "OVERLOADED", "error_body", "error_event", "fault_of", "sentence", "status_of")

OVERLOADED = 529

_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    OVERLOADED: "overloaded_error",
}
_STATUSES: dict[str, tuple[int, str]] = {
    "invalid_request_error": (400, "bad_request"),
    "authentication_error": (502, "upstream_bad"),
    "permission_error": (502, "upstream_bad"),
    "billing_error": (402, "billing"),
    "not_found_error": (404, "not_found"),
    "request_too_large": (413, "too_large"),
    "rate_limit_error": (429, "rate_limit"),
    "timeout_error": (504, "timeout"),
    "overloaded_error": (503, "overloaded"),
}
"""What a word means to everybody else. A refusal of the gateway's own key is nothing that a client could mend."""

_NOT_SET_UP = "configuration_error"
_encode = msgspec.json.Encoder().encode
LONG_PROMPT = "prompt is too long"
"""The words by which clients of this format know that they have to shorten their history."""

_WITHHELD = "the backend refused the gateway's credentials"


def status_of(error: OllamuxError) -> int:
    """The HTTP status on this wire."""
    return OVERLOADED if error.status == 503 and error.kind != _NOT_SET_UP else error.status


def error_body(error: OllamuxError) -> bytes:
    """The JSON object that tells an error, with the number of the request where that is known."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    if error.kind == _NOT_SET_UP:
        kind = "api_error"
    message = named(error)
    if isinstance(error, BackendError):
        message = sentence(message)
    if too_long(error) and LONG_PROMPT not in message.lower():
        message = f"{LONG_PROMPT}: {message}"
    told: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": message}}
    if error.request_id:
        told["request_id"] = error.request_id
    return _encode(told)


def error_event(error: OllamuxError) -> bytes:
    """The event that ends a stream which broke."""
    return b"event: error\ndata: " + error_body(error) + b"\n\n"


def fault_of(error: object) -> StreamFault:
    """What a backend's error object, decoded, says."""
    told = cast(dict[str, Any], error) if isinstance(error, dict) else {}
    status, kind = _STATUSES.get(str(told.get("type")), (500, "upstream_bad"))
    if status == 502:
        return StreamFault(_WITHHELD, status, kind)
    message = told.get("message") or (error if isinstance(error, str) else None)
    text = message if isinstance(message, str) else "the backend reported an error"
    return StreamFault(text[:LONGEST], status, kind)


def sentence(text: str) -> str:
    """The sentence inside an error's JSON text, or the text itself where it holds none."""
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        found: Any = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text
    while isinstance(found, dict | list) and found:
        if isinstance(found, list):
            found = cast("list[object]", found)[0]
            continue
        members = cast(dict[str, Any], found)
        found = members.get("error") or members.get("message") or members.get("detail")
    return found if isinstance(found, str) else text
