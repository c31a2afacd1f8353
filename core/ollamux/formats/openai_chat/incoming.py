"""Requests of clients that speak OpenAI's API, as far as they are understood before a backend is chosen.

Strategy: what routing needs is read in one typed decode that skips the rest; the whole request is read only where it
has to be translated.

Rules: what would change the meaning is refused (tools that are no functions, sounds as an answer); what no other format
knows is carried among the sampling's `other` knobs, so that whoever drops it says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from ollamux.chat import ChatRequest
from ollamux.conversation import EmbedRequest, JsonFormat, Operation
from ollamux.errors import InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.asking import Served
from ollamux.formats.base import Neutral, RenderContext, WholeRenderer
from ollamux.formats.openai_chat.choices import ChoicesRenderer, choices_of
from ollamux.formats.openai_chat.knobs import extensions_of, reasoning_of, sampling_of
from ollamux.formats.openai_chat.plain import holds, route_of
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer
from ollamux.formats.openai_chat.request import (
    ChatBody,
    ResponseFormatIn,
    StreamOptions,
    decode_chat,
    decode_routing,
)
from ollamux.formats.openai_chat.route import ASKED, DECLINED, NOTHING, UNTOLD, Routed
from ollamux.formats.openai_chat.turns import choice_of, messages_of, tool_of
from ollamux.formats.thinking import thinkable

__all__ = ("OpenAIChatIncoming", "OpenAIIncoming", "read_route", "routing_told")

_COMPLETION: frozenset[str] = frozenset(("completion",))
_COUNTLESS = 1 << 30


class OpenAIIncoming(Routed):
    """What the routes share. `path` is the route's below a backend's base. `plain` is a request in which nothing has to
    change where it passes through but the model's name; `as_chat` says that a backend answers it as a chat; `choices`
    are checked when the request has been read whole."""

    __slots__ = ("as_chat", "include_usage", "path", "plain")

    def __init__(self, body: bytes) -> None:
        self.take(body)

    def take(self, body: bytes) -> None:
        """Reads what routing needs. Raises InvalidRequest."""
        self.body = body
        if not route_of(self):
            routing_told(self)
        self.path = "/chat/completions"
        self.as_chat = False
        self.operation: Operation = "chat"
        self.keep_alive: float | None = None
        self.grammar_error: OllamuxError | None = None  # OpenAI has no grammar for names
        self.warnings: tuple[str, ...] = ()
        self.needs = _COMPLETION
        self.spent = None
        self.include_usage = self.usage == ASKED
        self.plain = self.include_usage or self.usage == UNTOLD or not self.stream
        if self.tools:
            self.needs |= {"tools"}
            self.plain = self.plain and not holds(body, b'"allowed_tools"')
        if self.pictures:
            self.needs |= {"vision"}
        if self.extensions is not None:
            self.plain = False
            self.keep_alive = self.extensions.keep_alive

    def not_found(self) -> OllamuxError:
        """What is answered where nobody serves the model."""
        return ModelNotFound(self.model)

    def check(self, served: Served) -> None:
        """Raises where this model cannot do what is asked."""
        can = served.capabilities
        if can and "completion" not in can:
            raise InvalidRequest(f'"{self.model}" does not support chat', param="model")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> Neutral:
        """The whole request; where a route adds nothing, it asks for no more than the model. Raises InvalidRequest."""
        return EmbedRequest(self.model, [], keep_alive=self.keep_alive)


class OpenAIChatIncoming(OpenAIIncoming):
    """POST /v1/chat/completions."""

    __slots__ = ()

    def check(self, served: Served) -> None:
        OpenAIIncoming.check(self, served)
        can = served.capabilities
        if can and "tools" in self.needs and "tools" not in can:
            raise InvalidRequest(f'"{self.model}" does not support tools', param="tools")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        try:
            request = decode_chat(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None
        _refuse(request)
        self.choices = choices_of(request.n)
        reasoning, self.warnings = thinkable(reasoning_of(request, self.extensions), served)
        return ChatRequest(
            self.model,
            messages_of(request.messages or ()),
            self.stream,
            tuple([tool_of(tool) for tool in request.tools or ()]),
            choice_of(request.tool_choice),
            request.parallel_tool_calls,
            sampling_of(request, defaults, self.extensions),
            _output(request.response_format),
            reasoning,
            bool(request.logprobs),
            request.top_logprobs or 0,
            self.keep_alive,
            user=request.safety_identifier or request.user,
            metadata=request.metadata,
            service_tier=request.service_tier,
        )

    def several(self, context: RenderContext) -> ChoicesRenderer:
        """What writes several choices as one answer."""

        def make(usage: bool) -> WholeRenderer:
            return OpenAIChatRenderer(context, include_usage=usage)

        return ChoicesRenderer(context, make, self.choices, include_usage=self.include_usage)


def read_route(body: bytes) -> OpenAIChatIncoming:
    """Reads what routing needs of a chat. Raises InvalidRequest."""
    incoming = OpenAIChatIncoming.__new__(OpenAIChatIncoming)  # a constructor's call would cost more than it does
    incoming.take(body)
    return incoming


def routing_told(incoming: Routed) -> None:
    """What routing needs, of any body, or what is wrong with it. Raises InvalidRequest."""
    body = incoming.body
    try:
        routing = decode_routing(body)
        body.decode()
    except UnicodeDecodeError:
        raise InvalidRequest("the body is not valid UTF-8") from None
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None
    except ValueError as error:
        text = str(error) if body.strip() else "the body is empty"
        raise InvalidRequest(f"the body is not valid JSON: {text}") from None
    if not routing.model:
        raise InvalidRequest("model is required", param="model")
    options, choices = routing.stream_options, routing.n
    if isinstance(options, StreamOptions):
        incoming.usage = ASKED if options.include_usage else DECLINED
    else:
        incoming.usage = UNTOLD if options is UNSET else NOTHING
    incoming.model = routing.model
    incoming.stream = bool(routing.stream)
    incoming.tools = bool(routing.tools)
    incoming.choices = min(choices, _COUNTLESS) if isinstance(choices, int) and choices > 1 else 1
    incoming.pictures = holds(body, b'"image_url"')
    incoming.usual = False  # nobody looked
    incoming.extensions = extensions_of(routing)


def _refuse(request: ChatBody) -> None:
    """Raises for what would change the meaning where it was left out."""
    if not request.messages:
        raise InvalidRequest("[] is too short - 'messages'", param="messages")
    if request.functions:
        raise InvalidRequest("functions are given as tools to this model's backend", param="functions")
    if any(modality != "text" for modality in request.modalities or ()):
        raise InvalidRequest("this model's backend answers in text alone", param="modalities")


def _output(form: ResponseFormatIn | None) -> JsonFormat | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return JsonFormat()
    described = form.json_schema
    if form.type != "json_schema" or described is None or not bytes(described.schema):
        raise InvalidRequest("response_format must be text, json_object or json_schema", param="response_format")
    return JsonFormat(described.schema, described.name, described.strict, described.description)
