"""The built-in `demo` backend: a model that is none, so that ollamux answers before anything is connected.

It owns what the demo says, which of a request's wishes it fulfils, and its vectors. Strategy: the whole answer is
known at once and is cut into words, so that it streams as a real one does; every feature that a client may ask for
(tools, structured output, thinking, images, stop sequences, a limit of tokens) is served in the simplest way that is
correct.

A tool is called where `tool_choice` demands it, where it is the only one, or where the user's last message names it or
shares a word with its name or the first sentence of its description; otherwise, and once tools have answered, the
answer is a text, so that an agent that goes on as long as there are calls comes to an end.

Rules: pure and deterministic; the same request has the same answer. It says plainly what it is, and never pretends
to be a model. About four characters are a token.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, TypeAlias

import msgspec

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    Bytes,
    CompletionRequest,
    EmbedAnswer,
    EmbedRequest,
    Event,
    Finish,
    FinishReason,
    Image,
    JsonFormat,
    Message,
    Part,
    Reasoning,
    ReasoningDelta,
    ReasoningOptions,
    Start,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolResult,
    Usage,
    UsageUpdate,
)
from ollamux.errors import InvalidRequest
from ollamux.json_sample import Sampler

__all__ = ("CAPABILITIES", "CONTEXT_LENGTH", "DIMENSIONS", "MODEL", "answer", "embed")

MODEL = "demo"
CAPABILITIES: frozenset[str] = frozenset({"completion", "embedding", "insert", "thinking", "tools", "vision"})
CONTEXT_LENGTH = 32_768
"""What the model list tells, in tokens; nothing is cut at it."""
DIMENSIONS = 384

_Generation: TypeAlias = ChatRequest | CompletionRequest

_WHAT_IT_IS = "This is the built-in demo of ollamux: no real model is behind it."
_HOW_TO_CONNECT = (
    "To connect one, start Ollama, llama.cpp, LM Studio or vLLM on this machine and start ollamux again, "
    "name a backend in ollamux.yaml, or serve a file with `ollamux serve --gguf model.gguf`."
)
_THINKING = "The user would like an answer. I am a demo and cannot think, but this is where thinking would stand. "
_ECHO_LENGTH = 120
_CHARACTERS_PER_TOKEN = 4
_PIECES = re.compile(r"\s*\S+(?:\s+$)?|\s+")
_WORDS = re.compile(r"\w+")
_NAME_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_CONTEXT = re.compile(r"\s*<([a-z][\w-]*)>.*</\1>\s*", re.DOTALL)
"""What a program puts beside the words of its user: `<system-reminder>`, `<environment_context>`."""
_SENTENCE = re.compile(r"[^.!?\n]*")
_STEM = 5
_SAYING_NOTHING = frozenset(
    "about all and any are can for from get give has have hello how into its let make new not now one out please say "
    "some tell that the them then there these they this tool use used using want was what when where which will with "
    "you your".split()
)
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "image/webp"),
    (b"BM", "image/bmp"),
)


def answer(request: _Generation) -> list[Event]:
    """The events of a whole answer, from `Start` to `Finish`. Raises InvalidRequest for a schema that nothing fits."""
    said = _said(request)
    budget = _Budget(request.sampling.max_tokens)
    events: list[Event] = [Start(model=MODEL)]
    thought = ""
    if isinstance(request, ChatRequest) and _thinks(request.reasoning):
        thought = budget.take(_THINKING)
        events += [ReasoningDelta(piece) for piece in _PIECES.findall(thought)]
    tool = _tool(request, said)
    written = ""
    reason: FinishReason = "stop"
    if budget.empty:
        reason = "length"
    elif tool is not None:
        arguments = _arguments(tool, said)
        written = tool.name + arguments
        if budget.take(written) == written:
            events += _call(request, tool, arguments)
            reason = "tool_calls"
        else:
            written, reason = "", "length"
    else:
        whole, stopped = _stopped(_text(request, said), request.sampling.stop or ())
        written = budget.take(whole)
        events += [TextDelta(piece) for piece in _PIECES.findall(written)]
        reason = "length" if written != whole else "stop_sequence" if stopped else "stop"
    usage = Usage(
        input_uncached=_tokens(_read(request)),
        output_text=_tokens(written),
        reasoning=_tokens(thought) if thought else None,
    )
    return [*events, UsageUpdate(usage), Finish(reason)]


def embed(request: EmbedRequest) -> EmbedAnswer:
    """Unit vectors of 384 numbers, or of fewer where `dimensions` asks for it; texts that share words are near."""
    wanted = request.dimensions or DIMENSIONS
    vectors = [_vector(text, min(wanted, DIMENSIONS)) for text in request.inputs]
    return EmbedAnswer(vectors, input_tokens=sum(_tokens(text) for text in request.inputs), model=MODEL)


class _Budget:
    """How much may still be written, in characters; None is no end."""

    def __init__(self, tokens: int | None) -> None:
        self._left = tokens * _CHARACTERS_PER_TOKEN if tokens is not None and tokens > 0 else None

    @property
    def empty(self) -> bool:
        return self._left == 0

    def take(self, text: str) -> str:
        """As much of the text as the budget allows."""
        if self._left is None:
            return text
        text = text[: self._left]
        self._left = max(0, self._left - _tokens(text) * _CHARACTERS_PER_TOKEN)
        return text


def _said(request: _Generation) -> str:
    """The text of the user's last message, without what a program put beside it."""
    if isinstance(request, CompletionRequest):
        return request.prompt
    for message in reversed(request.messages):
        texts = [part.text for part in message.parts if isinstance(part, Text)]
        text = "".join(text for text in texts if not _CONTEXT.fullmatch(text))
        if message.role == "user" and text:
            return text
    return ""


def _plain(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def _thinks(options: ReasoningOptions | None) -> bool:
    if options is None:
        return False
    return options.enabled if options.enabled is not None else options.effort not in (None, "none")


def _tool(request: _Generation, said: str) -> Tool | None:
    """The tool to call now, if any; see the module."""
    if isinstance(request, CompletionRequest) or not request.tools:
        return None
    choice = request.tool_choice
    mode = choice.mode if choice is not None else "auto"
    if mode == "none" or (mode == "auto" and _results(request)):
        return None
    if choice is not None and mode == "named":
        return next((tool for tool in request.tools if tool.name == choice.name), request.tools[0])
    allowed = choice.allowed if choice is not None else ()
    tools = [tool for tool in request.tools if not allowed or tool.name in allowed] or list(request.tools)
    lowered = said.lower()
    named = (tool for tool in tools if re.search(rf"(?<!\w){re.escape(tool.name.lower())}(?!\w)", lowered))
    words = _stems(_WORDS.findall(lowered))
    by_name = (tool for tool in tools if words & _stems(_NAME_WORDS.findall(tool.name)))
    by_purpose = (tool for tool in tools if words & _stems(_WORDS.findall(_purpose(tool))))
    found = next(named, None) or next(by_name, None) or next(by_purpose, None)
    return tools[0] if found is None and (mode == "required" or len(request.tools) == 1) else found


def _stems(words: list[str]) -> set[str]:
    """The beginnings of the words that say something."""
    lowered = (word.lower() for word in words)
    return {word[:_STEM] for word in lowered if len(word) > 2 and word not in _SAYING_NOTHING}


def _purpose(tool: Tool) -> str:
    found = _SENTENCE.match((tool.description or "").lstrip())
    return found[0] if found else ""


def _arguments(tool: Tool, said: str) -> str:
    if tool.parameters is None:
        return "{}"
    value = Sampler(said).sample({"type": "object", **_schema(tool.parameters)})
    return msgspec.json.encode(value).decode()


def _schema(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except ValueError as error:
        raise InvalidRequest(f"invalid JSON schema: {error}") from error


def _call(request: _Generation, tool: Tool, arguments: str) -> list[Event]:
    earlier = 0
    if isinstance(request, ChatRequest):
        earlier = sum(isinstance(part, ToolCall) for message in request.messages for part in message.parts)
    half = (len(arguments) + 1) // 2
    pieces = [piece for piece in (arguments[:half], arguments[half:]) if piece]
    start = ToolCallStart(0, f"call_demo_{earlier + 1}", tool.name)
    return [start, *(ToolCallDelta(0, piece) for piece in pieces)]


def _results(request: ChatRequest) -> list[str]:
    """What tools answered since the model last spoke."""
    texts: list[str] = []
    for message in reversed(request.messages):
        if message.role == "assistant":
            break
        found = [part for part in message.parts if isinstance(part, ToolResult)]
        texts = [*(_plain(part.parts) for part in found), *texts]
        if message.role == "tool" and not found:
            texts.insert(0, _plain(message.parts))
    return texts


def _text(request: _Generation, said: str) -> str:
    if request.output is not None:
        return _structured(request.output, said)
    if isinstance(request, CompletionRequest):
        if request.suffix is not None:
            return " the demo of ollamux would fill in text here "
        return f"{_WHAT_IT_IS} The prompt was: {_short(said)} {_HOW_TO_CONNECT}"
    results = _results(request)
    if results:
        return f"{_WHAT_IT_IS} The tool answered: {_short(' '.join(results))}"
    pictures = _pictures(request.messages)
    seen = f"It was given {pictures}. " if pictures else ""
    echo = f"You said: {_short(said)} " if said else ""
    return f"{_WHAT_IT_IS} {seen}{echo}{_offered(request.tools)}{_HOW_TO_CONNECT}"


def _offered(tools: Sequence[Tool]) -> str:
    """How to have one of these tools called."""
    if not tools:
        return ""
    names = ", ".join(f"“{tool.name}”" for tool in tools[:3])
    return f"It may call {names}{', …' if len(tools) > 3 else ''}, where a message names it. "


def _structured(output: JsonFormat, said: str) -> str:
    value = {"answer": _WHAT_IT_IS} if output.schema is None else Sampler(said).sample(_schema(output.schema))
    return msgspec.json.encode(value).decode()


def _short(text: str) -> str:
    """A text in quotation marks, on one line, cut where it is long."""
    line = " ".join(text.split())
    cut = line if len(line) <= _ECHO_LENGTH else line[: _ECHO_LENGTH - 1].rstrip() + "…"
    return f"“{cut}”."


def _pictures(messages: Sequence[Message] | PlainMessages) -> str:
    images = [part for message in messages for part in message.parts if isinstance(part, Image)]
    if not images:
        return ""
    count = "an image" if len(images) == 1 else f"{len(images)} images"
    return f"{count} ({', '.join(_picture(image) for image in images[:4])}{', …' if len(images) > 4 else ''})"


def _picture(image: Image) -> str:
    source = image.source
    if not isinstance(source, Bytes):
        return "by reference"
    data = source.data.rstrip().rstrip("=")
    size = len(data) * 3 // 4
    shown = f"{size} bytes" if size < 1024 else f"{size / 1024:.0f} KiB"
    return f"{source.mime or _sniffed(data)}, {shown}"


def _sniffed(data: str) -> str:
    try:
        head = base64.b64decode(data[:16])
    except (binascii.Error, ValueError):
        return "unknown type"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), "unknown type")


def _stopped(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """The text before the stop sequence that comes first, and whether there was one."""
    found = [at for stop in stops if stop and (at := text.find(stop)) >= 0]
    return (text[: min(found)], True) if found else (text, False)


def _read(request: _Generation) -> str:
    """All text that a model would have read."""
    if isinstance(request, CompletionRequest):
        return request.prompt + (request.suffix or "")
    texts = [tool.name + (tool.description or "") + _raw(tool.parameters) for tool in request.tools]
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, (Text, Reasoning)):
                texts.append(part.text)
            elif isinstance(part, ToolCall):
                texts.append(part.name + part.arguments)
            elif isinstance(part, ToolResult):
                texts.append(_plain(part.parts))
    return "".join(texts)


def _raw(parameters: msgspec.Raw | None) -> str:
    return bytes(parameters).decode(errors="replace") if parameters is not None else ""


def _tokens(text: str) -> int:
    return -(-len(text) // _CHARACTERS_PER_TOKEN)


def _vector(text: str, dimensions: int) -> list[float]:
    """Each word and each run of three letters adds to two of the numbers; then the length is made 1."""
    sums = [0.0] * dimensions
    words = _WORDS.findall(text.casefold())
    for word in words:
        padded = f" {word} "
        features = [(word, 1.0)] + [(padded[at : at + 3], 0.25) for at in range(len(padded) - 2)]
        for feature, weight in features:
            digest = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            for at in (0, 4):
                number = int.from_bytes(digest[at : at + 4], "big")
                sums[number % DIMENSIONS % dimensions] += weight if number & 0x8000_0000 else -weight
    length = math.sqrt(sum(value * value for value in sums))
    if length == 0.0:
        return [1.0] + [0.0] * (dimensions - 1)
    return [value / length for value in sums]
