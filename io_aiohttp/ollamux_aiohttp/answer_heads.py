"""Heads of answers as bytes: encoded once where they come again, with a Date that is made once a second.

Rules: nothing in a header can end its line, whoever wrote it.
"""

from __future__ import annotations

from http import HTTPStatus
from math import floor

from aiohttp.helpers import rfc822_formatted_time

from ollamux.contract import HeaderPairs

__all__ = ("AnswerHeads", "has_length")


class AnswerHeads:
    """Those of one server."""

    __slots__ = ("_date", "_date_until", "_heads", "_told", "_told_head", "_told_status")

    def __init__(self) -> None:
        self._heads: dict[tuple[int, HeaderPairs], bytes] = {}
        self._told: HeaderPairs = ()  # what was encoded last: most answers of a backend have the very same headers
        self._told_status = 0
        self._told_head = b""
        self._date = b""
        self._date_until = 0.0

    def encoded(self, status: int, headers: HeaderPairs, now: float) -> bytes:
        """Status line and headers, a Date among them, without the line that ends them."""
        if headers is self._told and status == self._told_status and now < self._date_until:
            return self._told_head
        if now >= self._date_until:
            self._date = f"Date: {rfc822_formatted_time()}\r\n".encode()
            self._date_until = floor(now) + 1.0
        self._told, self._told_status = headers, status
        self._told_head = self._kept(status, headers) + self._date
        return self._told_head

    def _kept(self, status: int, headers: HeaderPairs) -> bytes:
        """Encoded, if that was not done before."""
        key = (status, headers)
        found = self._heads.get(key)
        if found is None:
            found = _encoded(status, headers)
            if len(self._heads) >= 512:  # the number of a request makes a head of its own; the usual ones come again
                self._heads.clear()
            self._heads[key] = found
        return found


_NO_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), 127), " ")
"""No value of a header may end its line, whoever wrote it."""


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _line(value: str) -> str:
    return value if value.isprintable() else value.translate(_NO_CONTROLS)


def _encoded(status: int, headers: HeaderPairs) -> bytes:
    phrase = _PHRASES.get(status, "")
    lines = "".join([f"{name}: {_line(value)}\r\n" for name, value in headers])
    return f"HTTP/1.1 {status} {phrase}\r\n{lines}".encode("utf-8", "surrogateescape")


def has_length(headers: HeaderPairs) -> bool:
    """Whether they tell how long the body is."""
    return any(name.lower() == "content-length" for name, _ in headers)
