"""OpenAI's Responses: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

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
    ServingRoute("POST", "/v1/responses", "responses"),
    ServingRoute("POST", "/responses", "responses_bare"),
    ServingRoute("POST", "/v1/responses/input_tokens", "input_tokens"),
    ServingRoute("POST", "/responses/input_tokens", "input_tokens_bare"),
)
_KINDS = {"CALLING": "ResponsesCalling", "SERVING": "ResponsesServing"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
