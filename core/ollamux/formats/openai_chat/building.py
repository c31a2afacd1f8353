"""Builds requests for OpenAI-style servers from the neutral model: chat completions, completions, embeddings.

Strategy: plain dictionaries, encoded once; tool schemas and JSON schemas go in as the raw text they came as. What a
server calls a sampling knob is the dialect's business, looked up only for the knobs that are set.

Rules: what is absent stays absent, no defaults are made up; what cannot be carried is named in one warning; the
thinking of earlier turns is left out, servers take it from the turn at hand alone, but for those that want it back.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    NO_SAMPLING,
    Audio,
    Bytes,
    CompletionRequest,
    Document,
    EmbedRequest,
    FileId,
    Image,
    JsonFormat,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    RedactedReasoning,
    Refusal,
    Sampling,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.openai_chat.carrying import returned_detail, returned_extra
from ollamux.formats.openai_chat.plain import joined
from ollamux.formats.outgoing import Outgoing, outgoing_of

__all__ = ("build_chat", "build_completion", "build_embed", "sampling_fields", "thinking_fields")

_encode = msgspec.json.Encoder().encode

_OWN_NAMES: dict[str, str] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "stop": "stop",
    "seed": "seed",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "logit_bias": "logit_bias",
}
"""What the format itself knows; a dialect adds to it or takes away."""

_USUAL_TIERS = (None, "auto", "default")
_FILES = (Image, Audio, Document)
_SHOWN = "the backend takes no pictures, sounds or documents of an assistant"
_UNTAKEN = "earlier thinking for which this backend has no place was left out"
_DETAILS, _EXTRA = "reasoning_details", "extra_content"
_CHAT = "/chat/completions"
_BUDGETS = ((2048, "low"), (8192, "medium"))
"""Up to how many tokens of thinking an effort is meant."""
_OFF = (None, "none")
_STREAMED = b',"stream":true,"stream_options":{"include_usage":true}'


def build_chat(request: ChatRequest, model: str, dialect: Dialect) -> Outgoing:
    """`/chat/completions`."""
    said = request.messages
    plain = said if type(said) is PlainMessages else None
    if plain is not None and _says_nothing_else(request) and not (dialect.extra or dialect.refuses):
        streamed = b',"stream":true' if request.stream else b""
        if request.stream and dialect.stream_options:
            streamed = _STREAMED
        knobs = _NO_KNOBS if request.sampling is NO_SAMPLING else _knobs_of(request.sampling, dialect)
        return outgoing_of(_CHAT, joined(_named(model), plain.text, streamed, knobs.text), knobs.warnings)
    messages: list[dict[str, Any]] = []
    warnings: list[str] = []
    for message in said if plain is None else ():
        _add_message(messages, message, dialect, warnings)
    body: dict[str, Any] = {
        "model": model,
        "messages": messages if plain is None else msgspec.Raw(plain.text),
    }
    if request.stream:
        body["stream"] = True
        if dialect.stream_options:
            body["stream_options"] = {"include_usage": True}
    if request.tools:
        _add_tools(body, request, dialect, warnings)
    _add_sampling(body, request.sampling, dialect, dialect.max_tokens, warnings)
    if request.output is not None:
        body["response_format"] = _response_format(request.output, dialect, warnings)
    if request.logprobs:
        body["logprobs"] = True
        if dialect.top_logprobs:
            body["top_logprobs"] = max(request.top_logprobs, 1)
    if request.reasoning is not None:
        _add_thinking(body, request.reasoning, dialect, warnings)
    if request.user is not None:
        body["user"] = request.user
    _add_account(body, request, dialect, warnings)
    return _outgoing(_CHAT, body, dialect, warnings)


def _named(model: str) -> bytes:
    """The beginning of a chat with this model, as far as its messages."""
    found = _names.get(model)
    if found is None:
        if len(_names) >= _MOST_REMEMBERED:
            _names.clear()
        found = _names[model] = b'{"model":' + _encode(model) + b',"messages":'
    return found


_names: dict[str, bytes] = {}


def _says_nothing_else(request: ChatRequest) -> bool:
    """Whether there is nothing to send but the messages and the knobs."""
    return (
        request.reasoning is None
        and request.output is None
        and not request.tools
        and not request.logprobs
        and request.user is None
        and request.metadata is None
        and request.service_tier is None
    )


def build_completion(request: CompletionRequest, model: str, dialect: Dialect) -> Outgoing:
    """`/completions`."""
    body: dict[str, Any] = {"model": model, "prompt": request.prompt}
    warnings: list[str] = []
    if request.suffix is not None:
        body["suffix"] = request.suffix
    if request.stream:
        body["stream"] = True
        if dialect.stream_options:
            body["stream_options"] = {"include_usage": True}
    limit = "max_tokens" if dialect.max_tokens == "max_completion_tokens" else dialect.max_tokens
    _add_sampling(body, request.sampling, dialect, limit, warnings)
    if request.output is not None:
        body["response_format"] = _response_format(request.output, dialect, warnings)
    if request.logprobs:
        body["logprobs"] = max(request.top_logprobs, 1)
    return _outgoing("/completions", body, dialect, warnings)


def build_embed(request: EmbedRequest, model: str, dialect: Dialect) -> Outgoing:
    """`/embeddings`. `dimensions` is sent where it is known: many servers refuse it, and a renderer can cut."""
    body: dict[str, Any] = {"model": model, "input": request.inputs}
    if request.dimensions is not None and dialect.dimensions:
        body["dimensions"] = request.dimensions
    return _outgoing("/embeddings", body, dialect, [])


def _outgoing(path: str, body: dict[str, Any], dialect: Dialect, warnings: list[str]) -> Outgoing:
    for key, value in dialect.extra.items():
        body.setdefault(key, value)
    refused = sorted(dialect.refuses & body.keys()) if dialect.refuses else ()
    for name in refused:
        del body[name]
    if refused:
        warnings.append(f"the backend does not take these: {', '.join(refused)}")
    return Outgoing(path, _encode(body), tuple(warnings))


def _add_tools(body: dict[str, Any], request: ChatRequest, dialect: Dialect, warnings: list[str]) -> None:
    """The tools, and which of them may or must be called, as far as the backend knows the ways to say it."""
    tools = request.tools
    choice = request.tool_choice
    if choice is not None:
        mode: str = choice.mode
        known = dialect.tool_choice
        if choice.allowed and "allowed" in known:
            allowed = [{"type": "function", "function": {"name": name}} for name in choice.allowed]
            body["tool_choice"] = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}}
            mode = "auto"
        elif choice.allowed:
            tools = tuple(tool for tool in tools if tool.name in choice.allowed)
        elif mode == "none" and mode not in known:
            return
        elif mode == "named" and mode not in known:
            tools = tuple(tool for tool in tools if tool.name == choice.name)
            mode = "required"
        if mode == "named":
            body["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
        elif mode in known and mode != "auto":
            body["tool_choice"] = mode
        elif mode != "auto":
            warnings.append("the backend cannot be made to call a tool")
    body["tools"] = [_tool(tool.name, tool.description, tool.parameters, tool.strict) for tool in tools]
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _add_account(body: dict[str, Any], request: ChatRequest, dialect: Dialect, warnings: list[str]) -> None:
    """What the provider is to write down, and how fast it is to serve."""
    if dialect.metadata:
        if request.metadata is not None:
            body["metadata"] = request.metadata
        if request.service_tier is not None:
            body["service_tier"] = request.service_tier
        return
    lost = ["metadata"] if request.metadata else []
    if request.service_tier not in _USUAL_TIERS:
        lost.append("service_tier")
    if lost:
        warnings.append(f"the backend does not take these: {', '.join(lost)}")


def _add_message(out: list[dict[str, Any]], message: Message, dialect: Dialect, warnings: list[str]) -> None:
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is Text:
        plain: dict[str, Any] = {"role": message.role, "content": parts[0].text}
        if message.name is not None:
            plain["name"] = message.name
        out.append(plain)
        return
    content: list[Part] = []
    calls: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    thought = ""
    for part in parts:
        kind = type(part)
        if kind is ToolResult:
            _add_result(out, content, part)  # type: ignore[arg-type]
        elif kind is ToolCall:
            calls.append(_call(part, dialect))  # type: ignore[arg-type]
        elif kind is Reasoning or kind is RedactedReasoning:
            if kind is Reasoning:
                thought += part.text  # type: ignore[union-attr]
            if _DETAILS in dialect.signatures:
                signed = returned_detail(part, len(details))  # type: ignore[arg-type]
                if signed is not None:
                    details.append(signed)
                    continue
            if _lost(part, dialect) and _UNTAKEN not in warnings:  # type: ignore[arg-type]
                warnings.append(_UNTAKEN)
        elif kind in (Text, Image, Audio, Document, Refusal):
            content.append(part)
    if message.role == "tool" and not content:
        return
    role = "user" if message.role == "tool" else message.role
    if role == "assistant" and _SHOWN not in warnings and any(isinstance(part, _FILES) for part in content):
        warnings.append(_SHOWN)
    built: dict[str, Any] = {"role": role, "content": _content(content, role, bool(calls), dialect)}
    if calls:
        built["tool_calls"] = calls
    if dialect.reasoning_echo and role == "assistant" and (thought or (calls and dialect.echo_wanted)):
        built[dialect.reasoning_echo] = thought
    if details and role == "assistant":
        built[_DETAILS] = details
    if message.name is not None:
        built["name"] = message.name
    if content or calls or not any(type(part) is ToolResult for part in parts):
        out.append(built)


def _lost(part: Reasoning | RedactedReasoning, dialect: Dialect) -> bool:
    """Whether something of a thought stays behind."""
    if type(part) is RedactedReasoning:
        return True
    return part.signature is not None if not part.text else not dialect.reasoning_echo  # type: ignore[union-attr]


def _add_result(out: list[dict[str, Any]], content: list[Part], result: ToolResult) -> None:
    """A result is a message of its own; pictures in it follow in a user's message, where they are allowed."""
    text = "\n".join(part.text for part in result.parts if isinstance(part, (Text, Refusal)))
    built: dict[str, Any] = {"role": "tool", "content": text}
    if result.call_id:
        built["tool_call_id"] = result.call_id
    if result.name:
        built["name"] = result.name
    out.append(built)
    content.extend(part for part in result.parts if isinstance(part, (Image, Audio, Document)))


def _call(call: ToolCall, dialect: Dialect) -> dict[str, Any]:
    built: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments or "{}"},
    }
    if call.signature is not None and _EXTRA in dialect.signatures:
        extra = returned_extra(call.signature)
        if extra is not None:
            built[_EXTRA] = extra
    return built


def _content(parts: list[Part], role: str, calls: bool, dialect: Dialect) -> str | list[dict[str, Any]] | None:
    if not parts:
        return None if calls else ""
    if role == "assistant" or (len(parts) == 1 and isinstance(parts[0], Text | Refusal)):
        return "".join(part.text for part in parts if isinstance(part, (Text, Refusal))) or (None if calls else "")
    return [_part(part, dialect) for part in parts]


def _part(part: Part, dialect: Dialect) -> dict[str, Any]:
    if isinstance(part, (Text, Refusal)):
        return {"type": "text", "text": part.text}
    if isinstance(part, Document):
        return _file(part, dialect)
    if isinstance(part, Image):
        if isinstance(part.source, Url) and not dialect.image_urls:
            raise InvalidRequest("this backend takes pictures only as data in the request")
        image = {"url": _url(part.source, "image/png")}
        if part.detail:
            image["detail"] = part.detail
        return {"type": "image_url", "image_url": image}
    assert isinstance(part, Audio)
    if not isinstance(part.source, Bytes):
        raise InvalidRequest("this backend takes sounds only as data in the request")
    kind = part.format or part.source.mime.rpartition("/")[2] or "wav"
    return {"type": "input_audio", "input_audio": {"data": part.source.data, "format": kind}}


def _file(document: Document, dialect: Dialect) -> dict[str, Any]:
    """A file; where the backend takes none, the text of one that is text."""
    source = document.source
    if dialect.files:
        named = {"filename": document.name} if document.name else {}
        if isinstance(source, FileId) and source.provider == "openai":
            return {"type": "file", "file": {"file_id": source.id, **named}}
        if isinstance(source, Bytes):
            named = named or {"filename": "file.pdf" if source.mime in ("", "application/pdf") else "file"}
            return {"type": "file", "file": {**named, "file_data": _url(source, "application/pdf")}}
    if isinstance(source, Bytes) and (source.mime.startswith("text/") or source.mime == "application/json"):
        try:
            return {"type": "text", "text": base64.b64decode(source.data).decode()}
        except ValueError:
            pass
    raise InvalidRequest("this model's backend cannot read this file")


def _url(source: Source, mime: str) -> str:
    if isinstance(source, Bytes):
        return f"data:{source.mime or mime};base64,{source.data}"
    if isinstance(source, FileId):
        raise InvalidRequest("this backend cannot read a file that another provider keeps")
    return source.url


def _tool(name: str, description: str | None, parameters: msgspec.Raw | None, strict: bool | None) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name}
    if description is not None:
        function["description"] = description
    if parameters is not None:
        function["parameters"] = parameters
    if strict is not None:
        function["strict"] = strict
    return {"type": "function", "function": function}


def _response_format(output: JsonFormat, dialect: Dialect, warnings: list[str]) -> dict[str, Any]:
    if output.schema is None:
        return {"type": "json_object"}
    if not dialect.json_schema:
        warnings.append("the backend gives JSON, but does not hold it to a schema")
        return {"type": "json_object"}
    described: dict[str, Any] = {"name": output.name or "schema", "schema": output.schema}
    if output.strict is not None:
        described["strict"] = output.strict
    if output.description is not None:
        described["description"] = output.description
    return {"type": "json_schema", "json_schema": described}


def _add_thinking(body: dict[str, Any], reasoning: ReasoningOptions, dialect: Dialect, warnings: list[str]) -> None:
    fields = thinking_fields(reasoning, dialect)
    if fields:
        body |= fields
    elif not dialect.think and reasoning.enabled is not False and (reasoning.budget or reasoning.effort not in _OFF):
        warnings.append("the backend has no switch for thinking")


def thinking_fields(reasoning: ReasoningOptions, dialect: Dialect) -> dict[str, Any]:
    """How thinking is switched; nothing where the backend has no switch, or its own choice is wanted."""
    effort = reasoning.effort
    off = reasoning.enabled is False or effort == "none"
    if effort is None and reasoning.budget is not None:
        effort = next((word for most, word in _BUDGETS if reasoning.budget <= most), "high")
    if dialect.think == "chat_template_kwargs":
        kwargs: dict[str, Any] = {"enable_thinking": not off}
        if effort is not None and not off:
            kwargs["reasoning_effort"] = effort
        return {"chat_template_kwargs": kwargs}
    if dialect.think == "reasoning_effort" and (off or effort is not None):
        return {"reasoning_effort": "none" if off else effort}
    return {}


def _add_sampling(body: dict[str, Any], sampling: Sampling, dialect: Dialect, limit: str, warnings: list[str]) -> None:
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    if not knobs:
        return
    other = knobs.pop("other", None)
    if other:
        knobs |= other
    tokens = knobs.pop("max_tokens", None)
    if tokens is not None:
        body[limit] = tokens
    dropped = sampling_fields(body, knobs.items(), dialect)
    if dropped:
        warnings.append(f"the backend does not take these options: {', '.join(sorted(dropped))}")


class _Knobs:
    """Sampling in a dialect: members of a body with a comma in front, and what was lost."""

    __slots__ = ("dialect", "sampling", "text", "warnings")

    def __init__(self, sampling: Sampling, dialect: Dialect) -> None:
        body: dict[str, Any] = {}
        warnings: list[str] = []
        _add_sampling(body, sampling, dialect, dialect.max_tokens, warnings)
        self.sampling = sampling
        self.dialect = dialect
        self.text = b"," + _encode(body)[1:-1] if body else b""
        self.warnings = tuple(warnings)


def _knobs_of(sampling: Sampling, dialect: Dialect) -> _Knobs:
    """Remembered by the objects themselves: who reads requests gives the same one for the same options."""
    known = _last[0]
    if known.sampling is sampling and known.dialect is dialect:
        return known
    key = (id(sampling), id(dialect))
    found = _remembered.get(key)
    if found is None:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        found = _remembered[key] = _Knobs(sampling, dialect)  # it holds both, so their numbers stay theirs
    _last[0] = found
    return found


_MOST_REMEMBERED = 256
_remembered: dict[tuple[int, int], _Knobs] = {}
_NO_KNOBS = _Knobs(NO_SAMPLING, Dialect())
_last = [_NO_KNOBS]


def sampling_fields(body: dict[str, Any], knobs: Iterable[tuple[str, Any]], dialect: Dialect) -> list[str]:
    """Puts knobs into `body` under the dialect's names. Returns the names of those that it has none for."""
    dropped: list[str] = []
    for name, value in knobs:
        theirs = dialect.sampling[name] if name in dialect.sampling else _OWN_NAMES.get(name)
        if theirs is None:
            dropped.append(name)
        else:
            body[theirs] = value
    return dropped
