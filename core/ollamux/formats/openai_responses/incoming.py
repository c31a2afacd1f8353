"""Requests of clients that speak OpenAI's Responses.

Strategy: what routing needs is read in one typed decode that skips the input; the whole request is read only where it
has to be translated. Earlier turns, named by `previous_response_id` or by an `item_reference`, are put in from the
store.

Rules: what would change the meaning is refused (background work, a conversation or a prompt that OpenAI keeps, an
earlier response that nobody knows); hints that no other format knows (caching, safety) are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.contract import HeaderPairs
from ollamux.conversation import JsonFormat, Message, Operation, ReasoningOptions, Sampling, Text
from ollamux.errors import InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.base import Incoming, Served
from ollamux.formats.openai_responses.extensions import keep_alive_of, sampling_of, thinking_of
from ollamux.formats.openai_responses.items import ItemReader
from ollamux.formats.openai_responses.schema import Request, Routing, decode_request, decode_routing
from ollamux.formats.openai_responses.store import Kept, StoredResponses
from ollamux.formats.openai_responses.tools import Toolbox
from ollamux.formats.thinking import thinkable

__all__ = ("Progress", "ResponsesIncoming", "named_elsewhere", "read_route", "reference_of")

_COMPLETION: frozenset[str] = frozenset(("completion",))
_LOGPROBS = "message.output_text.logprobs"
_NOT_HERE = {
    "background": "work in the background cannot be carried to this model's backend",
    "conversation": "a conversation that OpenAI keeps cannot be carried to this model's backend",
    "prompt": "a prompt that OpenAI keeps cannot be carried to this model's backend",
}
_FUNCTIONS = (b'"function"', b'"custom"')
_LOST = ("max_tool_calls", "moderation", "context_management")


class _Reference(msgspec.Struct, gc=False):
    type: str | None = None
    id: str | None = None
    role: str | None = None


class _Input(msgspec.Struct, gc=False):
    input: str | list[msgspec.Raw] | None = None
    conversation: Any = None
    prompt: Any = None


_decode_input = msgspec.json.Decoder(_Input).decode
_decode_reference = msgspec.json.Decoder(_Reference).decode
_encode = msgspec.json.Encoder().encode


class Progress:
    """How far a stream that passes through has come, so that what tells of its break can go on from there."""

    __slots__ = ("head", "number")

    def __init__(self) -> None:
        self.head: dict[str, msgspec.Raw] | None = None
        self.number = 0


class ResponsesIncoming(Incoming):
    """POST /v1/responses, or /v1/responses/input_tokens where `operation` is count."""

    __slots__ = ("_earlier", "_read", "headers", "kept", "owner", "previous", "progress", "responses", "toolbox")

    def __init__(
        self,
        body: bytes,
        routing: Routing,
        responses: StoredResponses,
        owner: str = "",
        operation: Operation = "chat",
        headers: HeaderPairs = (),
    ) -> None:
        self.body = body
        self.model = routing.model or ""
        self.operation: Operation = operation
        self.stream = bool(routing.stream) and operation == "chat"
        self.keep_alive = keep_alive_of(routing.keep_alive)
        self.spent = None
        self.grammar_error: OllamuxError | None = None  # OpenAI has no grammar for names
        self.warnings: tuple[str, ...] = ()
        self.kept = routing.store is not False and operation == "chat"
        self.previous = routing.previous_response_id or ""
        self._earlier: Kept | None = None
        self._read: _Input | None = None
        self.responses = responses
        self.owner = owner
        self.headers = headers
        self.progress = Progress()
        self.toolbox: Toolbox | None = None
        self.needs = _COMPLETION
        if routing.tools and any(word in bytes(tool) for tool in routing.tools for word in _FUNCTIONS):
            self.needs |= {"tools"}
        if b'"input_image"' in body:
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

    def earlier(self) -> Kept | None:
        """The response that this request goes on from, where it is kept here."""
        if self.previous and self._earlier is None:
            self._earlier = self.responses.find(self.previous, self.owner)
        return self._earlier

    def items(self) -> list[bytes]:
        """The items of this request alone, with references to what is kept here replaced by what they name. Raises
        InvalidRequest."""
        given = self._given().input
        if given is None:
            return []
        if isinstance(given, str):
            return [_encode({"type": "message", "role": "user", "content": given})]
        found = [bytes(item) for item in given]
        if b'"id"' not in self.body:
            return found
        return [self._named(item) or item for item in found]

    def _named(self, raw: bytes) -> bytes | None:
        """What a reference names; None where the item is none, or names what is not kept here."""
        id_ = reference_of(raw)
        return self.responses.item(id_, self.owner) if id_ else None

    def conversation(self) -> list[bytes]:
        """The items of earlier turns and of this one. Raises InvalidRequest."""
        earlier = self.earlier()
        return [*(earlier.items if earlier is not None else ()), *self.items()]

    def told_of(self, id_: str) -> None:
        """The backend began a response, which it keeps where the client did not say otherwise."""
        if self.kept:
            self.responses.remember(id_, self.owner, self.model)

    def keep(self, id_: str, body: bytes, output: list[bytes], now: float, *, upstream: bool = False) -> None:
        """Puts the response to this request into the store, where the client did not say otherwise, and where all
        that went before it is known here. `upstream`: its backend keeps it, too."""
        if upstream:
            self.told_of(id_)
        if not self.kept or (self.previous and self.earlier() is None):
            return
        try:
            given, items = self._given(), self.conversation()
        except (InvalidRequest, RecursionError):
            return  # the backend understood what nobody here does
        if not given.conversation and not given.prompt and all(item[:1] == b"{" for item in (*items, *output)):
            self.responses.put(id_, self.owner, body, items, output, now, upstream=upstream)

    def _given(self) -> _Input:
        if self._read is None:
            try:
                self._read = _decode_input(self.body)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidRequest(str(error)) from None
        return self._read

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        """The whole request. Raises InvalidRequest."""
        request = self._whole()
        for name, text in _NOT_HERE.items():
            if getattr(request, name):
                raise InvalidRequest(text, param=name)
        if self.previous and self.earlier() is None:
            raise InvalidRequest(
                f"Previous response with id '{self.previous[:100]}' not found.",
                code="previous_response_not_found",
                param="previous_response_id",
            )
        toolbox = Toolbox(request.tools or ())
        self.toolbox = toolbox
        reader = ItemReader(toolbox)
        instructions = _instructions(request)
        items = self.conversation()
        for place, raw in enumerate(items):
            if id_ := reference_of(raw):
                raise InvalidRequest(f"Item with id '{id_[:100]}' not found.", param=f"input[{place}]")
        messages = instructions + reader.read(items)
        if not messages:
            raise InvalidRequest("input is required", param="input")
        choice = toolbox.choice(request.tool_choice)
        warnings = [*toolbox.warnings, *reader.warnings]
        lost = [name for name in _LOST if getattr(request, name)]
        if lost:
            warnings.append(f"this model's backend does not take: {', '.join(lost)}")
        reasoning, unable = thinkable(_reasoning(request), served)
        self.warnings = (*warnings, *unable)
        return ChatRequest(
            self.model,
            messages,
            self.stream,
            tuple(toolbox.tools),
            choice if toolbox.tools else None,
            request.parallel_tool_calls,
            _sampling(request, defaults),
            _output(request),
            reasoning,
            _LOGPROBS in (request.include or ()) or bool(request.top_logprobs),
            request.top_logprobs or 0,
            self.keep_alive,
            {"auto": True, "disabled": False}.get(request.truncation or ""),
            user=request.safety_identifier or request.user,
            metadata=request.metadata,
            service_tier=request.service_tier,
        )

    def _whole(self) -> Request:
        try:
            return decode_request(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None


def reference_of(raw: bytes) -> str:
    """The id that an `item_reference` names; empty where the item is something else."""
    if b'"id"' not in raw:
        return ""
    try:
        found = _decode_reference(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    refers = found.type == "item_reference" or (found.type is None and found.role is None)
    return (found.id or "") if refers else ""


def named_elsewhere(body: bytes, owner: str, responses: StoredResponses) -> tuple[str, tuple[str, ...]]:
    """The response that a request goes on from, and the items that it refers to, as far as they are not kept here."""
    previous = b'"previous_response_id"' in body
    if not previous and b'"id"' not in body:
        return "", ()
    try:
        id_ = decode_routing(body).previous_response_id or "" if previous else ""
        given = _decode_input(body).input
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ()
    if id_ and responses.find(id_, owner) is not None:
        id_ = ""
    named = {reference_of(bytes(item)) for item in given} if isinstance(given, list) else set[str]()
    return id_, tuple(sorted(item for item in named if item and responses.item(item, owner) is None))


def read_route(
    body: bytes,
    responses: StoredResponses,
    owner: str = "",
    operation: Operation = "chat",
    headers: HeaderPairs = (),
) -> ResponsesIncoming:
    """Reads what routing needs; `headers` go on where the request passes through. Raises InvalidRequest."""
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
    return ResponsesIncoming(body, routing, responses, owner, operation, headers)


def _instructions(request: Request) -> list[Message]:
    told = request.instructions
    if not told:
        return []
    if isinstance(told, str):
        return [Message("system", [Text(told)])]
    return ItemReader(Toolbox(())).read(bytes(item) for item in told)


def _output(request: Request) -> JsonFormat | None:
    form = request.text.format if request.text is not None else None
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return JsonFormat()
    if form.type != "json_schema" or bytes(form.schema) in (b"", b"null"):
        raise InvalidRequest("text.format must be text, json_object or json_schema", param="text.format")
    return JsonFormat(form.schema, form.name, form.strict, form.description)


def _reasoning(request: Request) -> ReasoningOptions | None:
    told = request.reasoning
    if told is not None and (told.effort is not None or told.summary or told.generate_summary):
        enabled = None if told.effort is None else told.effort != "none"
        return ReasoningOptions(enabled, told.effort, summary=told.summary or told.generate_summary)
    return thinking_of(request.think)


def _sampling(request: Request, defaults: Mapping[str, Any]) -> Sampling:
    said = {"max_tokens": request.max_output_tokens, "temperature": request.temperature, "top_p": request.top_p}
    options = dict(request.options or {})
    if request.num_ctx is not None:
        options.setdefault("num_ctx", request.num_ctx)
    verbosity = request.text.verbosity if request.text is not None else None
    if verbosity is not None:
        options["verbosity_level"] = verbosity
    return sampling_of(said, options, defaults)
