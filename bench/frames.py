"""Messages of a binary event stream, as a Bedrock backend sends them.

Rules: a prelude of two lengths and their checksum, headers of type text, the payload, the checksum of all of it.
"""

from __future__ import annotations

import json
import struct
from binascii import crc32

__all__ = ("frame",)


def frame(kind: str, value: object) -> bytes:
    """One event of this kind."""
    told = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    headers = b"".join([
        struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(text)) + text.encode()
        for name, text in told
    ])  # fmt: skip
    payload = json.dumps(value, separators=(",", ":")).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", crc32(whole))
