"""The names of header fields, and the quick readers of ordinary messages where they are compiled.

Rules: a name is known once llhttp has let it pass; without the compiled readers nothing is quick and everything works.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ollamux_aiohttp._heads import read_answer, read_post
else:
    try:
        from ollamux_aiohttp._heads import read_answer, read_post
    except ImportError:

        def read_post(data: bytes, names: dict[bytes, str]) -> None:
            """Nothing is read quickly."""

        read_answer = read_post

__all__ = ("Names", "read_answer", "read_post")

_REMEMBERED: Final = 512


class Names:
    """The names of fields that llhttp has let pass, with their spelling in lower case."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[bytes, str] = {}

    def lower(self, raw: bytes) -> str:
        """The name in lower case; it is known from here on."""
        found = self.known.get(raw)
        if found is None:
            found = raw.decode("utf-8", "surrogateescape").lower()
            if len(self.known) < _REMEMBERED:
                self.known[raw] = found
        return found
