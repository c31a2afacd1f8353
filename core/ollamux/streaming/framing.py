"""Cuts a stream of bytes into events (SSE) or lines (NDJSON).

Strategy: the ordinary read brings whole events that end in LF, and is cut by `bytes.split` with no loop over bytes or
lines. CR and CRLF are turned into LF before anything is cut; a CR at the end of a read ends its line at once, and an
LF that the next read begins with is then its other half. An unfinished tail is kept in a bytearray, in which only
what is new is searched, so that a long event in many reads costs no more than its length.

Rules: the result does not depend on where the bytes were cut; what is kept never exceeds the limit; nothing here
looks into the data.
"""

from __future__ import annotations

from collections.abc import Iterator

from ollamux.errors import BackendUnavailable

__all__ = ("DEFAULT_LIMIT", "OTHER_FIELDS", "FrameTooLarge", "NdjsonDecoder", "SseBlocks", "SseDecoder", "frames")

DEFAULT_LIMIT = 8 * 1024 * 1024
"""Bytes that one event or one line may have."""

OTHER_FIELDS = (b"", b"event", b"id", b"retry")
"""What a line of an event may begin with beside `data`; before a comment stands nothing."""

_BOM = b"\xef\xbb\xbf"


class FrameTooLarge(BackendUnavailable):
    """A backend sent an event or a line above the limit (bytes)."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the backend sent an event of more than {limit} bytes")
        self.limit = limit


def frames(data: bytes, end: bytes) -> Iterator[bytes]:
    """As `data.split(end)`, one after the other, for who may need the first ones alone."""
    start = 0
    while (stop := data.find(end, start)) >= 0:
        yield data[start:stop]
        start = stop + len(end)
    yield data[start:]


class SseBlocks:
    """Server-sent events as they stand: blocks of lines that end in LF alone, without the blank line behind each, and
    without the byte order mark at the beginning."""

    __slots__ = ("_after_cr", "_limit", "_started", "_tail")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._tail = bytearray()
        self._started = False
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The blocks that these bytes complete; some may be empty. Raises FrameTooLarge."""
        if self._after_cr or 0x0D in data:
            data = self._with_line_feeds(data)
        tail = self._tail
        if not self._started:
            data = bytes(tail) + data
            tail.clear()
            if len(data) < 3 and _BOM.startswith(data):
                tail += data
                return []
            self._started = True
            data = data.removeprefix(_BOM)
        if tail:
            # The two LF may stand one at the end of what is kept and one at the beginning of what is new.
            searched = len(tail) - 1
            tail += data
            if tail.find(b"\n\n", searched) < 0:
                self._check(len(tail) - 1)
                return []
            data = bytes(tail)
            tail.clear()
        blocks = data.split(b"\n\n")
        rest = blocks.pop()
        if rest:
            tail += rest
            self._check(len(rest) - 1)
        if len(data) > self._limit:
            self._check(max(map(len, blocks), default=0))
        return blocks

    def alone(self, data: bytes) -> bool:
        """Whether these bytes, which begin with a field's name and end with a blank line, are one block of one line and
        nothing else."""
        if self._after_cr or self._tail or data.find(b"\n") != len(data) - 2 or 0x0D in data or len(data) > self._limit:
            return False
        self._started = True
        return True

    def close(self) -> list[bytes]:
        """The bytes have ended: the block that lacked its blank line, if there is one."""
        block = bytes(self._tail)
        self._tail.clear()
        return [block] if block else []

    def _check(self, size: int) -> None:
        if size > self._limit:
            self._tail.clear()
            raise FrameTooLarge(self._limit)

    def _with_line_feeds(self, data: bytes) -> bytes:
        if self._after_cr and data:
            self._after_cr = False
            data = data.removeprefix(b"\n")
        if data.endswith(b"\r"):
            self._after_cr = True
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class SseDecoder:
    """Server-sent events by the rules of the HTML standard: comments, `id` and `retry` are passed over, several `data`
    lines are joined by LF. Beyond the standard, a last event that lacks its blank line still counts, in `close`."""

    __slots__ = ("_blocks",)

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._blocks = SseBlocks(limit)

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """The events that these bytes complete: name (empty where none was given) and data. Raises FrameTooLarge."""
        if data.startswith(b"data: ") and data.endswith(b"\n\n") and self._blocks.alone(data):
            return [("", data[6:-2])]
        return _read_blocks(self._blocks.feed(data))

    def close(self) -> list[tuple[str, bytes]]:
        """The bytes have ended: the event that lacked its blank line, if there is one."""
        return _read_blocks(self._blocks.close())


class NdjsonDecoder:
    """Lines of JSON. Blank lines are passed over, a CR before the LF is no part of its line."""

    __slots__ = ("_limit", "_tail")

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._tail = bytearray()

    @property
    def held(self) -> int:
        """Bytes that wait for the end of their line."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete. Raises FrameTooLarge."""
        tail = self._tail
        if tail:
            tail += data
            if 0x0A not in data:
                self._check(len(tail))
                return []
            data = bytes(tail)
            tail.clear()
        lines = data.split(b"\n")
        rest = lines.pop()
        if rest:
            tail += rest
            self._check(len(rest))
        if len(data) > self._limit:
            self._check(max(map(len, lines), default=0))
        return [line for line in map(bytes.strip, lines) if line]

    def close(self) -> list[bytes]:
        """The bytes have ended: the line that lacked its LF, if there is one."""
        line = bytes(self._tail).strip()
        self._tail.clear()
        return [line] if line else []

    def _check(self, size: int) -> None:
        if size > self._limit:
            self._tail.clear()
            raise FrameTooLarge(self._limit)


def _read_blocks(blocks: list[bytes]) -> list[tuple[str, bytes]]:
    events: list[tuple[str, bytes]] = []
    for block in blocks:
        if block.startswith(b"data: ") and 0x0A not in block:
            events.append(("", block[6:]))
            continue
        name = b""
        parts: list[bytes] = []
        for line in block.split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                parts.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
        if parts:
            events.append((name.decode("utf-8", "replace"), b"\n".join(parts)))
    return events
