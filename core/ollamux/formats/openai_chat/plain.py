"""What is hot and simple about answers of OpenAI-style servers, compiled where it can be.

Rules: without the compiled module nothing is read quickly, and everything is read by the general readers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ("read_plain", "renamed", "usage_of")

if TYPE_CHECKING:
    from ollamux.formats.openai_chat._plain import read_plain, renamed, usage_of
else:
    try:
        from ollamux.formats.openai_chat._plain import read_plain, renamed, usage_of
    except ImportError:

        def read_plain(body: bytes) -> None:
            """Nothing is read quickly."""

        def usage_of(body: bytes) -> None:
            """Nothing is read quickly."""

        def renamed(body: bytes, name: bytes) -> None:
            """Nothing is renamed quickly."""
