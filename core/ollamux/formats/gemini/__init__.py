"""Google's Gemini API: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats import part
from ollamux.formats.base import ServingRoute

if TYPE_CHECKING:
    from ollamux.conversation import Operation
    from ollamux.formats.base import Calling, Serving

    CALLING: Calling
    SERVING: Serving

__all__ = ("CALLING", "METHODS", "ROUTES", "SERVING")

METHODS: dict[str, Operation] = {
    "generateContent": "chat",
    "streamGenerateContent": "chat",
    "countTokens": "count",
    "embedContent": "embed",
    "batchEmbedContents": "embed",
}
"""The methods of a model that are served."""

ROUTES = tuple(
    ServingRoute("POST", f"/{version}/models/{{model}}:{method}", f"{version}/{method}")
    for version in ("v1", "v1beta")
    for method in METHODS
)
_KINDS = {"CALLING": "GeminiCalling", "SERVING": "GeminiServing"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
