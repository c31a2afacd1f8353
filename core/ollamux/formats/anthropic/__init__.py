"""Anthropic's Messages: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from ollamux.formats.anthropic.calling import AnthropicCalling
from ollamux.formats.anthropic.serving import AnthropicServing
from ollamux.formats.base import Calling, Serving

__all__ = ("CALLING", "SERVING")

SERVING: Serving = AnthropicServing()
CALLING: Calling = AnthropicCalling()
