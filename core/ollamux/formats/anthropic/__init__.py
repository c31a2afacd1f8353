"""Anthropic's Messages: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats import part
from ollamux.formats.base import ServingRoute

if TYPE_CHECKING:
    from ollamux.formats.base import Calling, Serving

    CALLING: Calling
    SERVING: Serving

__all__ = ("CALLING", "ROUTES", "SERVING")

ROUTES = (
    ServingRoute("POST", "/v1/messages", "chat"),
    ServingRoute("POST", "/v1/messages/count_tokens", "count"),
)
_KINDS = {"CALLING": "AnthropicCalling", "SERVING": "AnthropicServing"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
