"""What a renderer's frame says that is written, for the tests of the renderers.

Rule: `inside` is the inside of a JSON string, spelled as the renderer spells it.
"""

from __future__ import annotations

from ollamux.streaming.translator import Frame

__all__ = ("written",)


def written(frame: Frame, inside: bytes, stamp: bytes = b"") -> bytes:
    """The bytes for a text."""
    slots = (inside, stamp, b"%d" % (frame.counter.number if frame.counter is not None else 0))
    return b"".join(piece if isinstance(piece, bytes) else slots[piece] for piece in frame.pieces)
