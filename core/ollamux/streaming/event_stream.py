"""Cuts AWS event streams (application/vnd.amazon.eventstream) into messages.

A message is binary: total length, length of its headers, CRC 32 of these eight bytes, headers, payload, CRC 32 of all
before it; numbers are big-endian. A header is a name, a type and a value.

Strategy: what has not been cut yet stands in one bytearray; a message is copied out of it once, when it is whole. Most
messages of a stream have one of a few sets of headers, so a set that was read before is found by its bytes.

Rules: the result does not depend on where the bytes were cut, so what is broken is kept in `fault`, behind the messages
in front of it, and nothing after it is read; both checksums are checked, the lengths only once theirs is right; nothing
here looks into a payload.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from ollamux.errors import BackendUnavailable

__all__ = (
    "HEADERS_LIMIT",
    "PAYLOAD_LIMIT",
    "CorruptStream",
    "EventMessage",
    "EventStreamDecoder",
    "HeaderValue",
)

HEADERS_LIMIT = 128 * 1024
"""Bytes that the headers of one message may have."""

PAYLOAD_LIMIT = 24 * 1024 * 1024
"""Bytes that the payload of one message may have."""

HeaderValue: TypeAlias = bool | int | bytes | str
"""A timestamp is its milliseconds since the epoch, a UUID its 16 bytes."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_LENGTH = struct.Struct(">H")
_AROUND = _PRELUDE.size + _CHECKSUM.size
_NUMBERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_NUMBERS[8] = _NUMBERS[5]
_BYTES, _TEXT, _UUID = 6, 7, 9
_KNOWN_LIMIT = 64


class CorruptStream(BackendUnavailable):
    """A backend sent what is no event stream, or one that was damaged on its way."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the backend sent a damaged event stream: {what}")


class EventMessage(NamedTuple):
    """One message: its headers by name, and its payload."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


class EventStreamDecoder:
    """Cuts a stream. `fault` is why it cannot be read any further."""

    __slots__ = ("_known", "_tail", "_total", "fault")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._total = 0
        self._known: dict[bytes, Mapping[str, HeaderValue]] = {}
        self.fault: CorruptStream | None = None

    @property
    def held(self) -> int:
        """Bytes that wait for the end of their message."""
        return len(self._tail)

    def feed(self, data: bytes) -> list[EventMessage]:
        """The messages that these bytes complete."""
        found: list[EventMessage] = []
        if self.fault is not None:
            return found
        tail = self._tail
        tail += data
        at = 0
        size = len(tail)
        try:
            while size - at >= _PRELUDE.size:
                if not self._total:
                    self._total = _measured(tail, at)
                end = at + self._total
                if end > size:
                    break
                found.append(self._message(bytes(memoryview(tail)[at:end])))
                self._total = 0
                at = end
        except CorruptStream as error:
            self.fault = error
            tail.clear()
            return found
        if at:
            del tail[:at]
        return found

    def _message(self, frame: bytes) -> EventMessage:
        body = len(frame) - _CHECKSUM.size
        if zlib.crc32(frame[:body]) != _CHECKSUM.unpack_from(frame, body)[0]:
            raise CorruptStream("the checksum of a message is wrong")
        headers_end = _PRELUDE.size + _CHECKSUM.unpack_from(frame, 4)[0]
        raw = frame[_PRELUDE.size : headers_end]
        headers = self._known.get(raw)
        if headers is None:
            headers = _headers(raw)
            if len(self._known) < _KNOWN_LIMIT:
                self._known[raw] = headers
        return EventMessage(headers, frame[headers_end:body])


def _measured(tail: bytearray, at: int) -> int:
    """The length of the message that begins here."""
    total, headers, checksum = _PRELUDE.unpack_from(tail, at)
    if zlib.crc32(tail[at : at + 8]) != checksum:
        raise CorruptStream("the checksum of a message's lengths is wrong")
    payload = total - headers - _AROUND
    if headers > HEADERS_LIMIT:
        raise CorruptStream(f"a message has more than {HEADERS_LIMIT} bytes of headers")
    if payload > PAYLOAD_LIMIT:
        raise CorruptStream(f"a message has more than {PAYLOAD_LIMIT} bytes")
    if payload < 0:
        raise CorruptStream("a message is shorter than its headers")
    return int(total)


def _headers(raw: bytes) -> dict[str, HeaderValue]:
    found: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(raw):
            end = at + 1 + raw[at]
            name = _slice(raw, at + 1, end).decode()
            if name in found:
                raise CorruptStream("a message has a header twice")
            found[name], at = _value(raw, end)
    except (IndexError, struct.error, UnicodeDecodeError):
        raise CorruptStream("the headers of a message cannot be read") from None
    return found


def _value(raw: bytes, at: int) -> tuple[HeaderValue, int]:
    """The value whose type stands here, and where it ends."""
    kind = raw[at]
    at += 1
    if kind in (_TEXT, _BYTES):
        begin = at + _LENGTH.size
        end = begin + _LENGTH.unpack_from(raw, at)[0]
        value = _slice(raw, begin, end)
        return (value.decode() if kind == _TEXT else value), end
    if kind <= 1:
        return kind == 0, at
    if kind == _UUID:
        return _slice(raw, at, at + 16), at + 16
    number = _NUMBERS.get(kind)
    if number is None:
        raise CorruptStream(f"a header has the unknown type {kind}")
    return number.unpack_from(raw, at)[0], at + number.size


def _slice(raw: bytes, begin: int, end: int) -> bytes:
    """These bytes. Raises IndexError where they are not all there."""
    if end > len(raw):
        raise IndexError
    return raw[begin:end]
