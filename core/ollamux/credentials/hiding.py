"""Credentials that a backend repeats in what it says, taken out of it.

Strategy: each is replaced by as many asterisks as it has bytes, so that what is told of a body's length stays true; of
what comes in pieces, the end that may be the beginning of one is held back until the next piece, or the end, is there.

Rules: what is shorter than `SHORTEST` is no credential that could be told from an ordinary word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ("SHORTEST", "Hiding")

SHORTEST = 8


class Hiding:
    """Takes these out of what comes whole (`whole`) or in pieces (`feed`, `close`)."""

    __slots__ = ("_held", "_pattern", "_secrets")

    def __init__(self, secrets: Iterable[bytes]) -> None:
        self._secrets = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._secrets)))
        self._held = b""

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def whole(self, text: bytes) -> bytes:
        """The text without them."""
        return self._pattern.sub(_covered, text) if self._secrets else text

    def feed(self, data: bytes) -> bytes:
        """As much as may go on now."""
        if not self._secrets:
            return data
        data = self._held + data
        made: list[bytes] = []
        at = 0
        for match in self._pattern.finditer(data):
            made.append(data[at : match.start()])
            at = match.start()
            if any(self._begins(data[at:], secret) for secret in self._secrets):
                break  # it may be a longer one
            made.append(_covered(match))
            at = match.end()
        else:
            first = max(at, len(data) - len(self._secrets[0]) + 1)
            places = range(first, len(data))
            end = next((n for n in places if any(self._begins(data[n:], one) for one in self._secrets)), len(data))
            made.append(data[at:end])
            at = end
        self._held = data[at:]
        return b"".join(made)

    def close(self) -> bytes:
        """What was held back, where nothing follows."""
        held, self._held = self._held, b""
        return self.whole(held)

    @staticmethod
    def _begins(text: bytes, secret: bytes) -> bool:
        return len(text) < len(secret) and secret.startswith(text)


def _covered(match: re.Match[bytes]) -> bytes:
    return b"*" * len(match[0])
