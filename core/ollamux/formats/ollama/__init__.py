"""The Ollama format: `SERVING` answers its clients, `CALLING` calls its servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats import part

if TYPE_CHECKING:
    from ollamux.formats.base import Calling, Serving

    CALLING: Calling
    SERVING: Serving

__all__ = ("CALLING", "SERVING")

_KINDS = {"CALLING": "OllamaCalling", "SERVING": "OllamaServing"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
