"""The names of header fields, and the quick readers of ordinary messages where they are compiled.

Rules: a name is known once llhttp has let it pass; without the compiled readers nothing is quick and everything works.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from ollamux_aiohttp._heads import LastHead, PlainHeaders, behind, chunked, read_answer, read_post, sized
else:
    try:
        from ollamux_aiohttp._heads import LastHead, PlainHeaders, behind, chunked, read_answer, read_post, sized
    except ImportError:
        PlainHeaders = dict

        class LastHead:
            """Nothing is remembered."""

        def read_post(data: bytes, before: object = None) -> None:
            """Nothing is read quickly."""

        def read_answer(data: bytes, names: dict[bytes, str], last: LastHead) -> int:
            """Nothing is read quickly."""
            return -1

        def behind(data: bytes, size: int) -> bytes:
            """What follows the first `size` bytes."""
            return data[size:]

        def chunked(data: bytes, before: bytes = b"", behind: bytes = b"") -> bytes:
            """A piece of a body as a chunk of its own, between other bytes, in one piece."""
            return b"%b%x\r\n%b\r\n%b" % (before, len(data), data, behind)

        def sized(head: bytes, line: bytes, body: bytes) -> bytes:
            """A whole message: `head`, its Content-Length, `line`, the empty line and the body, in one piece."""
            return b"%bContent-Length: %d\r\n%b\r\n%b" % (head, len(body), line, body)


__all__ = ("LastHead", "Names", "PlainHeaders", "behind", "chunked", "read_answer", "read_post", "sized")

_REMEMBERED: Final = 512

cast(ABCMeta, Mapping).register(PlainHeaders)  # not its base: a class that Cython compiles has none in Python


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
