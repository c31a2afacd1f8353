"""The tools of a request: read into functions, which is all that other formats have, and found again in the answer.

Strategy: a function stays one; a custom tool, which takes free text, becomes a function with one string; the tools of a
namespace stand beside the others, under a name of their own where theirs is taken. `Toolbox` remembers what each was.

Rules: a tool that a server of OpenAI's would run by itself cannot be carried and is dropped with a warning; a choice
that forces such a tool would change the meaning and is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import msgspec

from ollamux.conversation import Tool, ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_responses.schema import ToolIn

__all__ = ("Known", "Toolbox", "free_text", "wrapped")

_FREE_TEXT = msgspec.Raw(
    b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}'
)
_NOTHING = (b"", b"null")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Known(NamedTuple):
    """What a function is to the client."""

    name: str
    namespace: str = ""
    custom: bool = False


class Toolbox:
    """The functions of one request. `warnings` tell what could not be carried."""

    __slots__ = ("_known", "_names", "tools", "warnings")

    def __init__(self, asked: Sequence[ToolIn]) -> None:
        self.tools: list[Tool] = []
        self.warnings: list[str] = []
        self._known: dict[str, Known] = {}
        self._names: dict[tuple[str, str], str] = {}
        dropped: set[str] = set()
        for tool in asked:
            if tool.type == "namespace":
                for inner in tool.tools or ():
                    self._take(inner, tool.name, dropped)
            else:
                self._take(tool, "", dropped)
        if dropped:
            self.warnings.append(f"tools of these types cannot be used with this model: {', '.join(sorted(dropped))}")

    def known(self, name: str) -> Known:
        """What the function with this name is to the client."""
        return self._known.get(name) or Known(name)

    def name_of(self, name: str, namespace: str | None) -> str:
        """The name of the function that a client calls so."""
        return self._names.get((namespace or "", name), name)

    def choice(self, asked: str | dict[str, Any] | None) -> ToolChoice | None:
        """The choice among these functions. Raises InvalidRequest."""
        match asked:
            case None:
                return None
            case "auto" | "none":
                return ToolChoice(asked)
            case "required":
                return ToolChoice("required") if self.tools else None
            case {"type": "function" | "custom", "name": str(name), **rest}:
                return ToolChoice("named", self.name_of(name, str(rest.get("namespace") or "")))
            case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": [*listed]}:
                allowed: dict[str, None] = {}
                for one in listed:
                    allowed |= dict.fromkeys(self._allowed(cast(dict[str, Any], one)) if isinstance(one, dict) else ())
                return ToolChoice(mode, allowed=tuple(allowed)) if allowed else ToolChoice("none")
            case {"type": str(kind)}:
                raise InvalidRequest(f"tool_choice: {kind!r} cannot be used with this model", param="tool_choice")
            case _:
                raise InvalidRequest(
                    "tool_choice must be auto, none, required, a function or allowed_tools", param="tool_choice"
                )

    def _allowed(self, tool: dict[str, Any]) -> list[str]:
        """The functions that one of the allowed tools stands for: itself, or all of a namespace."""
        asked = str(tool.get("name") or "")
        if tool.get("type") == "namespace":
            return [name for (namespace, _), name in self._names.items() if namespace == asked]
        name = self.name_of(asked, str(tool.get("namespace") or ""))
        return [name] if name in self._known else []

    def _take(self, tool: ToolIn, namespace: str, dropped: set[str]) -> None:
        if tool.type not in ("function", "custom"):
            dropped.add(tool.type)
            return
        if not tool.name:
            raise InvalidRequest("a tool has no name", param="tools")
        name = tool.name
        if name in self._known:
            name = f"{namespace}__{tool.name}" if namespace else name
        self._names.setdefault((namespace, tool.name), name)
        self._known[name] = Known(tool.name, namespace, tool.type == "custom")
        if tool.type == "custom":
            form = tool.format or {}
            if form.get("type", "text") != "text":
                self.warnings.append(f"the input of the tool {tool.name} is not held to its grammar")
            self.tools.append(Tool(name, _described(tool.description, form), _FREE_TEXT))
            return
        parameters = None if bytes(tool.parameters) in _NOTHING else tool.parameters
        self.tools.append(Tool(name, tool.description, parameters, tool.strict))


def _described(description: str | None, form: dict[str, Any]) -> str | None:
    """A grammar that nobody enforces still tells the model what is wanted."""
    definition = form.get("definition")
    if not isinstance(definition, str):
        return description
    return f"{description or ''}\n\nThe input has this {form.get('syntax') or 'grammar'} grammar:\n{definition}".strip()


def wrapped(text: str) -> str:
    """The arguments of the function that stands for a custom tool."""
    return msgspec.json.encode({"input": text}).decode()


def free_text(arguments: str) -> str:
    """The custom tool's input among the function's arguments; the arguments themselves where they hold none."""
    try:
        told = _decode(arguments)
    except (ValueError, RecursionError):
        return arguments
    text = told.get("input")
    return text if isinstance(text, str) else arguments
