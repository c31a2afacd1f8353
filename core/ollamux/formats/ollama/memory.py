"""What the body of a request to an Ollama says of the model's memory: the context, and how long to stay.

Rules: a body is changed in these two places alone, and only where a value is given; what is no context is a ValueError,
and is Ollama's to refuse.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from ollamux.formats.splice import Member, members, replace

__all__ = ("context_of", "with_memory")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any] | None).decode


def context_of(body: bytes) -> int | None:
    """The `num_ctx` that a body asks for; None where it asks for none. Raises ValueError where it is no number."""
    if body.find(b"num_ctx") < 0:  # `in` would try the word as a number first, with an exception
        return None
    asked = _options(body, members(body)).get("num_ctx")
    if isinstance(asked, float) and asked.is_integer():
        asked = int(asked)
    if asked is not None and (isinstance(asked, bool) or not isinstance(asked, int)):
        raise ValueError("num_ctx is no whole number")
    return asked


def with_memory(body: bytes, num_ctx: int | None, keep_alive: float | None) -> bytes:
    """The body with this context, and with this time to stay in seconds (infinite: for ever); None leaves what is
    there. Raises ValueError where its options cannot be read."""
    known = members(body)
    values: dict[str, bytes] = {}
    if num_ctx is not None:
        values["options"] = _encode({**_options(body, known), "num_ctx": num_ctx})
    if keep_alive is not None:
        values["keep_alive"] = _encode(-1 if math.isinf(keep_alive) else keep_alive)
    return replace(body, values, fold=True, known=known) if values else body


def _options(body: bytes, known: list[Member]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for member in known:
        if member.key.lower() == "options":
            try:
                found |= _decode(body[member.start : member.end]) or {}
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise ValueError("options are no object") from error
    return found
