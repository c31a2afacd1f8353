"""What stands in the head of an answer, and what is read from a backend's.

Rules: which backend answered, and what was not carried to it, are told in headers; names are compared without case. A
client's own words may stand in a warning, so nothing but printable ASCII goes out in one, and only so much of it. What
a backend tells beside its answer (limits, when to come again, the number of the request) goes on to the client.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ollamux.contract import Head, HeaderPairs

__all__ = (
    "LONGEST_ID",
    "REQUEST_ID",
    "header",
    "passed_on",
    "place",
    "place_told",
    "request_id",
    "stream_head",
    "warned",
)

_WARNING = "X-Ollamux-Warning"
_WARNINGS = 8
_LONGEST = 200
_UNSAFE = re.compile(r"[^\x20-\x7e]")
_USUAL = set(
    """access-control-allow-origin cache-control connection content-length content-type date keep-alive server
    set-cookie strict-transport-security transfer-encoding vary via x-content-type-options""".split()
)
_PASSED = set(
    """apim-request-id request-id retry-after retry-after-ms x-amzn-requestid x-ms-request-id x-request-id""".split()
)
_LIMITS = ("x-ratelimit-", "anthropic-ratelimit-")
_OWN_FORMAT = ("x-ratelimit-", "anthropic-ratelimit-", "openai-", "x-should-retry")


REQUEST_ID = "X-Request-ID"
LONGEST_ID = 200
"""Characters of a name that a client has for its request."""


def request_id(told: str) -> str:
    """The name of a request as its client told it, fit to be told to others."""
    return _UNSAFE.sub("?", told[:LONGEST_ID])


def header(headers: Sequence[tuple[str, str]], name: str) -> str:
    """The first value under a name in lower case; empty where there is none."""
    for key, value in headers:
        if key == name or key.lower() == name:
            return value
    return ""


def warned(warnings: Sequence[str]) -> HeaderPairs:
    """The headers that tell what was lost."""
    if not warnings:
        return ()
    told = [(_WARNING, _printable(text)) for text in warnings[:_WARNINGS]]
    if len(warnings) > _WARNINGS:
        told[-1] = (_WARNING, f"and {len(warnings) - _WARNINGS + 1} more warnings")
    return tuple(told)


def _printable(text: str) -> str:
    text = _UNSAFE.sub("?", text[: _LONGEST + 1])
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def passed_on(headers: Sequence[tuple[str, str]], same_format: bool) -> HeaderPairs:
    """What a client gets of a backend's headers beside the media type. `same_format`: it speaks the backend's format,
    whose own headers mean something to it."""
    found: list[tuple[str, str]] | None = None
    for name, value in headers:
        if name in _USUAL:
            continue
        lower = name.lower()
        if lower in _PASSED or lower.startswith(_OWN_FORMAT if same_format else _LIMITS):
            value = _UNSAFE.sub("?", value)
            if found is None:
                found = [(lower, value)]
            else:
                found.append((lower, value))
    return tuple(found) if found is not None else ()


def place(position: int, seconds: float | None) -> HeaderPairs:
    """The headers that tell who waits his place in the queue (1 is the next one, 0 who is being called), and the
    milliseconds until his turn where they can be foreseen."""
    told: HeaderPairs = (("X-Queue-Position", str(position)),)
    return told if seconds is None else (*told, ("X-Queue-Wait-Ms", str(round(seconds * 1000))))


def place_told(sign: bytes, position: int, seconds: float | None) -> bytes:
    """The same as a comment, for streams whose sign of life is one, too; nothing for others: not every client of an
    event stream reads past comments."""
    if not sign.startswith(b":"):
        return b""
    about = "" if seconds is None else f", about {seconds:.0f} s"
    return f": place {position} in the queue{about}\n\n".encode()


def stream_head(kind: str, told: HeaderPairs, lines: bytes = b"") -> Head:
    """The head of a stream of this media type, with more headers, and lines of them."""
    headers: HeaderPairs = (("Content-Type", kind),)
    if kind.startswith("text/event-stream"):
        headers = (*headers, ("Cache-Control", "no-cache"))
    return Head(200, headers + told, True, lines)
