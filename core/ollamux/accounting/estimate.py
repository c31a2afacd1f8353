"""How many tokens a request has, roughly, where nobody can be asked.

The estimate: a token for every four bytes of text in UTF-8, rounded up for each text, four for each message around it
and seven for each tool, and flat prices for what is no text. Tokenizers of today's models are within about a third of
that for English; for other scripts and for code it is farther off. It is a guess and named as one wherever it is shown.
"""

from __future__ import annotations

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    CompletionRequest,
    Document,
    EmbedRequest,
    Image,
    Part,
    RedactedReasoning,
    Tool,
    ToolCall,
    ToolResult,
)

__all__ = ("estimate",)

_BYTES = 4
_MESSAGE = 4
_TOOL = 7
_FLAT: dict[type, int] = {Image: 1000, Audio: 500, Document: 1500}


def estimate(request: ChatRequest | CompletionRequest | EmbedRequest) -> int:
    """The tokens that a model would read, at least 1."""
    if isinstance(request, ChatRequest):
        found = sum(_MESSAGE + sum(map(_part, message.parts)) for message in request.messages)
        found += sum(map(_tool, request.tools))
    elif isinstance(request, CompletionRequest):
        found = _text(request.prompt) + _text(request.suffix or "")
    else:
        found = sum(map(_text, request.inputs))
    return max(found, 1)


def _text(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES)


def _part(part: Part) -> int:
    if isinstance(part, ToolCall):
        return _text(part.name) + _text(part.arguments)
    if isinstance(part, ToolResult):
        return sum(map(_part, part.parts))
    if isinstance(part, RedactedReasoning):
        return _text(part.content.value)
    if isinstance(part, Image | Audio | Document):
        return _FLAT[type(part)]
    return _text(part.text)


def _tool(tool: Tool) -> int:
    schema = len(bytes(tool.parameters)) if tool.parameters is not None else 0
    return _TOOL + _text(tool.name) + _text(tool.description or "") + -(-schema // _BYTES)
