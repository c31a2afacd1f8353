"""Requests of Ollama clients, as far as they are understood before a backend is chosen.

One class for each route. Each checks, in Ollama's order and words, what needs no model when it is made, and in `check`
what depends on the model; `neutral` gives the request in the neutral model.

Rules: what `check` finds is decided before anything is sent; a name that Ollama would call invalid is no error by
itself, since other backends name their models freely: `grammar_error` is for whoever finds that nobody serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from ollamux.chat import ChatRequest, chat_request, plain_messages
from ollamux.conversation import (
    NO_SAMPLING,
    CompletionRequest,
    EmbedRequest,
    JsonFormat,
    Message,
    Operation,
    ReasoningOptions,
    Sampling,
)
from ollamux.errors import InvalidRequest, OllamuxError, RequestError
from ollamux.formats.asking import Served
from ollamux.formats.base import Neutral
from ollamux.formats.ollama import schema
from ollamux.formats.ollama.ask import Ask
from ollamux.formats.ollama.context import Turn, unpack
from ollamux.formats.ollama.gotext import quote
from ollamux.formats.ollama.mapping import attachments, messages_of, sampling_of, text_message, tools_of
from ollamux.formats.ollama.names import NameConflict, parse_name, split_source
from ollamux.formats.ollama.options import OptionError, check_options
from ollamux.formats.ollama.plain import read_plain
from ollamux.formats.ollama.rendering import Route

__all__ = (
    "ChatIncoming",
    "EmbedIncoming",
    "EmbeddingsIncoming",
    "FormatError",
    "GenerateIncoming",
    "OllamaIncoming",
    "PlainChatIncoming",
    "Settled",
    "plain_chat",
    "settled",
)


class FormatError(OllamuxError):
    """A `format` that is neither "json" nor a schema. Ollama finds out when it is about to generate."""


class Settled:
    """Options that are right, and what they mean."""

    __slots__ = ("options", "sampling")

    def __init__(self, options: dict[str, Any], sampling: Sampling) -> None:
        self.options = options
        self.sampling = sampling


def settled(options: bytes) -> Settled | None:
    """Options as JSON, checked, since most clients send the same ones each time; None where something is wrong."""
    found = _settled.get(options)
    if found is None:
        found = _settle(options)
        if len(_settled) >= _MOST_SETTLED:
            _settled.clear()
        if found is not None:
            _settled[options] = found
    return found


_MOST_SETTLED = 256
_settled: dict[bytes, Settled] = {}


def _settle(options: bytes) -> Settled | None:
    try:
        checked = check_options(_decode_options(options))
    except (ValueError, OptionError):
        return None
    return Settled(checked, sampling_of(checked))


_decode_options = msgspec.json.Decoder(dict[str, Any]).decode


class OllamaIncoming(Ask):
    """What the four routes share; `route` says which of them it is."""

    __slots__ = ("_options", "_raw_options", "route")

    def __init__(
        self, route: Route, body: bytes, model: str | None, keep_alive: float | None, options: Mapping[str, Any] | None
    ) -> None:
        self.route: Route = route
        self.body = body
        self.model = model or ""
        self.keep_alive = keep_alive
        self.operation: Operation = "chat"
        self.stream = False
        self.needs: frozenset[str] = frozenset()
        self.warnings: tuple[str, ...] = ()
        self._raw_options = options
        self._options: dict[str, Any] | None = None
        self._check_name()
        self.spent = None
        self.grammar_error: OllamuxError | None = None
        if not _is_name(self.model):
            self.grammar_error = InvalidRequest("invalid model name")

    def not_found(self) -> OllamuxError:
        """What Ollama answers on this route where nobody serves the model."""
        return _not_found(f"model '{self.model}' not found")

    def check(self, served: Served) -> None:
        """Raises what Ollama answers where this model cannot do what is asked."""
        self._checked_options()

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> Neutral:
        """The request in the neutral model; where a route adds nothing, it asks for no more than the model."""
        return EmbedRequest(self.model, [], keep_alive=self.keep_alive, sampling=self._sampling(defaults))

    def _check_name(self) -> None:
        if not self.model.strip():
            raise InvalidRequest("model is required")
        if self.model.count(":") > 1:
            try:
                split_source(self.model)
            except NameConflict as error:
                raise InvalidRequest(str(error)) from None

    def _checked_options(self) -> dict[str, Any]:
        options = self._options
        if options is None:
            try:
                options = check_options(self._raw_options) if self._raw_options else {}
            except OptionError as error:
                raise OllamuxError(str(error)) from None
            self._options = options
        return options

    def _sampling(self, defaults: Mapping[str, Any]) -> Sampling:
        return sampling_of({**defaults, **self._checked_options()} if defaults else self._checked_options())

    def _full_name(self) -> str:
        name = parse_name(split_source(self.model)[0])
        return self.model if name is None else name.full()


class _Generating(OllamaIncoming):
    """What chat and generate share: thinking, formats, log probabilities, capabilities."""

    __slots__ = ("_request", "think", "top_logprobs")

    def __init__(self, route: Route, body: bytes, request: schema.ChatRequest | schema.GenerateRequest) -> None:
        self._request: Any = request
        self.think: schema.Think | None = request.think
        self.top_logprobs: int = request.top_logprobs or 0
        if not 0 <= self.top_logprobs <= 20:
            raise InvalidRequest("top_logprobs must be between 0 and 20")
        super().__init__(route, body, request.model, request.keep_alive, request.options)

    def _set(self, operation: Operation, needs: set[str], empty: bool) -> None:
        """`empty`: nothing to answer, so the model is loaded, or unloaded where it is not to be kept."""
        if empty:
            self.operation = "unload" if self.keep_alive == 0 else "load"
        else:
            self.operation = operation
            self.stream = self._request.stream is not False
        if self.think:
            needs.add("thinking")
        self.needs = frozenset(needs)

    def check(self, served: Served) -> None:
        if self.operation == "unload":
            return
        self._check_conflicts()
        can = served.capabilities
        if can:
            if self.think and "thinking" not in can:
                raise InvalidRequest(f"{quote(self.model)} does not support thinking")
            if "completion" not in can:
                raise InvalidRequest(f"{quote(self.model)} does not support {self.route}")
            for need in ("tools", "insert"):
                if need in self.needs and need not in can:
                    raise InvalidRequest(f"{self._full_name()} does not support {need}")
        self._checked_options()
        if self.operation != "load":
            self._output()

    def _check_conflicts(self) -> None:
        """What a route refuses before it looks at capabilities."""

    def _output(self) -> JsonFormat | None:
        raw = self._request.format
        text = b"" if raw is None else bytes(raw).strip()
        if text in (b"", b'""', b"null"):
            return None
        if text == b'"json"':
            return JsonFormat()
        if text[:1] == b"{":
            return JsonFormat(msgspec.Raw(text))
        shown = quote(text.decode("utf-8", "replace"))
        raise FormatError(f'invalid format: {shown}; expected "json" or a valid JSON Schema object')

    def _reasoning(self, served: Served) -> ReasoningOptions | None:
        """A model that can think does so unless told otherwise; one that cannot is told nothing."""
        think = self.think
        if isinstance(think, str):
            return ReasoningOptions(True, think)
        if served.capabilities and "thinking" not in served.capabilities:
            return None
        if think is None:
            return ReasoningOptions(True) if served.capabilities else None
        return ReasoningOptions(think)

    def _chat(self, served: Served, defaults: Mapping[str, Any], messages: list[Message], **more: Any) -> ChatRequest:
        request = self._request
        return ChatRequest(
            self.model,
            messages,
            self.stream,
            sampling=self._sampling(defaults),
            output=self._output(),
            reasoning=self._reasoning(served),
            logprobs=bool(request.logprobs),
            top_logprobs=self.top_logprobs,
            keep_alive=self.keep_alive,
            truncate=request.truncate,
            shift=request.shift,
            **more,
        )


class ChatIncoming(_Generating):
    """POST /api/chat."""

    __slots__ = ()

    def __init__(self, body: bytes, request: schema.ChatRequest) -> None:
        super().__init__("chat", body, request)
        needs = {"completion"}
        if request.tools:
            needs.add("tools")
        messages = request.messages
        if messages:
            for message in messages:
                if message.images:
                    needs.add("vision")
                    break
        self._set("chat", needs, not messages)

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        request = self._request
        return self._chat(served, defaults, messages_of(request.messages or []), tools=tools_of(request.tools or []))


class PlainChatIncoming(ChatIncoming):
    """POST /api/chat with nothing in it but the model, messages of a text each, options, and whether to stream."""

    __slots__ = ("_knobs",)

    def _set_plain(self, options: Settled | None) -> None:
        self._request = _NOTHING_ELSE
        self.route = "chat"
        self.think = None
        self.top_logprobs = 0
        self.keep_alive = None
        self.operation = "chat"
        self.needs = _COMPLETION
        self.warnings = ()
        self._raw_options = None
        if options is None:
            self._options, self._knobs = None, NO_SAMPLING
        else:
            self._options, self._knobs = options.options, options.sampling
        self.spent = None
        self.grammar_error = None
        if self.model not in _good:
            self._judge()

    def _judge(self) -> None:
        """Looks at a name that is not known to be a good one. Raises InvalidRequest."""
        self._check_name()
        if not _is_name(self.model):
            self.grammar_error = InvalidRequest("invalid model name")
            return
        if len(_good) >= _MOST_KNOWN:
            _good.clear()
        _good.add(self.model)

    def check(self, served: Served) -> None:
        if served.capabilities and "completion" not in served.capabilities:
            raise InvalidRequest(f"{quote(self.model)} does not support {self.route}")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        sampling = self._sampling(defaults) if defaults else self._knobs
        said = plain_messages(self.said)
        return chat_request(self.model, said, self.stream, sampling, self._reasoning(served), self.keep_alive)


def plain_chat(body: bytes) -> PlainChatIncoming | None:
    """The chat in a body, where it is of the plain sort; else None. Raises InvalidRequest for its model's name."""
    incoming = PlainChatIncoming.__new__(PlainChatIncoming)  # a call of the type would cost as much as all the rest
    incoming.body = body
    if not read_plain(incoming):
        return None
    known = None
    if incoming.wishes is not None:
        known = settled(incoming.wishes)
        if known is None:
            return None
    incoming._set_plain(known)  # pyright: ignore[reportPrivateUsage]
    return incoming


_MOST_KNOWN = 1024
_good: set[str] = set()
"""Names of models that have nothing wrong with them."""


class GenerateIncoming(_Generating):
    """POST /api/generate. Without `raw` and `suffix` it is a chat of one turn, and `turns` is what its `context`
    carries on; else a completion."""

    __slots__ = ("_lost", "turns")

    def __init__(self, body: bytes, request: schema.GenerateRequest) -> None:
        super().__init__("generate", body, request)
        needs = {"completion"}
        if request.images:
            needs.add("vision")
        if request.suffix:
            needs.add("insert")
        bare = bool(request.raw or request.suffix)
        self._set("completion" if bare else "chat", needs, not request.prompt)
        self.turns: list[Turn] | None = None
        self._lost: tuple[str, ...] = ()
        if not request.raw and request.prompt:
            self.turns = self._carried_on()

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest | CompletionRequest:
        request = self._request
        self.warnings = self._lost  # not before: a request that passes through loses nothing
        if self.operation == "completion":
            return CompletionRequest(
                self.model,
                request.prompt or "",
                request.suffix or None,
                self.stream,
                self._sampling(defaults),
                self._output(),
                bool(request.logprobs),
                self.top_logprobs,
                self.keep_alive,
            )
        messages = [text_message(role, text) for role, text in self.turns or ()]
        if request.images:
            last = messages[-1]
            messages[-1] = Message(last.role, [*last.parts, *attachments(request.images)])
        return self._chat(served, defaults, messages)

    def _check_name(self) -> None:
        if not self.model.strip():
            raise self.not_found()
        super()._check_name()

    def _check_conflicts(self) -> None:
        request = self._request
        if request.raw and (request.template or request.system or request.context):
            raise InvalidRequest("raw mode does not support template, system, or context")

    def _carried_on(self) -> list[Turn]:
        request = self._request
        turns: list[Turn] = []
        warnings: list[str] = []
        if request.context:
            carried = unpack(request.context)
            if carried is None:
                warnings.append("the context is not one that was given out here, and was dropped")
            else:
                turns = carried
        if request.template:
            warnings.append("the template was dropped: the backend has its own")
        self._lost = tuple(warnings)
        if request.system:
            turns = [("system", request.system), *(turn for turn in turns if turn[0] != "system")]
        turns.append(("user", request.prompt or ""))
        return turns


class EmbedIncoming(OllamaIncoming):
    """POST /api/embed."""

    __slots__ = ("_request", "inputs")

    def __init__(self, body: bytes, request: schema.EmbedRequest) -> None:
        self._request = request
        self.inputs = _inputs(request.input)
        super().__init__("embed", body, request.model, request.keep_alive, request.options)
        self.operation = "embed" if self.inputs else "load"
        self.needs = _EMBEDDING

    @property
    def dimensions(self) -> int | None:
        """Where each vector is to be cut."""
        return self._request.dimensions

    def not_found(self) -> OllamuxError:
        return _not_found(f'model "{self.model}" not found, try pulling it first')

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> EmbedRequest:
        request = self._request
        sampling = self._sampling(defaults)
        return EmbedRequest(self.model, self.inputs, request.dimensions, request.truncate, self.keep_alive, sampling)

    def _check_name(self) -> None:
        if not self.model.strip():
            raise super().not_found()
        super()._check_name()


class EmbeddingsIncoming(OllamaIncoming):
    """POST /api/embeddings, the old way for one text."""

    __slots__ = ("_request",)

    def __init__(self, body: bytes, request: schema.EmbeddingsRequest) -> None:
        self._request = request
        super().__init__("embeddings", body, request.model, request.keep_alive, request.options)
        self.operation = "embed" if request.prompt else "load"
        self.needs = _EMBEDDING

    def not_found(self) -> OllamuxError:
        return _not_found(f'model "{self.model}" not found, try pulling it first')

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> EmbedRequest:
        prompt = self._request.prompt
        return EmbedRequest(
            self.model, [prompt] if prompt else [], keep_alive=self.keep_alive, sampling=self._sampling(defaults)
        )


_COMPLETION: frozenset[str] = frozenset(("completion",))
_NOTHING_ELSE = schema.ChatRequest()
_EMBEDDING: frozenset[str] = frozenset(("embedding",))
_LONGEST_NAME = 600


def _is_name(model: str) -> bool:
    return len(model) <= _LONGEST_NAME and _parses(model)


@lru_cache(1024)
def _parses(model: str) -> bool:
    return parse_name(split_source(model)[0]) is not None


def _not_found(text: str) -> RequestError:
    error = RequestError(text, status=404, code="model_not_found", param="model")
    error.kind = "not_found"
    return error


def _inputs(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        if all(isinstance(item, str) for item in items):
            return items
    raise InvalidRequest("invalid input type")
