"""Thought signatures, and those of other origins in their place.

A Gemini client gives back every `thoughtSignature` on the part that it came with and understands none. So the opaque
values of any backend can travel in that field, as base64, which the field holds: what is inside says whose they are.

Rules: Gemini's own go out and come back as they are; what does not open as one of ours is Gemini's; clients send
base64 in the alphabet for URLs too.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import msgspec

from ollamux.conversation import Opaque

__all__ = ("NAME", "SKIP", "Carried", "carry", "opened", "plain_base64")

NAME = "gemini"
"""This format's name, which tags its own signatures."""

SKIP = "skip_thought_signature_validator"
"""What stands for the signature of a call that another model made."""

_URL_SAFE = str.maketrans("-_", "+/")
_PREFIX = b"ollamux:"


class Carried(NamedTuple):
    """What a signature held: `redacted` where it is a whole block of thinking."""

    value: Opaque
    redacted: bool = False


_decode = msgspec.json.Decoder(tuple[str, str, str, bool]).decode


def carry(value: Opaque, *, redacted: bool = False) -> str:
    """The text of a `thoughtSignature`."""
    if value.format == NAME and not redacted:
        return value.value
    told = msgspec.json.encode((value.format, value.family, value.value, redacted))
    return base64.b64encode(_PREFIX + told).decode()


def opened(signature: str) -> Carried:
    """What a client gave back."""
    try:
        data = base64.b64decode(plain_base64(signature), validate=True)
        if data.startswith(_PREFIX):
            origin, family, value, redacted = _decode(data[len(_PREFIX) :])
            return Carried(Opaque(origin, value, family), redacted)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        pass
    return Carried(Opaque(NAME, signature))


def plain_base64(text: str) -> str:
    """Base64 in the common alphabet, padded, without line breaks."""
    if "-" in text or "_" in text:
        text = text.translate(_URL_SAFE)
    if "\n" in text or "\r" in text:
        text = text.replace("\n", "").replace("\r", "")
    short = len(text) % 4
    return text + "=" * (4 - short) if short else text
