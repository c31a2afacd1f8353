"""How the opaque values of every backend travel through a client that keeps nothing but thinking blocks.

Strategy: what this format made goes out as it is. What another format made goes out behind a prefix that names its
maker and the family of its model, and comes back as the value that it was. A thought that has no signature gets one all
the same, since clients insist on it, and it means nothing. What belongs to a tool's call rides in an empty thinking
block in front of the call.

Rules: no signature of this format holds a colon, so a prefix is never mistaken; what has our prefix never goes to a
backend.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from ollamux.conversation import Opaque

__all__ = ("FORMAT", "MARK", "UNSIGNED", "carried", "carried_for_call", "is_ours", "of_call", "restored")

FORMAT = "anthropic"
"""The tag of what backends of this format sign."""

MARK = b"ollamux:"
"""What stands in every signature that is no backend's of this format."""

_OURS = MARK.decode()
_CALL = _OURS + "call:"
_PART = _OURS + "part:"
UNSIGNED = _OURS + "none"


def carried(value: Opaque | None) -> str:
    """The signature of a thinking block, or the data of a redacted one."""
    if value is None:
        return UNSIGNED
    return value.value if value.format == FORMAT else _PART + _packed(value)


def carried_for_call(value: Opaque) -> str:
    """The signature of the empty thinking block in front of a call."""
    return _CALL + _packed(value)


def is_ours(text: str) -> bool:
    """Whether this is for us to read, and for no backend."""
    return text.startswith(_OURS)


def of_call(text: str) -> bool:
    """Whether it belongs to the call behind its block."""
    return text.startswith(_CALL)


def restored(text: str | None) -> Opaque | None:
    """What a signature was before it went out; None for one that means nothing."""
    if not text:
        return None
    if not is_ours(text):
        return Opaque(FORMAT, text)
    for prefix in (_PART, _CALL):
        if text.startswith(prefix):
            fields = text[len(prefix) :].split(":", 2)
            if len(fields) == 3 and fields[0] and fields[2]:
                return Opaque(fields[0], fields[2], unquote(fields[1]))
    return None


def _packed(value: Opaque) -> str:
    return f"{value.format}:{quote(value.family, safe='')}:{value.value}"
