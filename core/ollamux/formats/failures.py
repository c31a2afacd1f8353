"""How a backend's failure becomes one of our errors, whatever the format: statuses, retry hints, unreadable answers.

Rules: a backend's 401 and 403 speak of the gateway's own credentials, so their text stays here and the client sees a
502; every text is bounded; nothing of a request's headers is ever looked at, so no secret can be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from ollamux.errors import BackendError, BackendUnavailable, OllamuxError

__all__ = ("LONGEST", "backend_failure", "retry_after", "unreadable")

LONGEST = 16384
"""Characters of a backend's error text that are kept."""

_EXCERPT = 120
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after`; a date counts from the answer's own Date header."""
    try:
        millis = headers.get("retry-after-ms")
        if millis:
            return max(0.0, float(millis) / 1000.0)
        value = headers.get("retry-after")
        if not value:
            return None
        if value[0].isdigit():
            return float(value)
        return max(0.0, (_date(value) - _date(headers.get("date", ""))) / timedelta(seconds=1))
    except (TypeError, ValueError):
        return None


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


def unreadable(body: bytes, what: str = "an answer") -> BackendUnavailable:
    """The error for an answer that is none: empty, HTML, cut, something else."""
    text = " ".join(body[: _EXCERPT * 4].decode("utf-8", "replace").split())
    if not text:
        return BackendUnavailable(f"the backend sent nothing instead of {what}")
    if len(text) > _EXCERPT:
        text = text[:_EXCERPT] + "..."
    kind = "HTML" if text[:1] == "<" else "something unreadable"
    return BackendUnavailable(f"the backend sent {kind} instead of {what}: {text}")
