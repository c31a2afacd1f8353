"""Calls Ollama servers, by their native API alone.

Rules: an Ollama client's own request passes through with its bytes, but for the model's name, the options that the
configuration adds, and a `context` that was given out here, which tells an Ollama nothing; what a foreign client's
request cannot say in Ollama's terms is named in a warning, or refused where it would change the meaning.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Answer,
    Audio,
    Bytes,
    CompletionRequest,
    Document,
    EmbedAnswer,
    EmbedRequest,
    Image,
    JsonFormat,
    Message,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest, OllamuxError
from ollamux.formats.asking import Incoming
from ollamux.formats.base import Calling, Dialect, Neutral
from ollamux.formats.failures import backend_failure
from ollamux.formats.ollama.answers import REASONS, OllamaReader, error_of, read_answer, read_vectors
from ollamux.formats.ollama.context import unpack
from ollamux.formats.ollama.incoming import OllamaIncoming
from ollamux.formats.ollama.options import OPTION_TYPES
from ollamux.formats.ollama.rendering import call_object
from ollamux.formats.outgoing import Outgoing, outgoing_of
from ollamux.formats.splice import members, replace

__all__ = ("OllamaCalling",)

_encode = msgspec.json.Encoder().encode
_decode_options = msgspec.json.Decoder[dict[str, Any] | None](dict[str, Any] | None).decode
_decode_numbers = msgspec.json.Decoder(list[int] | None).decode
_EFFORT = "reasoning_effort"
"""What a model's configuration names among its options, and Ollama beside them: `think`."""

_PATHS = {route: f"/api/{route}" for route in ("chat", "generate", "embed", "embeddings")}
_USUAL_TIERS = (None, "auto", "default")
_SEALED = "earlier thinking that this backend did not sign was left out"
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "max", "max": "max"}


class OllamaCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("ollama", (b"content", b"response", b"thinking"), REASONS)

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        warnings: list[str] = []
        body: dict[str, Any] = {"model": upstream_model}
        if isinstance(request, ChatRequest):
            path = "/api/chat"
            _add_chat(body, request, warnings)
        elif isinstance(request, CompletionRequest):
            path = "/api/generate"
            body["prompt"] = request.prompt
            if request.suffix is None:
                body["raw"] = True
            else:
                body["suffix"] = request.suffix
            _add_generation(body, request)
        else:
            path = "/api/embed"
            body["input"] = request.inputs
            if request.dimensions is not None:
                body["dimensions"] = request.dimensions
            if request.truncate is not None:
                body["truncate"] = request.truncate
        if request.keep_alive is not None:
            body["keep_alive"] = _seconds(request.keep_alive)
        options = _options(request.sampling, dialect, warnings)
        if options:
            body["options"] = options
        for key, value in dialect.extra.items():
            body.setdefault(key, value)
        return Outgoing(path, _encode(body), tuple(warnings))

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        assert isinstance(incoming, OllamaIncoming)
        same = None if defaults or dialect.extra else _as_it_is(incoming, upstream_model)
        if same is not None:
            return same
        path = _PATHS[incoming.route]
        body = incoming.body
        generates = incoming.route == "generate"
        values: dict[str, bytes] = {}
        warnings: tuple[str, ...] = ()
        if upstream_model != incoming.model:
            values["model"] = _encode(upstream_model)
        known = members(body)
        own = {member.key.lower(): body[member.start : member.end] for member in known}
        options = {name: value for name, value in defaults.items() if name not in ("keep_alive", _EFFORT)}
        effort = defaults.get(_EFFORT) if incoming.operation in ("chat", "completion") else None
        if isinstance(effort, str) and own.get("think", b"null") == b"null":
            values["think"] = _encode(_thinking(effort))
        if options:
            values["options"] = _encode({**options, **_known(own.get("options", b"null"))})
        if "keep_alive" in defaults and own.get("keep_alive", b"null") == b"null":
            values["keep_alive"] = _encode(_seconds(defaults["keep_alive"]))
        if generates and _is_ours(own.get("context", b"null")):
            values["context"] = b"null"
            warnings = ("the context comes from another backend, and was dropped",)
        for key, value in dialect.extra.items():
            if key not in own:
                values[key] = _encode(value)
        return Outgoing(path, replace(body, values, fold=True, known=known) if values else body, warnings)

    def reader(self, request: Neutral, dialect: Dialect) -> OllamaReader:
        return OllamaReader()

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        if isinstance(request, EmbedRequest):
            return read_vectors(body, len(request.inputs))
        return read_answer(body)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        return backend_failure(status, headers, body, error_of(body))


def _as_it_is(incoming: OllamaIncoming, upstream_model: str) -> Outgoing | None:
    """The client's own request; None where something in it may have to change."""
    route = incoming.route
    if upstream_model != incoming.model or (route == "generate" and b"ontext" in incoming.body.lower()):
        return None
    return outgoing_of(_PATHS[route], incoming.body, ())


def _seconds(keep_alive: float) -> float:
    """As Ollama takes it: below zero is for ever."""
    return -1 if math.isinf(keep_alive) else keep_alive


def _add_chat(body: dict[str, Any], request: ChatRequest, warnings: list[str]) -> None:
    names: dict[str, str] = {}
    messages: list[dict[str, Any]] = []
    lost: list[str] = []
    for message in request.messages:
        if any(isinstance(part, RedactedReasoning) for part in message.parts) and _SEALED not in warnings:
            warnings.append(_SEALED)
        _add_message(messages, message, names, lost)
    if lost:
        warnings.append(f"the backend takes no files but texts; left out: {', '.join(lost)}")
    body["messages"] = messages
    tools = _tools(request, warnings)
    if tools and request.parallel_tool_calls is False:
        warnings.append("the backend cannot be kept from calling several tools at once")
    if tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters": tool.parameters or {"type": "object", "properties": {}},
                },
            }
            for tool in tools
        ]
    think = _think(request)
    if think is not None:
        body["think"] = think
    if request.truncate is not None:
        body["truncate"] = request.truncate
    if request.shift is not None:
        body["shift"] = request.shift
    unsaid = [name for name in ("user", "metadata") if getattr(request, name)]
    if request.service_tier not in _USUAL_TIERS:
        unsaid.append("service_tier")
    if unsaid:
        warnings.append(f"the backend does not take: {', '.join(unsaid)}")
    _add_generation(body, request)


def _tools(request: ChatRequest, warnings: list[str]) -> tuple[Tool, ...]:
    """The tools that may be called: there is no other way to choose, and none to make the model call one."""
    tools, choice = request.tools, request.tool_choice
    if choice is None or not tools:
        return tools
    if choice.mode == "none":
        return ()
    if choice.mode == "named":
        tools = tuple(tool for tool in tools if tool.name == choice.name)
    elif choice.allowed:
        tools = tuple(tool for tool in tools if tool.name in choice.allowed)
    if choice.mode != "auto":
        warnings.append("the backend cannot be made to call a tool")
    return tools


def _think(request: ChatRequest) -> bool | str | None:
    """`think`, as the request asks; weaker than its own word, the effort that the model's configuration names."""
    thinking, effort = request.reasoning, request.sampling.other.get(_EFFORT)
    on: bool | None = None
    if thinking is not None:
        on = thinking.enabled
        effort = "none" if on is False else thinking.effort or effort
    if not isinstance(effort, str):
        return on
    return _thinking(effort)


def _thinking(effort: str) -> bool | str:
    return False if effort == "none" else _EFFORTS.get(effort, True)


def _add_generation(body: dict[str, Any], request: ChatRequest | CompletionRequest) -> None:
    body["stream"] = request.stream
    if request.output is not None:
        body["format"] = _format(request.output)
    if request.logprobs:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs


def _format(output: JsonFormat) -> Any:
    return "json" if output.schema is None else output.schema


def _add_message(out: list[dict[str, Any]], message: Message, names: dict[str, str], lost: list[str]) -> None:
    """One message, and one more for each tool's result in it. `names` holds which call asked for which tool, `lost`
    gets the files that cannot go."""
    texts: list[str] = []
    thinking = ""
    images: list[str] = []
    calls: list[dict[str, Any]] = []
    answered = False
    for part in message.parts:
        if isinstance(part, (Text, Refusal)):
            texts.append(part.text)
        elif isinstance(part, Reasoning):
            thinking += part.text
        elif isinstance(part, (Image, Audio)):
            images.append(_data(part))
        elif isinstance(part, Document):
            texts += _read(part, lost)
        elif isinstance(part, ToolCall):
            names[part.id] = part.name
            calls.append(call_object(len(calls), part))
        elif isinstance(part, ToolResult):
            answered = True
            out.append(_result(part, names, lost))
    if answered and not (texts or images or calls):
        return
    built: dict[str, Any] = {"role": message.role, "content": "\n".join(texts)}
    if thinking:
        built["thinking"] = thinking
    if images:
        built["images"] = images
    if calls:
        built["tool_calls"] = calls
    out.append(built)


def _result(result: ToolResult, names: dict[str, str], lost: list[str]) -> dict[str, Any]:
    texts: list[str] = []
    for part in result.parts:
        if isinstance(part, (Text, Refusal)):
            texts.append(part.text)
        elif isinstance(part, Document):
            texts += _read(part, lost)
    images = [_data(part) for part in result.parts if isinstance(part, (Image, Audio))]
    built: dict[str, Any] = {"role": "tool", "content": "\n".join(texts)}
    if images:
        built["images"] = images
    name = result.name or names.get(result.call_id, "")
    if name:
        built["tool_name"] = name
    if result.call_id:
        built["tool_call_id"] = result.call_id
    return built


def _data(part: Image | Audio) -> str:
    if not isinstance(part.source, Bytes):
        raise InvalidRequest("image URLs are not currently supported, please use base64 encoded data instead")
    return part.source.data


def _read(document: Document, lost: list[str]) -> list[str]:
    """What a file that is a text says; any other one is lost."""
    source = document.source
    if isinstance(source, Bytes) and (source.mime.startswith("text/") or source.mime == "application/json"):
        try:
            return [base64.b64decode(source.data, validate=True).decode()]
        except ValueError:
            pass
    lost.append(document.name or "a file without a name")
    return []


def _options(sampling: Sampling, dialect: Dialect, warnings: list[str]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    if "max_tokens" in knobs:
        options["num_predict"] = knobs.pop("max_tokens")
    other: dict[str, Any] = knobs.pop("other", {})
    dropped: list[str] = []
    for name, value in (*knobs.items(), *other.items()):
        if name == _EFFORT:
            continue
        theirs = dialect.sampling.get(name, name if name in OPTION_TYPES else None)
        if theirs is None:
            dropped.append(name)
        else:
            options[theirs] = value
    if dropped:
        warnings.append(f"the backend does not take these options: {', '.join(sorted(dropped))}")
    return options


def _known(text: bytes) -> dict[str, Any]:
    """A client's options; null in one of them leaves the default."""
    try:
        options: dict[str, Any] | None = _decode_options(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return {key: value for key, value in (options or {}).items() if value is not None}


def _is_ours(text: bytes) -> bool:
    try:
        numbers = _decode_numbers(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return bool(numbers) and unpack(numbers) is not None
