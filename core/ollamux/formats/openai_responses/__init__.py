"""OpenAI's Responses: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats import part

if TYPE_CHECKING:
    from ollamux.formats.base import Calling, Serving

    CALLING: Calling
    SERVING: Serving

__all__ = ("CALLING", "SERVING")

_KINDS = {"CALLING": "ResponsesCalling", "SERVING": "ResponsesServing"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
