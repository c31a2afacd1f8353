"""What one chunk of a stream costs: converted and passed through, by each build, one chunk a read and twenty.

`ns_per_event` and `mb_per_s` (of the backend's bytes) stand in extra_info; the loop's own share is a few ns.

    pytest bench/test_converters.py --benchmark-columns=median
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ollamux.clock import Clock
from ollamux.formats.base import RenderContext
from ollamux.formats.ollama.rendering import OllamaRenderer
from ollamux.formats.openai_chat import CALLING
from ollamux.formats.openai_chat.reading import ChatReader
from ollamux.streaming import convert
from ollamux.streaming.ndjson_relay import NdjsonRelay
from ollamux.streaming.sse_relay import SseRelay
from ollamux.streaming.translator import Converter, Translator

EVENTS = 2000
CLOCK = Clock()
CLOCK.set(1_790_000_000.0, 0, 0.0)


def chat_chunk(n: int) -> bytes:
    choice = {"index": 0, "delta": {"content": f" word{n % 10}"}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "up"}
    return b"data: " + msgspec.json.encode({**head, "choices": [choice]}) + b"\n\n"


def varied_chunk(n: int) -> bytes:
    """As llama.cpp and OpenAI write them: the second, and padding, differ from chunk to chunk."""
    chunk = chat_chunk(n).replace(b"1790000000", b"%d" % (1_790_000_000 + n))
    return chunk.replace(b"]}\n\n", b'],"obfuscation":"' + b"x" * (n % 9) + b'"}\n\n')


def ollama_line(n: int) -> bytes:
    head = {"model": "up", "created_at": f"2026-01-01T00:00:00.{n:06}Z"}
    line = {**head, "message": {"role": "assistant", "content": f" word{n % 10}"}, "done": False}
    return msgspec.json.encode(line) + b"\n"


def translator() -> Converter:
    general = Translator(ChatReader(), OllamaRenderer("chat", RenderContext("mine", CLOCK, 0.0, 0.0)))
    return convert.converter_for(general, CLOCK, CALLING.text_markers)


CASES: dict[str, tuple[Callable[[int], bytes], Callable[[], Converter]]] = {
    "chat to ollama": (chat_chunk, translator),
    "chat to ollama, varied": (varied_chunk, translator),
    "chat to chat": (varied_chunk, lambda: convert.relay_for(SseRelay("up", "up"))),
    "chat to chat, renamed": (varied_chunk, lambda: convert.relay_for(SseRelay("up", "mine"))),
    "ollama to ollama": (ollama_line, lambda: convert.relay_for(NdjsonRelay("up", "up"))),
    "ollama to ollama, renamed": (ollama_line, lambda: convert.relay_for(NdjsonRelay("up", "mine"))),
}


@pytest.mark.parametrize("events_a_read", [1, 20])
@pytest.mark.parametrize("build", ["pure", "compiled"])
@pytest.mark.parametrize("case", CASES)
def test_the_cost_of_a_chunk(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, case: str, build: str, events_a_read: int
) -> None:
    event, make = CASES[case]
    if build == "pure":
        monkeypatch.setattr(convert, "_front", None)
    elif convert._front is None:
        pytest.skip("the extension is not built")
    events = [event(n) for n in range(EVENTS)]
    reads = [b"".join(events[at : at + events_a_read]) for at in range(0, EVENTS, events_a_read)]
    converter = make()
    for read in reads[:10]:
        assert converter.feed(read, 1.0)
    feed = converter.feed

    def stream() -> None:
        now = 1.0
        for read in reads:
            now += 0.05
            feed(read, now)

    benchmark.pedantic(stream, rounds=30, warmup_rounds=2)  # type: ignore[no-untyped-call]
    stats: Any = benchmark.stats
    assert stats is not None
    seconds: float = stats.stats.median
    benchmark.extra_info["ns_per_event"] = round(seconds / EVENTS * 1e9, 1)
    benchmark.extra_info["mb_per_s"] = round(sum(map(len, reads)) / seconds / 1e6)
