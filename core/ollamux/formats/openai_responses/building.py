"""Builds requests for servers of OpenAI's Responses from the neutral model.

Strategy: the conversation becomes a flat list of items; the system prompt at its beginning becomes `instructions`, a
later one a developer's message in its place. Nothing is left with the server (`store` is false), so its encrypted
reasoning is asked for and given back whole, without ids.

Rules: what is absent stays absent; what cannot be carried is named in a warning; what would change the meaning (sounds,
another provider's files) is refused; a tool's schema is not made stricter than its author made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    Audio,
    Bytes,
    CompletionRequest,
    Document,
    FileId,
    Image,
    JsonFormat,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Sampling,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.identifiers import Names
from ollamux.formats.openai_responses.signatures import FORMAT

__all__ = ("LEAST", "NAME", "PATH", "build_chat", "build_completion", "knobs_of", "tool_names")

PATH = "/responses"
LEAST = 16
"""Tokens below which `max_output_tokens` is refused."""

_UNSIGNED = "earlier thinking that this backend did not sign was left out"
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
NAME = re.compile(r"[a-zA-Z0-9_-]+")
"""What names of tools and ids of calls are made of."""
_NO_PARAMETERS = msgspec.Raw(b'{"type":"object","properties":{}}')
_OWN_NAMES: dict[str, str] = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_output_tokens"}
"""What the format itself knows; a dialect adds to it or takes away."""
_SETTINGS = ("reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy")
"""What a model's configuration may add, and the request's own words for it are stronger than."""
_BUDGETS = ((2048, "low"), (8192, "medium"))
"""Up to how many tokens of thinking an effort is meant."""
_encode = msgspec.json.Encoder().encode


def tool_names(request: ChatRequest) -> Names:
    """The names of the request's tools, in the letters that the format allows."""
    history = (part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall))
    return Names(NAME, 64, dict.fromkeys([*(tool.name for tool in request.tools), *history]))


def build_completion(request: CompletionRequest, model: str, dialect: Dialect) -> Outgoing:
    """A prompt without a template, as a user's message: the format has nothing nearer."""
    if request.suffix is not None:
        raise InvalidRequest("this backend cannot fill in the middle: it takes no suffix", param="suffix")
    chat = ChatRequest(
        request.model,
        [Message("user", [Text(request.prompt)])],
        request.stream,
        sampling=request.sampling,
        output=request.output,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
    )
    return build_chat(chat, model, dialect)


def build_chat(request: ChatRequest, model: str, dialect: Dialect) -> Outgoing:
    """`/responses`."""
    warnings: list[str] = []
    names = tool_names(request)
    body: dict[str, Any] = {"model": model}
    messages = request.messages
    instructions = _leading(messages)
    if instructions:
        body["instructions"] = "\n\n".join(_text(message.parts) for message in messages[:instructions])
    history = _History(names, warnings, developer=dialect.developer)
    for message in messages[instructions:]:
        history.add(message)
    body["input"] = history.items
    body["store"] = False
    if request.stream:
        body["stream"] = True
    if request.tools:
        body["tools"] = [_tool(tool, names) for tool in request.tools]
        if (choice := _choice(request, names)) is not None:
            body["tool_choice"] = choice
        if request.parallel_tool_calls is not None:
            body["parallel_tool_calls"] = request.parallel_tool_calls
    other = request.sampling.other
    text = _text_config(request.output, other)
    if text:
        body["text"] = text
    reasoning = _reasoning(request, other)
    if reasoning:
        body["reasoning"] = reasoning
    include = [_ENCRYPTED] if history.encrypted or _thinks(request, reasoning, dialect) else []
    if request.logprobs:
        include.append(_LOGPROBS)
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if include:
        body["include"] = include
    strategy = other.get("truncation_strategy") if request.truncate is None else _truncation(request.truncate)
    if strategy is not None:
        body["truncation"] = strategy
    for name, value in (("metadata", request.metadata), ("user", request.user), ("service_tier", request.service_tier)):
        if value is not None:
            body[name] = value
    dropped = knobs_of(body, _knobs(request.sampling), dialect, warnings)
    if dropped:
        warnings.append(f"the backend does not take these options: {', '.join(sorted(dropped))}")
    return _outgoing(body, dialect, warnings)


def knobs_of(
    body: dict[str, Any], knobs: Iterable[tuple[str, Any]], dialect: Dialect, warnings: list[str]
) -> list[str]:
    """Puts knobs into `body` under the dialect's names. Returns the names of those that it has none for."""
    dropped: list[str] = []
    for name, value in knobs:
        theirs = dialect.sampling[name] if name in dialect.sampling else _OWN_NAMES.get(name)
        if theirs is None:
            dropped.append(name)
            continue
        if theirs == "max_output_tokens" and value < LEAST:
            warnings.append(f"the backend writes {LEAST} tokens at least")
            value = LEAST
        body[theirs] = value
    return dropped


def _knobs(sampling: Sampling) -> list[tuple[str, Any]]:
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    other: dict[str, Any] = knobs.pop("other", {})
    return [(name, value) for name, value in {**knobs, **other}.items() if name not in _SETTINGS]


def _outgoing(body: dict[str, Any], dialect: Dialect, warnings: list[str]) -> Outgoing:
    for key, value in dialect.extra.items():
        body.setdefault(key, value)
    refused = sorted(dialect.refuses & body.keys())
    for key in refused:
        del body[key]
    if refused:
        warnings.append(f"the backend does not take: {', '.join(refused)}")
    return Outgoing(PATH, _encode(body), tuple(dict.fromkeys(warnings)))


def _leading(messages: Sequence[Message] | PlainMessages) -> int:
    """How many messages at the beginning are the system's, and nothing but text."""
    count = 0
    for message in messages:
        if message.role != "system" or not all(isinstance(part, Text) for part in message.parts):
            break
        count += 1
    return count


class _History:
    """The items that a conversation makes. `encrypted` says whether the server's own reasoning is among them."""

    def __init__(self, names: Names, warnings: list[str], *, developer: bool) -> None:
        self.items: list[dict[str, Any]] = []
        self.encrypted = False
        self._names = names
        self._ids = Names(NAME, 64)
        self._warnings = warnings
        self._system = "developer" if developer else "system"
        self._open: list[str] = []

    def add(self, message: Message) -> None:
        content: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._result(part)
            elif isinstance(part, ToolCall):
                self._say(message.role, content)
                self._call(part)
            elif isinstance(part, Reasoning):
                self._say(message.role, content)
                self._think(part.text, part.signature, any(isinstance(one, ToolCall) for one in message.parts))
            elif isinstance(part, RedactedReasoning):
                self._say(message.role, content)
                self._think("", part.content, False)
            else:
                content.append(part)
        self._say(message.role, content)

    def _say(self, role: str, content: list[Part]) -> None:
        if not content:
            return
        word = {"assistant": "assistant", "system": self._system}.get(role, "user")
        if all(isinstance(part, Text) for part in content):
            said: Any = _text(content)
            if role == "assistant" and not said:
                content.clear()
                return
        elif role == "assistant":
            kept = [part for part in content if isinstance(part, Text | Refusal)]
            if len(kept) < len(content):
                self._warnings.append("the backend takes no pictures or files that the model itself gave")
            said = [
                {"type": "refusal", "refusal": part.text}
                if isinstance(part, Refusal)
                else {"type": "output_text", "text": part.text}
                for part in kept
            ]
        else:
            said = [_input(part) for part in content]
        content.clear()
        if said or role != "assistant":
            self.items.append({"type": "message", "role": word, "content": said})

    def _think(self, text: str, signature: Opaque | None, called: bool) -> None:
        if signature is None:  # the server takes thinking back in its own, encrypted form alone
            if called and text and _UNSIGNED not in self._warnings:  # it goes on without what it had thought
                self._warnings.append(_UNSIGNED)
            return
        if signature.format != FORMAT:
            self._warnings.append("the backend cannot read the signed thinking of another one: it was left out")
            return
        self.encrypted = True
        summary = [{"type": "summary_text", "text": text}] if text else []
        self.items.append({"type": "reasoning", "summary": summary, "encrypted_content": signature.value})

    def _call(self, call: ToolCall) -> None:
        call_id = self._ids.out(call.id)
        self._open.append(call_id)
        self.items.append(
            {
                "type": "function_call",
                "call_id": call_id,
                "name": self._names.out(call.name),
                "arguments": call.arguments or "{}",
            }
        )

    def _result(self, result: ToolResult) -> None:
        """A client that keeps no ids answers the calls in their order."""
        call_id = self._ids.out(result.call_id) if result.call_id else next(iter(self._open), "")
        if call_id in self._open:
            self._open.remove(call_id)
        output: Any
        if all(isinstance(part, Text | Refusal) for part in result.parts):
            output = "\n".join(part.text for part in result.parts if isinstance(part, Text | Refusal))
        else:
            output = [_input(part) for part in result.parts]
        self.items.append({"type": "function_call_output", "call_id": call_id, "output": output})


def _text(parts: Iterable[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _input(part: Part) -> dict[str, Any]:
    if isinstance(part, Text | Refusal):
        return {"type": "input_text", "text": part.text}
    if isinstance(part, Image):
        image: dict[str, Any] = {"type": "input_image", "detail": part.detail or "auto"}
        return {**image, **_where(part.source, "image_url", "image_url", "image/png")}
    if isinstance(part, Document):
        file: dict[str, Any] = {"type": "input_file", **_where(part.source, "file_data", "file_url", "application/pdf")}
        if part.name or "file_data" in file:
            file["filename"] = part.name or "file.pdf"
        return file
    if isinstance(part, Audio):
        raise InvalidRequest("this backend takes no sounds")
    raise InvalidRequest(f"this backend takes no {type(part).__name__} here")


def _where(source: Source, data: str, url: str, mime: str) -> dict[str, Any]:
    if isinstance(source, Bytes):
        return {data: f"data:{source.mime or mime};base64,{source.data}"}
    if isinstance(source, FileId):
        if source.provider != "openai":
            raise InvalidRequest("this backend cannot read a file that another provider keeps")
        return {"file_id": source.id}
    return {url: source.url}


def _tool(tool: Tool, names: Names) -> dict[str, Any]:
    built: dict[str, Any] = {"type": "function", "name": names.out(tool.name)}
    if tool.description is not None:
        built["description"] = tool.description
    built["parameters"] = _NO_PARAMETERS if tool.parameters is None else tool.parameters
    built["strict"] = bool(tool.strict)
    return built


def _choice(request: ChatRequest, names: Names) -> Any:
    """The choice among the tools. One that is allowed and not there is left out: the server would refuse it."""
    choice = request.tool_choice
    if choice is None:
        return None
    if choice.mode == "named":
        return {"type": "function", "name": names.out(choice.name or "")}
    if choice.allowed and choice.mode in ("auto", "required"):
        there = {tool.name for tool in request.tools}
        allowed = [{"type": "function", "name": names.out(name)} for name in choice.allowed if name in there]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": allowed} if allowed else "none"
    return None if choice.mode == "auto" else choice.mode


def _text_config(output: JsonFormat | None, other: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if output is not None:
        form: dict[str, Any] = {"type": "json_object"}
        if output.schema is not None:
            form = {"type": "json_schema", "name": output.name or "schema", "schema": output.schema}
            if output.strict is not None:
                form["strict"] = output.strict
            if output.description is not None:
                form["description"] = output.description
        told["format"] = form
    if other.get("verbosity_level") is not None:
        told["verbosity"] = other["verbosity_level"]
    return told


def _reasoning(request: ChatRequest, other: Mapping[str, Any]) -> dict[str, Any]:
    asked = request.reasoning
    effort: Any = other.get("reasoning_effort")
    summary: Any = other.get("summary_level")
    if asked is not None:
        if asked.enabled is False:
            effort = "none"
        elif asked.effort is not None:
            effort = asked.effort
        elif asked.budget is not None:
            effort = next((word for most, word in _BUDGETS if asked.budget <= most), "high")
        if asked.summary is not None:
            summary = None if asked.summary == "omitted" else asked.summary
    told = {"effort": effort, "summary": None if effort == "none" else summary}
    return {name: value for name, value in told.items() if value is not None}


def _thinks(request: ChatRequest, told: Mapping[str, Any], dialect: Dialect) -> bool:
    """Whether the model is going to think, as far as anybody said: other models refuse to be asked for it."""
    asked = request.reasoning
    if told.get("effort") == "none":
        return False
    return bool(told) or (asked is not None and bool(asked.enabled)) or dialect.think == "reasoning_effort"


def _truncation(truncate: bool) -> str:
    return "auto" if truncate else "disabled"
