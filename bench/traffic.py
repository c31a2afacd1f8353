"""What a client asks: the two routes that are measured, with a request of about 300 bytes for each.

Rule: both routes carry the same conversation and the same parameters, so that a translated request does the same work
as one that passes through.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ("OLLAMA", "OPENAI", "Route")

_MESSAGES = (
    {"role": "system", "content": "You are a careful assistant who answers in one short paragraph."},
    {"role": "user", "content": "Which way does a river run, and how would a traveller without a map know?"},
)


class Route(msgspec.Struct, frozen=True):
    """A path, what a complete stream of it contains, and the parameters as this format spells them."""

    path: str
    terminal: str
    parameters: dict[str, Any]

    def body(self, model: str, *, stream: bool) -> bytes:
        """The request as the format's clients write it."""
        request = {"model": model, "messages": _MESSAGES, "stream": stream, **self.parameters}
        return json.dumps(request, separators=(",", ":")).encode()


OPENAI = Route("/v1/chat/completions", "[DONE]", {"temperature": 0.7, "max_tokens": 256})
OLLAMA = Route("/api/chat", '"done":true', {"options": {"temperature": 0.7, "num_predict": 256}})
