"""Names of functions as Gemini takes them: letters, digits and `_ . : -`, a letter or `_` first, 64 at most.

Rules: the same name has the same alias in every request; what reads an answer maps it back from the request alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ollamux.chat import ChatRequest
from ollamux.conversation import ToolCall
from ollamux.formats.identifiers import Names

__all__ = ("function_names",)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]*")
_LONGEST = 64


def function_names(request: ChatRequest) -> Names:
    """The mapping for a request: of its tools, and of what its history called."""
    return Names(_NAME, _LONGEST, dict.fromkeys(_used(request)))


def _used(request: ChatRequest) -> Iterator[str]:
    for tool in request.tools:
        yield tool.name
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                yield part.name
