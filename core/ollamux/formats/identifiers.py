"""Tool ids and tool names in a target's alphabet and length, and back again.

Strategy: what fits stays as it is; what does not becomes as much of itself as is readable and a hash of all of it, so
that the same id or name gets the same alias in every request. Nothing is kept between requests: whoever reads an answer
builds the mapping anew from the request that was answered.

Rules: two originals never share an alias, and no alias is an original that fits; a text that is no alias is given back
as it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

__all__ = ("Names",)

_UNREADABLE = re.compile(r"[^a-zA-Z0-9]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = _LETTERS + _LETTERS.upper() + "0123456789"
_DIGEST = 10
"""Signs of the hash, about 58 bits of it."""


class Names:
    """One mapping. `pattern` is what a whole id or name must match, `longest` how many characters it may have;
    `originals` are those of the request, known beforehand so that no alias meets one of them. `pattern` must take
    letters and digits that begin with a letter, `longest` of them."""

    __slots__ = ("_back", "_longest", "_out", "_pattern")

    def __init__(self, pattern: re.Pattern[str], longest: int, originals: Iterable[str] = ()) -> None:
        self._pattern = pattern
        self._longest = longest
        self._out: dict[str, str] = {}
        self._back: dict[str, str] = {}
        changed: list[str] = []
        for original in originals:
            if self._fits(original):
                self._out[original] = self._back[original] = original
            else:
                changed.append(original)
        for original in changed:
            self.out(original)

    def out(self, original: str) -> str:
        """The id or name as the target takes it."""
        alias = self._out.get(original)
        if alias is None:
            alias = original if self._fits(original) and original not in self._back else self._made(original)
            self._out[original] = alias
            self._back[alias] = original
        return alias

    def back(self, alias: str) -> str:
        """The id or name as the client knows it."""
        return self._back.get(alias, alias)

    def _fits(self, text: str) -> bool:
        return len(text) <= self._longest and self._pattern.fullmatch(text) is not None

    def _made(self, original: str) -> str:
        turn = 0
        while True:
            digest = _digest(f"{turn}:{original}" if turn else original, min(self._longest, _DIGEST))
            stem = _UNREADABLE.sub("_", original)[: max(0, self._longest - len(digest) - 1)].strip("_")
            alias = f"{stem}_{digest}"
            if not stem or not self._fits(alias):
                alias = digest if self._fits(digest) else _digest(digest, self._longest)
            if alias not in self._back:
                return alias
            turn += 1


def _digest(text: str, length: int) -> str:
    """Letters and digits, a letter first."""
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest(), "big")
    number, first = divmod(number, len(_LETTERS))
    signs = [_LETTERS[first]]
    while len(signs) < length:
        number, at = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[at])
    return "".join(signs)
