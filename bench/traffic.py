"""What a client asks: the routes that are measured, with a request of about 300 bytes for each unless a case asks more.

Rule: the routes carry the same conversation and the same parameters, so that a translated request does the same work as
one that passes through.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ("EMBED", "EMBEDDINGS", "OLLAMA", "OPENAI", "Route", "with_prompt")

_SYSTEM = {"role": "system", "content": "You are a careful assistant who answers in one short paragraph."}
_QUESTION = "Which way does a river run, and how would a traveller without a map know?"
_INPUTS = [f"Passage {n} of the river's book, as the miller's daughter wrote it down." for n in range(100)]


class Route(msgspec.Struct, frozen=True):
    """A path, what a complete stream of it contains (empty where it has no streams), what it asks, and the parameters
    as this format spells them."""

    path: str
    terminal: str
    content: dict[str, Any]
    parameters: dict[str, Any]

    def body(self, model: str, *, stream: bool) -> bytes:
        """The request as the format's clients write it."""
        request = {"model": model, **({"stream": stream} if self.terminal else {}), **self.content, **self.parameters}
        return json.dumps(request, separators=(",", ":")).encode()


def with_prompt(route: Route, size: int) -> Route:
    """The same with a prompt of so many bytes: running text, with line ends and quotation marks that JSON escapes."""
    line = f'{_QUESTION} "By its sound", said the miller, who had never seen one.\n'
    prompt = (line * (size // len(line) + 1))[:size]
    messages = [_SYSTEM, {"role": "user", "content": prompt}]
    return msgspec.structs.replace(route, content={"messages": messages})


_CHAT = {"messages": [_SYSTEM, {"role": "user", "content": _QUESTION}]}

OPENAI = Route("/v1/chat/completions", "[DONE]", _CHAT, {"temperature": 0.7, "max_tokens": 256})
OLLAMA = Route("/api/chat", '"done":true', _CHAT, {"options": {"temperature": 0.7, "num_predict": 256}})
EMBEDDINGS = Route("/v1/embeddings", "", {"input": _INPUTS}, {})
EMBED = Route("/api/embed", "", {"input": _INPUTS}, {})
