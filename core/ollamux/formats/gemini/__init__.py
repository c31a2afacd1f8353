"""Google's Gemini API: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from ollamux.formats.base import Calling, Serving
from ollamux.formats.gemini.calling import GeminiCalling
from ollamux.formats.gemini.serving import GeminiServing

__all__ = ("CALLING", "SERVING")

SERVING: Serving = GeminiServing()
CALLING: Calling = GeminiCalling()
