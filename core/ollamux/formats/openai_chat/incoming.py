"""Requests of clients that speak OpenAI's chat completions.

Strategy: what routing needs is read in one typed decode that skips the messages; the whole request is read only where
it has to be translated.

Rules: what would change the meaning is refused (more than one choice, tools that are no functions); what no other
format knows is carried among the sampling's `other` knobs, so that whoever drops it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ollamux.conversation import (
    Audio,
    Bytes,
    ChatRequest,
    Image,
    JsonFormat,
    Message,
    Operation,
    Part,
    Reasoning,
    ReasoningOptions,
    Refusal,
    Role,
    Sampling,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.base import Served

__all__ = ("OpenAIChatIncoming", "read_route")


class StreamOptions(msgspec.Struct, gc=False):
    """What a stream brings beside the answer."""

    include_usage: bool | None = None


class Routing(msgspec.Struct, gc=False):
    """What has to be known before a backend is chosen."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[msgspec.Raw] | None = None


class FunctionIn(msgspec.Struct, gc=False):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class ToolIn(msgspec.Struct, gc=False):
    """A tool."""

    type: str = "function"
    function: FunctionIn | None = None


class CalledIn(msgspec.Struct, gc=False):
    """A called function; `arguments` is JSON text in a string, or bare from clients that know no better."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw()


class CallIn(msgspec.Struct, gc=False):
    """A call of an earlier turn."""

    id: str | None = None
    function: CalledIn | None = None


class MessageIn(msgspec.Struct, gc=False):
    """A message of any role."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[CallIn] | None = None
    tool_call_id: str | None = None


class SchemaIn(msgspec.Struct, gc=False):
    """A named JSON schema."""

    name: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class ResponseFormatIn(msgspec.Struct, gc=False):
    """text, json_object or json_schema."""

    type: str = "text"
    json_schema: SchemaIn | None = None


class ReasoningIn(msgspec.Struct, gc=False):
    """OpenRouter's and Ollama's way to say how hard to think."""

    effort: str | None = None
    enabled: bool | None = None


class Request(msgspec.Struct, gc=False):
    """The whole request, as far as another format can say it."""

    messages: list[MessageIn] | None = None
    tools: list[ToolIn] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormatIn | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningIn | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None


_decode_routing = msgspec.json.Decoder(Routing).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_request = msgspec.json.Decoder(Request).decode
_COMPLETION: frozenset[str] = frozenset(("completion",))
_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "developer": "system",
    "function": "tool",
    "system": "system",
    "tool": "tool",
    "user": "user",
}
_KNOBS = tuple(
    name
    for name in Sampling.__struct_fields__
    if name in Request.__struct_fields__ and name not in ("max_tokens", "stop")
)


class OpenAIChatIncoming:
    """POST /v1/chat/completions."""

    __slots__ = (
        "body",
        "grammar_error",
        "include_usage",
        "keep_alive",
        "model",
        "needs",
        "operation",
        "stream",
        "warnings",
    )

    def __init__(self, body: bytes, routing: Routing) -> None:
        self.body = body
        self.model = routing.model or ""
        self.stream = bool(routing.stream)
        self.include_usage = bool(routing.stream_options is not None and routing.stream_options.include_usage)
        self.operation: Operation = "chat"
        self.keep_alive: float | None = None
        self.grammar_error: OllamuxError | None = None  # OpenAI has no grammar for names
        self.warnings: tuple[str, ...] = ()
        self.needs = _COMPLETION
        if routing.tools:
            self.needs |= {"tools"}
        if body.find(b'"image_url"') >= 0:
            self.needs |= {"vision"}

    def not_found(self) -> OllamuxError:
        """What is answered where nobody serves the model."""
        return ModelNotFound(self.model)

    def check(self, served: Served) -> None:
        """Raises where this model cannot do what is asked."""
        can = served.capabilities
        if not can:
            return
        if "completion" not in can:
            raise InvalidRequest(f'"{self.model}" does not support chat', param="model")
        if "tools" in self.needs and "tools" not in can:
            raise InvalidRequest(f'"{self.model}" does not support tools', param="tools")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        """The whole request. Raises InvalidRequest."""
        try:
            request = _decode_request(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None
        if request.n is not None and request.n != 1:
            raise InvalidRequest("only one choice can be generated: n must be 1", param="n")
        if not request.messages:
            raise InvalidRequest("[] is too short - 'messages'")
        return ChatRequest(
            self.model,
            [_message(message, place) for place, message in enumerate(request.messages)],
            self.stream,
            tuple(_tool(tool) for tool in request.tools or ()),
            _choice(request.tool_choice),
            request.parallel_tool_calls,
            _sampling(request, defaults),
            _output(request.response_format),
            _reasoning(request),
            bool(request.logprobs),
            request.top_logprobs or 0,
            self.keep_alive,
        )


def read_route(body: bytes) -> OpenAIChatIncoming:
    """Reads what routing needs. Raises InvalidRequest."""
    try:
        routing = _decode_routing(body)
        body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not valid UTF-8") from None
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None
    except msgspec.DecodeError as error:
        text = str(error) if body.strip() else "the body is empty"
        raise InvalidRequest(f"the body is not valid JSON: {text}") from None
    if not routing.model:
        raise InvalidRequest("model is required", param="model")
    return OpenAIChatIncoming(body, routing)


def _message(message: MessageIn, place: int) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(f"unknown role {message.role!r} in messages[{place}]", param=f"messages[{place}].role")
    content = message.content
    parts: list[Part]
    if isinstance(content, list):
        parts = [_part(part, place) for part in content]
    else:
        parts = [Text(content)] if content else []
    if role == "tool":
        return Message("tool", [ToolResult(message.tool_call_id or "", parts, message.name or "")])
    thinking = message.reasoning_content or message.reasoning
    if thinking:
        parts.insert(0, Reasoning(thinking))
    if message.refusal:
        parts.append(Refusal(message.refusal))
    for position, call in enumerate(message.tool_calls or ()):
        function = call.function
        if function is not None:
            text = bytes(function.arguments)
            arguments = _decode_text(text) if text[:1] == b'"' else text.decode()
            arguments = "{}" if arguments in ("", "null") else arguments
            parts.append(ToolCall(call.id or f"call_{place}_{position}", function.name, arguments))
    return Message(role, parts, message.name)


def _part(part: dict[str, Any], place: int) -> Part:
    kind = part.get("type", "text")
    value: Any = part.get(kind)
    if kind == "text":
        return Text(str(value or ""))
    if kind == "refusal":
        return Refusal(str(value or ""))
    if kind == "image_url" and isinstance(value, str):
        return Image(_source(value))
    if isinstance(value, dict):
        found = cast(dict[str, Any], value)
        url, data = found.get("url"), found.get("data")
        if kind == "image_url" and isinstance(url, str):
            return Image(_source(url), found.get("detail"))
        if kind == "input_audio" and isinstance(data, str):
            form = str(found.get("format") or "wav")
            return Audio(Bytes(data, f"audio/{form}"), form)
    raise InvalidRequest(
        f"messages[{place}] has a part of type {kind!r} that cannot be read", param=f"messages[{place}]"
    )


def _source(url: str) -> Source:
    """A data: URI is content, whatever parameters it has; everything else stands elsewhere."""
    if url[:5].lower() != "data:":
        return Url(url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest("an image's data: URI must hold base64")
    mime = head.partition(";")[0]
    return Bytes(data, "image/jpeg" if mime == "image/jpg" else mime)


def _tool(tool: ToolIn) -> Tool:
    if tool.function is None:
        raise InvalidRequest(f"tools of type {tool.type!r} cannot be carried to this model's backend", param="tools")
    function = tool.function
    parameters = None if bytes(function.parameters) in (b"", b"null") else function.parameters
    return Tool(function.name, function.description, parameters, function.strict)


def _choice(choice: str | dict[str, Any] | None) -> ToolChoice | None:
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("named", name)
        case _:
            raise InvalidRequest("tool_choice must be auto, none, required or a function", param="tool_choice")


def _output(form: ResponseFormatIn | None) -> JsonFormat | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return JsonFormat()
    described = form.json_schema
    if form.type != "json_schema" or described is None or not bytes(described.schema):
        raise InvalidRequest("response_format must be text, json_object or json_schema", param="response_format")
    return JsonFormat(described.schema, described.name, described.strict)


def _reasoning(request: Request) -> ReasoningOptions | None:
    told = request.reasoning
    effort = request.reasoning_effort or (told.effort if told is not None else None)
    enabled = told.enabled if told is not None else None
    if effort is not None:
        return ReasoningOptions(effort != "none", effort)
    return None if enabled is None else ReasoningOptions(enabled)


def _sampling(request: Request, defaults: Mapping[str, Any]) -> Sampling:
    from_config = dict(defaults)
    limit = from_config.pop("num_predict", None)
    stop = from_config.pop("stop", None)
    known: dict[str, Any] = {name: from_config.pop(name) for name in _KNOBS if name in from_config}
    for name in _KNOBS:
        value = getattr(request, name)
        if value is not None:
            known[name] = value
    if request.repetition_penalty is not None:
        known.setdefault("repeat_penalty", request.repetition_penalty)
    for tokens in (request.max_completion_tokens, request.max_tokens, limit):
        if tokens is not None:
            if tokens >= 0:
                known["max_tokens"] = tokens
            break
    if request.stop is not None:
        stop = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.logit_bias:
        from_config["logit_bias"] = request.logit_bias
    return Sampling(**known, stop=tuple(stop) if stop else None, other=from_config)
