"""Heads of answers as bytes: each line encoded once where it comes again, with a Date that is made once a second.

Strategy: two answers seldom have all their headers in common and nearly always have each of them in common with others,
so it is lines that are kept. Whoever tells the same again with the very same pair is found by that.

Rule: lines are made by `head_lines` alone, so nothing in a header can end its line, whoever wrote it.
"""

from __future__ import annotations

from http import HTTPStatus
from math import floor

from aiohttp.helpers import rfc822_formatted_time

from ollamux.contract import HeaderPairs
from ollamux.head_lines import line_of

__all__ = ("AnswerHeads", "has_length")


_LINES = 1024


class AnswerHeads:
    """Those of one server."""

    __slots__ = ("_date", "_date_until", "_lines", "_told", "_told_head", "_told_status")

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], bytes] = {}
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
        head = [_OK if status == 200 else _status_line(status)]
        for pair in headers:
            line = self._lines.get(pair)
            head.append(self._line(pair) if line is None else line)
        head.append(self._date)
        self._told, self._told_status = headers, status
        self._told_head = b"".join(head)
        return self._told_head

    def _line(self, pair: tuple[str, str]) -> bytes:
        """The line of one header, kept: the number of a request comes once, most others come again."""
        line = line_of(pair[0], pair[1])
        if len(self._lines) >= _LINES:
            self._lines.clear()
        self._lines[pair] = line
        return line


_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode()


_OK = _status_line(200)
_LENGTH = len("content-length")


def has_length(headers: HeaderPairs) -> bool:
    """Whether they tell how long the body is."""
    for name, _ in headers:  # noqa: SIM110  # a generator costs more than all of this
        if len(name) == _LENGTH and name.lower() == "content-length":
            return True
    return False
