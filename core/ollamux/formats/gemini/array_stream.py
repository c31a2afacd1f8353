"""Cuts a JSON array that comes piece by piece into its elements, as Gemini streams without `alt=sse`.

Strategy: a regular expression finds quotes, backslashes and braces, and their state goes on from read to read; what is
kept is the element that is under way.

Rules: elements are objects, whatever stands between them is passed over; what is kept never exceeds the limit.
"""

from __future__ import annotations

import re

from ollamux.streaming.framing import DEFAULT_LIMIT, FrameTooLarge

__all__ = ("ArrayDecoder",)

_SIGNS = re.compile(rb'["\\{}]')


class ArrayDecoder:
    """Feed it bytes, get elements."""

    __slots__ = ("_depth", "_element", "_limit", "_quoted", "_skip")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._element = bytearray()
        self._depth = 0
        self._quoted = False
        self._skip = -1

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that these bytes complete. Raises FrameTooLarge."""
        found: list[bytes] = []
        start = 0
        for match in _SIGNS.finditer(data):
            at = match.start()
            sign = match.group()
            if at == self._skip:
                continue  # a backslash stands in front of it
            if self._quoted:
                if sign == b'"':
                    self._quoted = False
                elif sign == b"\\":
                    self._skip = at + 1
            elif sign == b'"':
                self._quoted = True
            elif sign == b"{":
                if self._depth == 0:
                    start = at
                self._depth += 1
            elif sign == b"}" and self._depth:
                self._depth -= 1
                if self._depth == 0:
                    found.append(bytes(self._element) + data[start : at + 1])
                    self._element.clear()
                    start = at + 1
        self._skip = 0 if self._skip == len(data) else -1
        if self._depth:
            self._element += data[start:]
            if len(self._element) > self._limit:
                self._element.clear()
                raise FrameTooLarge(self._limit)
        return found
