"""What stands in the head of an answer, and what is read from a backend's.

Rules: which backend answered, and what was not carried to it, are told in headers; names are compared without case.
"""

from __future__ import annotations

from collections.abc import Sequence

from ollamux.contract import Head, HeaderPairs

__all__ = ("header", "stream_head", "warned")


def header(headers: Sequence[tuple[str, str]], name: str) -> str:
    """The first value under a name in lower case; empty where there is none."""
    for key, value in headers:
        if key == name or key.lower() == name:
            return value
    return ""


def warned(warnings: Sequence[str]) -> HeaderPairs:
    """The headers that tell what was lost."""
    return tuple([("X-Ollamux-Warning", text) for text in warnings])


def stream_head(kind: str, told: HeaderPairs) -> Head:
    """The head of a stream of this media type, with more headers."""
    headers: HeaderPairs = (("Content-Type", kind),)
    if kind.startswith("text/event-stream"):
        headers = (*headers, ("Cache-Control", "no-cache"))
    return Head(200, headers + told, now=True)
