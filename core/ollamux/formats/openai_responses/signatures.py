"""Signatures and encrypted reasoning in the one place that this format has for them, `encrypted_content`.

Strategy: what this format made itself goes out and comes back as it is. What another one made is wrapped: a mark, then
base64 of a JSON list that says whose it is and what it was (a signature, redacted thinking, the signature of a call).
A client keeps it unread and sends it back in the history.

Rules: what carries the mark and cannot be read is dropped, never handed on; a backend is never sent the mark.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from ollamux.conversation import Opaque

__all__ = ("FORMAT", "MARK", "Carried", "carry", "uncarry")

FORMAT = "openai_responses"
MARK = "ollamux."
"""What begins the encrypted content that holds another format's value."""

_Kind: TypeAlias = Literal["signature", "redacted", "call"]
_decode = msgspec.json.Decoder(tuple[_Kind, str, str, str, str]).decode


class Carried(NamedTuple):
    """A value that came with an item. `call_id` names the call that a signature belongs to."""

    kind: _Kind
    value: Opaque
    call_id: str = ""


def carry(value: Opaque, kind: _Kind = "signature", call_id: str = "") -> str:
    """The text for `encrypted_content`."""
    if value.format == FORMAT and kind != "call":
        return value.value
    told = msgspec.json.encode((kind, value.format, value.family, value.value, call_id))
    return MARK + base64.b64encode(told).decode()


def uncarry(text: str) -> Carried | None:
    """What an `encrypted_content` holds; None where it is marked and yet cannot be read."""
    if not text.startswith(MARK):
        return Carried("signature", Opaque(FORMAT, text))
    try:
        kind, made_by, family, value, call_id = _decode(base64.b64decode(text[len(MARK) :], validate=True))
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    return Carried(kind, Opaque(made_by, value, family), call_id)
