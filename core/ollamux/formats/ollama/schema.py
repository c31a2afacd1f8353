"""The bodies that /api takes, as structs and as the Go types that Ollama decodes them into.

Owns both descriptions of each body, side by side. Strategy: the structs are what the rest of the gateway reads and what
msgspec decodes strictly; the Go types say how everything else is decoded and what a wrong value is called. Rules: None
is unset, be it absent or null; what a gateway hands on unread (a schema, arguments) keeps its bytes; a tool's
parameters are checked as Ollama checks them though they are kept as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from ollamux.formats.ollama import goleaves as go
from ollamux.formats.ollama.gojson import Seconds, register
from ollamux.formats.ollama.gotypes import GoType, Map, Ordered, Own, Slice, Struct, Verbatim
from ollamux.formats.ollama.toolschema import PARAMETERS, check_parameters

__all__ = (
    "ChatRequest",
    "CopyRequest",
    "CreateRequest",
    "DeleteRequest",
    "EmbedRequest",
    "EmbeddingsRequest",
    "GenerateRequest",
    "Message",
    "PullRequest",
    "PushRequest",
    "ShowRequest",
    "Think",
    "Tool",
    "ToolCall",
    "ToolCallFunction",
    "ToolFunction",
)

Think: TypeAlias = bool | Literal["low", "medium", "high", "max"]

# msgspec takes no union of Raw and something else: it decodes null as the text of it, and `_text_of` makes that None.
if TYPE_CHECKING:
    JsonText: TypeAlias = msgspec.Raw | None
else:
    JsonText = msgspec.Raw


class _Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the fast way decodes: any field that is not there sends a body the slow way."""


class ToolCallFunction(_Body):
    """`arguments` is the text of an object."""

    index: int | None = None
    name: str | None = None
    arguments: JsonText = None


class ToolCall(_Body):
    id: str | None = None
    function: ToolCallFunction | None = None


class Message(_Body):
    """`role` in small letters, whatever was sent; `images` base64 without line breaks."""

    role: str | None = None
    content: str | None = None
    thinking: str | None = None
    images: list[str] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None


class ToolFunction(_Body):
    """`parameters` is the text of a JSON Schema of the kind that Ollama takes."""

    name: str | None = None
    description: str | None = None
    parameters: JsonText = None


class Tool(_Body):
    type: str | None = None
    items: Any = None
    function: ToolFunction | None = None


class ChatRequest(_Body):
    """POST /api/chat. `keep_alive` in seconds, infinite for negative ones."""

    model: str | None = None
    messages: list[Message] | None = None
    stream: bool | None = None
    format: JsonText = None
    keep_alive: Seconds | None = None
    tools: list[Tool] | None = None
    options: dict[str, Any] | None = None
    think: Think | None = None
    truncate: bool | None = None
    shift: bool | None = None
    debug_render_only: bool | None = msgspec.field(default=None, name="_debug_render_only")
    logprobs: bool | None = None
    top_logprobs: int | None = None


class GenerateRequest(_Body):
    """POST /api/generate."""

    model: str | None = None
    prompt: str | None = None
    suffix: str | None = None
    system: str | None = None
    template: str | None = None
    context: list[int] | None = None
    stream: bool | None = None
    raw: bool | None = None
    format: JsonText = None
    keep_alive: Seconds | None = None
    images: list[str] | None = None
    options: dict[str, Any] | None = None
    think: Think | None = None
    truncate: bool | None = None
    shift: bool | None = None
    debug_render_only: bool | None = msgspec.field(default=None, name="_debug_render_only")
    logprobs: bool | None = None
    top_logprobs: int | None = None


class EmbedRequest(_Body):
    """POST /api/embed. `input` is whatever was sent: only text and lists of text are right."""

    model: str | None = None
    input: Any = None
    keep_alive: Seconds | None = None
    truncate: bool | None = None
    dimensions: int | None = None
    options: dict[str, Any] | None = None


class EmbeddingsRequest(_Body):
    """POST /api/embeddings."""

    model: str | None = None
    prompt: str | None = None
    keep_alive: Seconds | None = None
    options: dict[str, Any] | None = None


class ShowRequest(_Body):
    """POST /api/show. `name` is the older word for `model`, here and below."""

    model: str | None = None
    system: str | None = None
    template: str | None = None
    verbose: bool | None = None
    options: dict[str, Any] | None = None
    name: str | None = None


class PullRequest(_Body):
    """POST /api/pull."""

    model: str | None = None
    stream: bool | None = None
    name: str | None = None


class PushRequest(_Body):
    """POST /api/push."""

    model: str | None = None
    stream: bool | None = None
    name: str | None = None


class CreateRequest(_Body):
    """POST /api/create."""

    model: str | None = None
    stream: bool | None = None
    name: str | None = None


class CopyRequest(_Body):
    """POST /api/copy."""

    source: str | None = None
    destination: str | None = None


class DeleteRequest(_Body):
    """DELETE /api/delete."""

    model: str | None = None
    name: str | None = None


_OPTIONS = Map(go.ANY)
_TEXTS = Map(go.STRING)

_TOOL = Struct(
    "Tool",
    {
        "type": go.STRING,
        "items": go.ANY,
        "function": Struct(
            "ToolFunction",
            {"name": go.STRING, "description": go.STRING, "parameters": Verbatim(PARAMETERS)},
            ToolFunction,
        ),
    },
    Tool,
)
_CALL = Struct(
    "ToolCall",
    {
        "id": go.STRING,
        "function": Struct(
            "ToolCallFunction",
            {
                "index": go.INT,
                "name": go.STRING,
                "arguments": Ordered(go.ANY, "api.ToolCallFunctionArguments"),
            },
            ToolCallFunction,
        ),
    },
    ToolCall,
)
_MESSAGE = Own(
    Struct(
        "Alias",
        {
            "role": go.ROLE,
            "content": go.STRING,
            "thinking": go.STRING,
            "images": Slice(go.IMAGE),
            "tool_calls": Slice(_CALL),
            "tool_name": go.STRING,
            "tool_call_id": go.STRING,
        },
        Message,
    ),
    "Message",
)
_GENERATION: dict[str, GoType] = {
    "model": go.STRING,
    "stream": go.FLAG,
    "format": go.FORMAT,
    "keep_alive": go.KEEP_ALIVE,
    "options": _OPTIONS,
    "think": go.THINK,
    "truncate": go.FLAG,
    "shift": go.FLAG,
    "_debug_render_only": go.BOOL,
    "logprobs": go.BOOL,
    "top_logprobs": go.INT,
}
_TRANSFER: dict[str, GoType] = {
    "model": go.STRING,
    "insecure": go.BOOL,
    "username": go.STRING,
    "password": go.STRING,
    "stream": go.FLAG,
    "name": go.STRING,
}
_CREATE: dict[str, GoType] = {
    "model": go.STRING,
    "stream": go.FLAG,
    "quantize": go.STRING,
    "draft_quantize": go.STRING,
    "from": go.STRING,
    "remote_host": go.STRING,
    "files": _TEXTS,
    "draft_files": _TEXTS,
    "adapters": _TEXTS,
    "template": go.STRING,
    "license": go.ANY,
    "system": go.STRING,
    "parameters": _OPTIONS,
    "messages": Slice(_MESSAGE),
    "renderer": go.STRING,
    "parser": go.STRING,
    "requires": go.STRING,
    "info": _OPTIONS,
    "name": go.STRING,
    "quantization": go.STRING,
}


_check_arguments = msgspec.json.Decoder(dict[str, Any]).decode


def _text_of(raw: msgspec.Raw | None) -> msgspec.Raw | None:
    return None if raw is None or bytes(raw) == b"null" else raw


def _accepts_number(number: int | None) -> bool:
    return number is None or -(1 << 63) <= number < 1 << 63


def _accepts_call(call: ToolCall) -> bool:
    function = call.function
    if function is None:
        return True
    function.arguments = _text_of(function.arguments)
    if function.arguments is not None:
        _check_arguments(function.arguments)
    return _accepts_number(function.index)


def _accepts_chat(request: ChatRequest) -> bool:
    for message in request.messages or ():
        role = message.role
        if role is not None and not role.islower():
            message.role = role.lower()
        if message.images and not all(map(go.plain_base64, message.images)):
            return False
        if message.tool_calls and not all(map(_accepts_call, message.tool_calls)):
            return False
    for tool in request.tools or ():
        function = tool.function
        if function is not None and (parameters := _text_of(function.parameters)) is not None:
            check_parameters(parameters)
        elif function is not None:
            function.parameters = None
    request.format = _text_of(request.format)
    return _accepts_number(request.top_logprobs)


def _accepts_generate(request: GenerateRequest) -> bool:
    if request.images and not all(map(go.plain_base64, request.images)):
        return False
    request.format = _text_of(request.format)
    return _accepts_number(request.top_logprobs) and all(map(_accepts_number, request.context or ()))


def _accepts_embed(request: EmbedRequest) -> bool:
    return _accepts_number(request.dimensions)


register(
    ChatRequest,
    Struct(
        "ChatRequest",
        {**_GENERATION, "messages": Slice(_MESSAGE), "tools": Slice(_TOOL, "api.Tools")},
        ChatRequest,
    ),
    _accepts_chat,
)
register(
    GenerateRequest,
    Struct(
        "GenerateRequest",
        {
            **_GENERATION,
            "prompt": go.STRING,
            "suffix": go.STRING,
            "system": go.STRING,
            "template": go.STRING,
            "context": Slice(go.INT),
            "raw": go.BOOL,
            "images": Slice(go.IMAGE),
        },
        GenerateRequest,
    ),
    _accepts_generate,
)
register(
    EmbedRequest,
    Struct(
        "EmbedRequest",
        {
            "model": go.STRING,
            "input": go.ANY,
            "keep_alive": go.KEEP_ALIVE,
            "truncate": go.FLAG,
            "dimensions": go.INT,
            "options": _OPTIONS,
        },
        EmbedRequest,
    ),
    _accepts_embed,
)
register(
    EmbeddingsRequest,
    Struct(
        "EmbeddingRequest",
        {"model": go.STRING, "prompt": go.STRING, "keep_alive": go.KEEP_ALIVE, "options": _OPTIONS},
        EmbeddingsRequest,
    ),
)
register(
    ShowRequest,
    Struct(
        "ShowRequest",
        {
            "model": go.STRING,
            "system": go.STRING,
            "template": go.STRING,
            "verbose": go.BOOL,
            "options": _OPTIONS,
            "name": go.STRING,
        },
        ShowRequest,
    ),
)
register(PullRequest, Struct("PullRequest", _TRANSFER, PullRequest))
register(PushRequest, Struct("PushRequest", _TRANSFER, PushRequest))
register(CreateRequest, Struct("CreateRequest", _CREATE, CreateRequest))
register(CopyRequest, Struct("CopyRequest", {"source": go.STRING, "destination": go.STRING}, CopyRequest))
register(DeleteRequest, Struct("DeleteRequest", {"model": go.STRING, "name": go.STRING}, DeleteRequest))
