"""OpenAI's chat completions: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from ollamux.formats.base import Calling, Serving
from ollamux.formats.openai_chat.calling import OpenAIChatCalling
from ollamux.formats.openai_chat.serving import OpenAIChatServing

__all__ = ("CALLING", "SERVING")

SERVING: Serving = OpenAIChatServing()
CALLING: Calling = OpenAIChatCalling()
