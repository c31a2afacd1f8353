"""What is chosen to convert a stream, and that real formats get the same bytes from either build."""

from __future__ import annotations

import importlib.machinery
import importlib.util
from collections.abc import Iterable

import msgspec
import pytest

from ollamux import _build
from ollamux.clock import Clock
from ollamux.formats.base import RenderContext
from ollamux.formats.ollama.rendering import OllamaRenderer
from ollamux.formats.openai_chat import CALLING
from ollamux.formats.openai_chat.reading import ChatReader
from ollamux.streaming import convert
from ollamux.streaming.ndjson_relay import NdjsonRelay
from ollamux.streaming.translator import Converter, Translator

NOW = 12.25
BUILT = not _build.PURE and importlib.util.find_spec("ollamux.streaming._template") is not None
CLOCK = Clock()
CLOCK.set(1_790_000_000.0, 0, 0.0)


@pytest.fixture(params=["pure", "compiled"])
def build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each build in turn, the compiled one where it is there."""
    name: str = request.param
    if name == "pure":
        monkeypatch.setattr(convert, "_front", None)
    elif convert._front is None:
        pytest.skip("the extension is not built")
    return name


def chunk(delta: dict[str, object], n: int, finish: str | None = None, **more: object) -> bytes:
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1_790_000_000 + n // 3, "model": "up"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return b"data: " + msgspec.json.encode({**head, "choices": [choice], **more}) + b"\n\n"


WORDS = (
    "Once",
    " upon",
    " a",
    ' "time"',
    "\n\ttabs\\",
    "<b>&",
    "日本",
    "😀",
    "\u2028",
    "\x7f",
    "\x00",
    "\b",
    "",
    " end",
)
CALL: dict[str, object] = {
    "tool_calls": [{"index": 0, "id": "x", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]
}
LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}]}
USAGE = b'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
TEXT = b"".join(chunk({"content": word}, n) for n, word in enumerate(WORDS * 2))
ROLE = chunk({"role": "assistant", "content": ""}, 0)
DONE = b"data: [DONE]\n\n"
STREAMS = {
    "text": ROLE + TEXT + chunk({}, 9, "stop") + USAGE + DONE,
    "thinking": ROLE
    + b"".join(chunk({"reasoning_content": w}, 0) for w in WORDS)
    + TEXT
    + chunk({}, 9, "length")
    + DONE,
    "a tool call": ROLE + TEXT + chunk(CALL, 1) + chunk({}, 9, "tool_calls") + DONE,
    "log probabilities": ROLE
    + TEXT
    + chunk({"content": "a"}, 1, choices=[{"index": 0, "delta": {"content": "a"}, "logprobs": LOGPROBS}])
    + TEXT
    + DONE,
    "an error": ROLE + TEXT + b'data: {"error":{"message":"no"}}\n\n' + TEXT,
    "cut off": ROLE + TEXT[:-40],
    "comments": (ROLE + TEXT + DONE).replace(b"\n\n", b"\n\n: keepalive\n\n"),
}


def translator(route: str = "chat") -> Translator:
    context = RenderContext("mine", CLOCK, 1.0, 1.0)
    return Translator(ChatReader(), OllamaRenderer("generate" if route == "generate" else "chat", context))


def run(converter: Converter, pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
    made = b"".join([converter.feed(piece, NOW) for piece in pieces]) + converter.close(NOW)
    return made, converter.fault, converter.usage, converter.complete


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("route", ["chat", "generate"])
def test_chat_chunks_become_the_same_lines_in_both_builds(build: str, name: str, route: str) -> None:
    stream = STREAMS[name]
    expected = run(translator(route), [stream])
    for step in (1, 7, 64, 200, 1000, len(stream)):
        pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
        assert run(convert.converter_for(translator(route), CLOCK, CALLING.text_markers), pieces) == expected


def test_the_pure_build_converts_through_the_events_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "_front", None)
    general, relay = translator(), NdjsonRelay("up", "mine")
    assert convert.converter_for(general, CLOCK, CALLING.text_markers) is general
    assert convert.relay_for(relay) is relay


def test_without_markers_there_are_no_templates() -> None:
    general = translator()
    assert convert.converter_for(general, CLOCK, ()) is general


def test_the_extension_is_loaded_where_it_was_built() -> None:
    if not BUILT:
        assert convert._front is None
        return
    assert convert._front is not None
    spec = importlib.util.find_spec(convert._front.__module__)
    assert spec is not None and isinstance(spec.loader, importlib.machinery.ExtensionFileLoader)
    assert isinstance(convert.converter_for(translator(), CLOCK, CALLING.text_markers), convert._front)
