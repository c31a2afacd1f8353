"""The Ollama format: `SERVING` answers its clients, `CALLING` calls its servers."""

from __future__ import annotations

from ollamux.formats.base import Calling, Serving
from ollamux.formats.ollama.calling import OllamaCalling
from ollamux.formats.ollama.serving import OllamaServing

__all__ = ("CALLING", "SERVING")

SERVING: Serving = OllamaServing()
CALLING: Calling = OllamaCalling()
