"""AWS event streams as a server writes them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

__all__ = ("event", "exception", "failed", "frame", "frame_of", "header")


def header(name: str, value: bool | int | bytes | str) -> bytes:
    """One header: a truth, bytes or a text."""
    encoded = name.encode()
    start = bytes([len(encoded)]) + encoded
    if isinstance(value, bool):
        return start + (b"\x00" if value else b"\x01")
    if isinstance(value, int):
        return start + b"\x04" + struct.pack(">i", value)
    data = value.encode() if isinstance(value, str) else value
    return start + (b"\x07" if isinstance(value, str) else b"\x06") + struct.pack(">H", len(data)) + data


def frame_of(headers: bytes, payload: bytes) -> bytes:
    """A message with these bytes as headers."""
    start = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    start += struct.pack(">I", zlib.crc32(start)) + headers + payload
    return start + struct.pack(">I", zlib.crc32(start))


def frame(headers: Mapping[str, bool | int | bytes | str], payload: bytes) -> bytes:
    """A message."""
    return frame_of(b"".join(header(name, value) for name, value in headers.items()), payload)


def _told(kind: str, name: str, payload: Mapping[str, Any]) -> bytes:
    headers = {f":{kind}-type": name, ":content-type": "application/json", ":message-type": kind}
    return frame(headers, json.dumps(payload, ensure_ascii=False).encode())


def event(name: str, **payload: Any) -> bytes:
    """An event with a JSON object in it."""
    return _told("event", name, payload)


def exception(name: str, **payload: Any) -> bytes:
    """An exception that the service knows by name."""
    return _told("exception", name, payload)


def failed(code: str, message: str) -> bytes:
    """An error that it does not."""
    return frame({":message-type": "error", ":error-code": code, ":error-message": message}, b"")
