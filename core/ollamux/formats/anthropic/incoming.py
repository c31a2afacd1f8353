"""Requests of clients that speak Anthropic's Messages.

Strategy: what routing needs is read in one typed decode that skips the messages; the whole request is read only where
it has to be translated.

Rules: a version from October 2026 on refuses sampling knobs, an older one takes them, and without a version it is the
older one; limits that are the vendor's alone are the vendor's to hold; a field that no other format has is named in a
warning.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import Document, Image, Message, Operation, Text, ToolResult
from ollamux.errors import InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.anthropic import options
from ollamux.formats.anthropic.content import Turns, cache_of, worded
from ollamux.formats.anthropic.schema import Request, Routing, decode_request, decode_routing, given
from ollamux.formats.anthropic.words import listed, tame
from ollamux.formats.base import Incoming, Served
from ollamux.formats.thinking import thinkable

__all__ = ("PLAIN", "STRICT", "AnthropicIncoming", "read_route")

STRICT = "2026-10-21"
"""The first version that takes no sampling knobs."""

PLAIN = "2023-06-01"
"""The version of a request that names none."""

_COMPLETION: frozenset[str] = frozenset(("completion",))
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_CARRIED = frozenset((*Request.__struct_fields__, "model", "stream"))
_SAMPLING = ("temperature", "top_p", "top_k")


class AnthropicIncoming(Incoming):
    """POST /v1/messages, or the count of its tokens. `version` and `betas` are the headers of these names."""

    __slots__ = ("betas", "quiet", "shows_thinking", "version")

    def __init__(self, body: bytes, routing: Routing, operation: Operation, version: str, betas: str) -> None:
        self.body = body
        self.model = routing.model or ""
        self.operation: Operation = operation
        self.stream = bool(routing.stream) and operation == "chat"
        self.version = version
        self.betas = betas
        self.keep_alive: float | None = options.keep_alive_of(routing.keep_alive)
        self.spent = None
        self.grammar_error: OllamuxError | None = None
        self.warnings: tuple[str, ...] = ()
        thinking = routing.thinking
        self.quiet = thinking is not None and thinking.display == "omitted"
        self.shows_thinking = thinking is None or thinking.type not in ("disabled", "between_tools")
        self.needs = _COMPLETION
        if routing.tools:
            self.needs |= {"tools"}
        if b'"image"' in body:
            self.needs |= {"vision"}

    @property
    def strict(self) -> bool:
        """Whether the version is one of October 2026 or later."""
        return self.version >= STRICT

    def not_found(self) -> OllamuxError:
        """What is answered where nobody serves the model."""
        error = ModelNotFound(self.model)
        error.message = f"model: {self.model}"
        return error

    def check(self, served: Served) -> None:
        """Raises where this model cannot do what is asked."""
        can = served.capabilities
        if not can:
            return
        if "completion" not in can:
            raise InvalidRequest(f"model: '{self.model}' does not support chat", param="model")
        if "tools" in self.needs and "tools" not in can:
            raise InvalidRequest(f"tools: '{self.model}' does not support tools", param="tools")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        """The whole request. Raises InvalidRequest."""
        try:
            request = decode_request(self.body)
        except msgspec.ValidationError as error:
            raise InvalidRequest(worded(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None
        turns = Turns(strict=self.strict)
        messages = turns.system(request.system or "") + turns.read(request.messages)
        if not request.messages:
            raise InvalidRequest("messages: at least one message is required")
        cache = cache_of(request.cache_control)
        if cache is not None:
            _mark_last(messages, cache)
        warnings = [f"this model's backend cannot read blocks of type {tame(kind)}" for kind in sorted(turns.left_out)]
        unknown: set[str] = set()
        tools = options.tools_of(request.tools or (), unknown)
        warnings += [f"this model's backend has no tool of type {tame(kind)}" for kind in sorted(unknown)]
        reasoning, unable = thinkable(
            options.reasoning_of(request.thinking, request.output_config, request), served, always=True
        )
        lost = _decode_members(self.body).keys() - _CARRIED
        if lost:
            warnings.append(f"this model's backend does not take these fields: {listed(lost)}")
        self.warnings = (*warnings, *unable)
        choice = request.tool_choice
        serial = choice.disable_parallel_tool_use if choice is not None else None
        return ChatRequest(
            self.model,
            messages,
            self.stream,
            tools,
            options.choice_of(choice, tools),
            None if serial is None else not serial,
            options.sampling_of(request, defaults),
            options.output_of(request.output_config),
            reasoning,
            keep_alive=self.keep_alive,
            user=request.metadata.user_id if request.metadata is not None else None,
            service_tier=options.tier_of(request.service_tier),
        )


def read_route(body: bytes, operation: Operation, headers: Mapping[str, str]) -> AnthropicIncoming:
    """Reads what routing needs. Raises InvalidRequest."""
    try:
        routing = decode_routing(body)
        body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("The request body is not valid UTF-8") from None
    except msgspec.ValidationError as error:
        raise InvalidRequest(worded(error)) from None
    except ValueError as error:
        text = str(error) if body.strip() else "it is empty"
        raise InvalidRequest(f"The request body is not valid JSON: {text}") from None
    if not routing.model:
        raise InvalidRequest("model: Field required", param="model")
    if operation == "chat" and routing.max_tokens is None:
        raise InvalidRequest("max_tokens: Field required", param="max_tokens")
    if not given(routing.messages):
        raise InvalidRequest("messages: Field required", param="messages")
    version = headers.get("anthropic-version") or PLAIN
    incoming = AnthropicIncoming(body, routing, operation, version, headers.get("anthropic-beta", ""))
    if incoming.strict:
        for name in _SAMPLING:
            if bytes(getattr(routing, name)):
                raise InvalidRequest(f"{name}: Extra inputs are not permitted", param=name)
    return incoming


def _mark_last(messages: list[Message], cache: str) -> None:
    """The request's own mark counts for the last block that can carry one."""
    for message in reversed(messages):
        for place in range(len(message.parts) - 1, -1, -1):
            part = message.parts[place]
            if isinstance(part, Text | Image | Document | ToolResult):
                if part.cache is None:
                    message.parts[place] = msgspec.structs.replace(part, cache=cache)
                return
