"""What a wire format offers: a serving side, a calling side, and the values that pass between them and the exchange.

A format is a folder below `formats` with `SERVING` (clients may speak it), `CALLING` (backends may speak it) or both
in its `__init__`; it is discovered, never listed. Both sides are small; passthrough, where client and backend speak
the same format, is part of both. Compiled, they are classes whose methods an exchange calls without a look-up.

Rules: a format knows the neutral model and nothing of other formats, providers or routing. What a backend's format
cannot carry is dropped with a warning (`Outgoing.warnings`), what would change the meaning is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from ollamux.chat import ChatRequest
from ollamux.contract import HeaderPairs, Value
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest, Operation
from ollamux.errors import NotSupported, OllamuxError
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming, Served
from ollamux.formats.outgoing import Outgoing
from ollamux.streaming.translator import Converter, Reader, Renderer

__all__ = (
    "NOWHERE",
    "Calling",
    "Dialect",
    "Incoming",
    "Neutral",
    "Outgoing",
    "Place",
    "RenderContext",
    "Served",
    "Serving",
    "ServingRoute",
    "SeveralRenderer",
    "WholeRenderer",
)

Neutral: TypeAlias = ChatRequest | CompletionRequest | EmbedRequest


class ServingRoute(msgspec.Struct, frozen=True):
    """A path of a client format that calls a model. `name` is the format's own word for it (chat, generate, embed). One
    part of a path may be in braces, `/v1beta/models/{model}:generateContent`: it stands for any text, slashes too."""

    method: str
    path: str
    name: str


class Place(msgspec.Struct, frozen=True):
    """What a request's target holds beside its route: what stands in the braces, decoded, and the query as it came."""

    argument: str = ""
    query: str = ""


NOWHERE = Place()
_CHOICES = frozenset(("auto", "none", "required", "named"))
_CUES = {"developer": "developer", "image_url": "image_urls", "json_schema": "json_schema"}
"""What a body holds that a flag of a dialect speaks of."""


_IN_MESSAGES = (b'"developer"', b'"image_url"')


class Dialect(Value):
    """How one provider's spelling of a format differs from the next one's. Data, set by the provider.

    `sampling` maps a field of `conversation.Sampling` (or of its `other`) to the backend's name for it, None where it
    has none; fields that are not named keep the format's own name. `think` says how thinking is switched:
    `chat_template_kwargs` (llama.cpp, vLLM), `reasoning_effort` (OpenAI), or empty. `refuses` are members of a request
    that the backend takes for an error: they are left out with a warning. `reasoning_echo` is the field in which it
    takes the thinking of earlier turns back, and refuses calls without it where `echo_wanted`. `tool_choice` are the
    modes that it knows, `allowed` among them where it takes a list of allowed tools. `signatures` are the members of
    earlier turns in which it wants back what it signed: `reasoning_details` of a message, `extra_content` of a call.
    `strict` backends refuse what they do not know inside messages. Ids of calls have `call_ids` letters and digits
    there, names of tools at most `tool_names` letters, digits, `_` and `-` (0: any will do).

    `prefill` are the members of a request that make it go on with a last message of the assistant, none where it does
    so by itself; None where it cannot.

    The rest say what it has: the developer's role, pictures by their address, files, `dimensions` of vectors,
    `metadata` and tiers of service, completions without a template, how many texts it embeds at a time (0: any), and
    whether its vectors are predictions, as Vertex has them. `cues` are made of these: texts without which a body
    passes as it is, and `beside` of those that may stand beside messages which are a text each."""

    __match_args__ = (
        "sampling",
        "think",
        "reasoning_fields",
        "stream_options",
        "max_tokens",
        "top_logprobs",
        "json_schema",
        "developer",
        "image_urls",
        "files",
        "dimensions",
        "metadata",
        "completions",
        "most_inputs",
        "predicts",
        "strict",
        "call_ids",
        "tool_names",
        "reasoning_echo",
        "echo_wanted",
        "signatures",
        "tool_choice",
        "refuses",
        "extra",
        "prefill",
    )
    __slots__ = (*__match_args__, "beside", "cues")

    def __init__(
        self,
        *,
        sampling: dict[str, str | None] | None = None,
        think: str = "",
        reasoning_fields: tuple[str, ...] = ("reasoning_content", "reasoning"),
        stream_options: bool = True,
        max_tokens: str = "max_tokens",
        top_logprobs: bool = True,
        json_schema: bool = True,
        developer: bool = True,
        image_urls: bool = True,
        files: bool = False,
        dimensions: bool = False,
        metadata: bool = False,
        completions: bool = True,
        most_inputs: int = 0,
        predicts: bool = False,
        strict: bool = False,
        call_ids: int = 0,
        tool_names: int = 0,
        reasoning_echo: str = "",
        echo_wanted: bool = False,
        signatures: frozenset[str] = frozenset(),
        tool_choice: frozenset[str] = _CHOICES,
        refuses: frozenset[str] = frozenset(),
        extra: dict[str, Any] | None = None,
        prefill: dict[str, Any] | None = None,
    ) -> None:
        self.sampling: dict[str, str | None] = sampling if sampling is not None else {}
        self.think = think
        self.reasoning_fields = reasoning_fields
        self.stream_options = stream_options
        self.max_tokens = max_tokens
        self.top_logprobs = top_logprobs
        self.json_schema = json_schema
        self.developer = developer
        self.image_urls = image_urls
        self.files = files
        self.dimensions = dimensions
        self.metadata = metadata
        self.completions = completions
        self.most_inputs = most_inputs
        self.predicts = predicts
        self.strict = strict
        self.call_ids = call_ids
        self.tool_names = tool_names
        self.reasoning_echo = reasoning_echo
        self.echo_wanted = echo_wanted
        self.signatures = signatures
        self.tool_choice = tool_choice
        self.refuses = refuses
        self.extra: dict[str, Any] = extra if extra is not None else {}
        self.prefill = prefill
        cues = set(refuses)
        cues |= {name for name, flag in _CUES.items() if not getattr(self, flag)}
        if strict or echo_wanted:
            cues.add("assistant")
        if max_tokens == "max_completion_tokens":
            cues.add("max_tokens")
        if not tool_choice >= _CHOICES:
            cues.add("tool_choice")
        self.cues = tuple(sorted([f'"{name}"'.encode() for name in cues]))
        self.beside = tuple([cue for cue in self.cues if cue not in _IN_MESSAGES])

    def having(self, **changes: Any) -> Dialect:
        """The same dialect but for these fields."""
        return Dialect(**{**{name: getattr(self, name) for name in self.__match_args__}, **changes})


class WholeRenderer(Renderer, Protocol):
    """A renderer that also writes answers that are not streamed."""

    def whole(self, answer: Answer, now: float) -> bytes:
        """A chat's or a completion's whole answer."""
        ...

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        """The vectors."""
        ...

    def loaded(self, operation: Operation, now: float) -> bytes:
        """The answer to a load or an unload."""
        ...

    def counted(self, tokens: int, now: float) -> bytes:
        """How many tokens a request has."""
        ...


class SeveralRenderer(Renderer, Protocol):
    """A renderer for a request with several choices. Streams come one after the other, each with its `end`, after the
    last of which the client's stream is complete."""

    def whole_of(self, answers: Sequence[Answer], now: float) -> bytes:
        """The choices as one whole answer. Raises BackendError where one of them cannot be told."""
        ...


class Serving:
    """The client's side of a format. `whole_type` is the media type of its answers that are not streamed."""

    __slots__ = ("name", "routes", "whole_type")

    def __init__(self, name: str, routes: tuple[ServingRoute, ...], whole_type: str) -> None:
        self.name = name
        self.routes = routes
        self.whole_type = whole_type

    def read(self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE) -> Incoming:
        """Decodes a body. Raises RequestError with the format's own words."""
        raise _not_this("read requests")

    def stream_type(self, incoming: Incoming) -> str:
        """The media type of the stream that answers this request."""
        raise _not_this("stream")

    def renderer(self, incoming: Incoming, context: RenderContext) -> WholeRenderer:
        """What writes the answer to this request."""
        raise _not_this("write answers")

    def whole(self, incoming: Incoming, context: RenderContext, answer: Answer, now: float) -> bytes:
        """A chat's or a completion's whole answer, where nothing of it was written before."""
        return self.renderer(incoming, context).whole(answer, now)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        """An error before the first byte: status, headers, body."""
        raise _not_this("write errors")

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        """Passthrough of a backend's stream in this very format."""
        raise _not_this("pass streams on")

    def opens(self, told: bytes) -> bool:
        """Whether these bytes of a stream that `relay` passed say nothing but that an answer begins: a role, an empty
        block. What is held back as long as they do is not missed."""
        return False

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        """Passthrough of a backend's whole answer in this very format. Raises BackendUnavailable for garbage."""
        raise _not_this("pass answers on")


class Calling:
    """The backend's side of a format. `text_markers` are the names of the members in which its streams bring text,
    thinking and the arguments of calls, for the compiled converters; none where they have nothing to gain. `finishes`
    are its servers' words for why a model stopped, as far as they are known."""

    __slots__ = ("finishes", "name", "text_markers")

    def __init__(self, name: str, text_markers: tuple[bytes, ...], finishes: Iterable[str]) -> None:
        self.name = name
        self.text_markers = text_markers
        self.finishes = frozenset(finishes)

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        """The backend's request. Raises InvalidRequest for what would change its meaning."""
        raise _not_this("send requests")

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        """The client's own request, in this very format, with nothing changed but what must be. `defaults` are
        configured options, and `keep_alive` in seconds (infinite: for ever) beside them."""
        raise _not_this("pass requests on")

    def reader(self, request: Neutral, dialect: Dialect) -> Reader:
        """What reads the backend's stream."""
        raise _not_this("read streams")

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        """Reads a whole answer. Raises BackendUnavailable where it is none, BackendError where it is an error."""
        raise _not_this("read answers")

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        """The error behind a status of 400 or more."""
        raise _not_this("read errors")


def _not_this(what: str) -> OllamuxError:
    """What one side of a format raises for that which it does not do."""
    return NotSupported(f"this format does not {what}")
