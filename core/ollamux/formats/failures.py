"""How a backend's failure becomes one of our errors, whatever the format: statuses, retry hints, unreadable answers.

Rules: a backend's 401 and 403 speak of the gateway's own credentials, so their text stays here and the client sees a
502; every text is bounded; nothing of a request's headers is ever looked at, so no secret can be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from ollamux.errors import BackendError, BackendUnavailable, ModelNotFound, OllamuxError

__all__ = (
    "LONGEST",
    "TOO_LONG",
    "backend_failure",
    "error_message",
    "error_object",
    "is_object",
    "named",
    "quota_spent",
    "retry_after",
    "too_long",
    "unreadable",
)

LONGEST = 16384
"""Characters of a backend's error text that are kept."""

TOO_LONG = "context_length_exceeded"
"""The code of an error that says so, by which clients know that they have to shorten their history."""

_EXCERPT = 120
_LONGEST_WAIT = 30 * 86400.0
_QUOTA = "insufficient_quota"
_TOO_LONG = (TOO_LONG, "exceed_context_size_error")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, a month at most, from `retry-after-ms` or `retry-after`; a date counts from the Date header."""
    try:
        millis = headers.get("retry-after-ms")
        value = headers.get("retry-after")
        if millis:
            seconds = float(millis) / 1000.0
        elif not value:
            return None
        elif value[0].isdigit():
            seconds = float(value)
        else:
            seconds = (_date(value) - _date(headers.get("date", ""))) / timedelta(seconds=1)
    except (OverflowError, TypeError, ValueError):
        return None
    return None if math.isnan(seconds) else min(max(0.0, seconds), _LONGEST_WAIT)


def _date(text: str) -> datetime:
    """An HTTP date: `Sat, 21 Nov 2026 10:00:30 GMT`. Raises ValueError for another form."""
    _, day, month, year, clock, _ = text.split()
    hour, minute, second = clock.split(":")
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))


def backend_failure(status: int, headers: Mapping[str, str], body: bytes, message: str = "") -> OllamuxError:
    """The error for a status of 400 or more. `message` is the text found in the body, if its format has one."""
    if status in (401, 403):
        return BackendError(f"the backend refused the gateway's credentials (status {status})", status=502)
    text = body[: LONGEST * 4].decode("utf-8", "replace")[:LONGEST]
    told = message[:LONGEST] or text.strip()[:_EXCERPT] or f"the backend answered with status {status}"
    return BackendError(told, status=status, body=text, retry_after=retry_after(headers))


def error_message(detail: str) -> str:
    """The sentence inside a server's error object (JSON text), or the text itself where it holds none."""
    try:
        error: Any = msgspec.json.decode(detail)
    except (ValueError, RecursionError):
        return detail
    while isinstance(error, dict):
        found = cast(dict[str, Any], error)
        error = found.get("error") or found.get("message") or found.get("detail")
    return error if isinstance(error, str) else detail


def error_object(error: OllamuxError) -> dict[str, Any]:
    """The error object that a backend sent, without what is around it; empty where it sent none."""
    if not isinstance(error, BackendError) or error.body.lstrip()[:1] not in ("{", "["):
        return {}
    try:
        found: Any = msgspec.json.decode(error.body)
    except (ValueError, RecursionError):
        return {}
    while isinstance(found, dict):
        members = cast(dict[str, Any], found)
        if not isinstance(members.get("error"), dict):
            return members
        found = members["error"]
    return {}


def is_object(body: bytes) -> bool:
    """Whether a body is a JSON object that a client can read: whole, and no deeper than decoders go."""
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (ValueError, RecursionError):
        return False


def named(error: OllamuxError) -> str:
    """An error's text; where nobody has the model, with the names of some that there are."""
    near = error.near if isinstance(error, ModelNotFound) else ()
    return f"{error.message}; there are: {', '.join(near)}" if near else error.message


def quota_spent(error: OllamuxError) -> bool:
    """Whether a backend limits us because nothing is left to spend: to try again is of no use."""
    return error.status == 429 and _QUOTA in error_object(error).values()


def too_long(error: OllamuxError) -> bool:
    """Whether the prompt did not fit into the model's window."""
    told = error_object(error)
    return error.code == TOO_LONG or told.get("type") in _TOO_LONG or told.get("code") in _TOO_LONG


def unreadable(body: bytes, what: str = "an answer") -> BackendUnavailable:
    """The error for an answer that is none: empty, HTML, cut, something else."""
    text = " ".join(body[: _EXCERPT * 4].decode("utf-8", "replace").split())
    if not text:
        return BackendUnavailable(f"the backend sent nothing instead of {what}")
    if len(text) > _EXCERPT:
        text = text[:_EXCERPT] + "..."
    kind = "HTML" if text[:1] == "<" else "something unreadable"
    return BackendUnavailable(f"the backend sent {kind} instead of {what}: {text}")
