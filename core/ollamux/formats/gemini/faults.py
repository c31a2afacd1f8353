"""What Google's servers say when they refuse: the message, the time to wait, whose fault it is.

Rules: an error is an object, or a list with that object in it; a key that is refused is the gateway's own affair,
though the status says that the request is bad.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import msgspec

from ollamux.conversation import StreamFault
from ollamux.errors import OllamuxError
from ollamux.formats.failures import LONGEST, TOO_LONG, backend_failure
from ollamux.formats.gemini.vocabulary import KINDS

__all__ = ("Told", "failure", "stream_fault", "told")

_DELAY = re.compile(r"[0-9]+(?:\.[0-9]+)?s")
_KEY_REFUSED = "API_KEY_INVALID"
_LONG = "exceeds the maximum number of tokens"


class Told(NamedTuple):
    """An error's message, its code (0 where it has none), seconds to wait, and whether a key was refused."""

    message: str
    code: int = 0
    wait: float | None = None
    key_refused: bool = False


def told(body: bytes) -> Told:
    """What an error's body says; an empty message where it says nothing."""
    try:
        found: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Told("")
    if isinstance(found, list):
        found = next(iter(_list(found)), None)
    error = _object(_object(found).get("error")) or _object(found)
    message, code = error.get("message"), error.get("code")
    if isinstance(_object(found).get("error"), str):
        message = found["error"]
    wait: float | None = None
    refused = error.get("status") == "UNAUTHENTICATED"
    details = error.get("details")
    for detail in map(_object, _list(details)):
        delay = detail.get("retryDelay")
        if isinstance(delay, str) and _DELAY.fullmatch(delay):
            wait = float(delay[:-1])
        refused = refused or detail.get("reason") == _KEY_REFUSED
    return Told(
        message if isinstance(message, str) else "",
        code if isinstance(code, int) and not isinstance(code, bool) else 0,
        wait,
        refused,
    )


def failure(status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
    """The error behind a status of 400 or more."""
    found = told(body)
    error = backend_failure(401 if found.key_refused else status, headers, body, found.message)
    if error.retry_after is None and not found.key_refused and status not in (401, 403):
        error.retry_after = found.wait
    if status == 400 and _LONG in found.message:
        error.code = TOO_LONG
    return error


def stream_fault(error: bytes) -> StreamFault:
    """The error (JSON text, with or without `error` around it) that came inside a stream."""
    found = told(error)
    if found.key_refused or found.code in (401, 403):
        return StreamFault("the backend refused the gateway's credentials", 502)
    status = found.code if 400 <= found.code <= 599 else 500
    detail = found.message or error.decode("utf-8", "replace")
    return StreamFault(detail[:LONGEST], status, KINDS.get(status, "upstream_bad"))


def _list(value: Any) -> list[Any]:
    found: list[Any] = []
    if isinstance(value, list):
        found += value  # pyright: ignore[reportUnknownArgumentType]
    return found


def _object(value: Any) -> dict[str, Any]:
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
