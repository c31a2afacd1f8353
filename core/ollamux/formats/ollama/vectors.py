"""Writes the vectors of embeddings as Ollama does, compiled where it can be.

Rules: without the compiled module, and for what it leaves alone, `gotext` writes; the bytes are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats.ollama.gotext import embedding_text, normalised

__all__ = ("vector_text",)

if TYPE_CHECKING:
    from ollamux.formats.ollama._vectors import unit_text
else:
    try:
        from ollamux.formats.ollama._vectors import unit_text
    except ImportError:

        def unit_text(values: list[float], cut: int) -> None:
            """Nothing is written quickly."""


def vector_text(values: list[float], cut: int) -> bytes:
    """The vector at length one, as a JSON array of float32; where it has more than `cut` numbers (0: any) the first of
    them, at length one again. Raises ValueError where a number is not finite."""
    quick = unit_text(values, cut)
    if quick is not None:
        return quick
    vector = normalised(values)
    if 0 < cut < len(vector):
        vector = normalised(vector[:cut])
    return embedding_text(vector)
