"""What a delta of a stream costs: every pair of formats, text, thinking and arguments, by each build, one a read and
twenty; and streams that pass through.

The backends' streams are what the formats' own renderers write. `ns_per_event` and `mb_per_s` (of the backend's bytes)
stand in extra_info, and `empty_calls`: the same in empty calls of Python functions, measured beside it.

    pytest bench/test_converters.py --benchmark-columns=median     everything
    python -m bench.test_converters                                the table of bench/README.md, with both builds
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import product
from typing import Any

import msgspec
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.frames import frame
from ollamux.clock import Clock
from ollamux.conversation import Event, ReasoningDelta, Start, TextDelta, ToolCallDelta, ToolCallStart
from ollamux.formats import calling, servings
from ollamux.formats.base import Dialect, Incoming, Place, RenderContext, Served
from ollamux.streaming import convert
from ollamux.streaming.ndjson_relay import NdjsonRelay
from ollamux.streaming.sse_relay import SseRelay
from ollamux.streaming.translator import Converter, Translator

EVENTS = 400
CLOCK = Clock()
CLOCK.set(1_790_000_000.0, 0, 0.0)
SERVINGS = {serving.name: serving for serving in servings()}
SOURCES = ("openai_chat", "ollama", "anthropic", "gemini", "openai_responses", "bedrock")
TARGETS = ("ollama", "openai_chat", "anthropic", "openai_responses", "gemini")
KINDS = ("text", "thinking", "arguments")
WHOLE = ("ollama", "gemini")
"""Formats whose calls come whole."""

_ROUTES = {"openai_responses": "responses", "gemini": "v1beta/streamGenerateContent"}


@lru_cache
def asked(name: str) -> Incoming:
    """A client's request for a stream."""
    said = [{"role": "user", "content": "hi"}]
    body: dict[str, object] = {"model": "mine", "stream": True, "messages": said, "max_tokens": 100}
    place = Place()
    if name == "openai_responses":
        body = {"model": "mine", "stream": True, "input": said}
    elif name == "gemini":
        body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        place = Place("mine", "alt=sse")
    routes = SERVINGS[name].routes
    route = next(route for route in routes if route.name == _ROUTES.get(name, "chat"))
    return SERVINGS[name].read(route, msgspec.json.encode(body), {}, place)


def delta(kind: str, n: int) -> Event:
    if kind == "text":
        return TextDelta(f" word{n % 10}")
    return ReasoningDelta(f" hm{n % 10}") if kind == "thinking" else ToolCallDelta(0, f" {n % 10},")


def streamed(source: str, kind: str, count: int = EVENTS) -> tuple[bytes, list[bytes]]:
    """What a backend sends before the deltas, with the first of them, and the deltas, one by one."""
    if source == "bedrock":
        return frames(kind, count)
    writer = SERVINGS[source].renderer(asked(source), RenderContext("up", CLOCK, 0.0, 0.0))
    begun: list[Event] = [Start("r1", "up", 1_790_000_000)]
    begun += [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, '{"a":[')] if kind == "arguments" else []
    begun += [delta(kind, n) for n in range(3)]
    head = b"".join([writer.events([event], 1.0) for event in begun])
    return head, [writer.events([delta(kind, n)], 1.0) for n in range(count)]


def frames(kind: str, count: int) -> tuple[bytes, list[bytes]]:
    """The same as Converse streams it, which no client speaks and no renderer writes."""

    def piece(n: int) -> bytes:
        told = delta(kind, n)
        if isinstance(told, TextDelta):
            what: dict[str, Any] = {"text": told.text}
        elif isinstance(told, ReasoningDelta):
            what = {"reasoningContent": {"text": told.text}}
        else:
            assert isinstance(told, ToolCallDelta)
            what = {"toolUse": {"input": told.arguments}}
        return frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": what})

    head = frame("messageStart", {"role": "assistant"})
    if kind == "arguments":
        head += frame(
            "contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "c1", "name": "f"}}}
        )
        head += frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"a":['}}})
    return head + b"".join(map(piece, range(3))), list(map(piece, range(count)))


def translated(source: str, target: str) -> Converter:
    neutral = asked(target).neutral(Served("mine", "mine", frozenset({"completion", "tools", "thinking"})), {})
    renderer = SERVINGS[target].renderer(asked(target), RenderContext("mine", CLOCK, 0.0, 0.0))
    by = calling(source)
    return convert.converter_for(Translator(by.reader(neutral, Dialect()), renderer), CLOCK, by.text_markers)


def varied() -> tuple[bytes, list[bytes]]:
    """As llama.cpp and OpenAI write chunks: the second, and padding, differ from chunk to chunk."""
    head, events = streamed("openai_chat", "text")
    odd = [event.replace(b"1790000000", b"%d" % (1_790_000_000 + n)) for n, event in enumerate(events)]
    return head, [
        event.replace(b"]}\n\n", b'],"obfuscation":"' + b"x" * (n % 9) + b'"}\n\n') for n, event in enumerate(odd)
    ]


Case = tuple[Callable[[], tuple[bytes, list[bytes]]], Callable[[], Converter]]


def pair(source: str, target: str, kind: str) -> Case:
    return lambda: streamed(source, kind), lambda: translated(source, target)


CASES: dict[str, Case] = {
    f"{source} to {target}, {kind}": pair(source, target, kind)
    for source, target, kind in product(SOURCES, TARGETS, KINDS)
    if source != target and not (kind == "arguments" and source in WHOLE)
} | {
    "openai_chat to ollama, varied": (varied, lambda: translated("openai_chat", "ollama")),
    "openai_chat passed": (varied, lambda: convert.relay_for(SseRelay("up", "up"))),
    "openai_chat passed, renamed": (varied, lambda: convert.relay_for(SseRelay("up", "mine"))),
    "openai_chat passed, arguments": (
        lambda: streamed("openai_chat", "arguments"),
        lambda: convert.relay_for(SseRelay("up", "up")),
    ),
    "ollama passed": (lambda: streamed("ollama", "text"), lambda: convert.relay_for(NdjsonRelay("up", "up"))),
    "ollama passed, renamed": (
        lambda: streamed("ollama", "text"),
        lambda: convert.relay_for(NdjsonRelay("up", "mine")),
    ),
}


class Empty:
    """What a call costs that does nothing."""

    def feed(self, data: bytes, now: float) -> None:
        return None


def passes(case: str, events_a_read: int) -> tuple[Callable[[], None], int]:
    """One pass over a stream that is under way, and its bytes."""
    make_stream, make = CASES[case]
    head, events = make_stream()
    reads = [b"".join(events[at : at + events_a_read]) for at in range(0, EVENTS, events_a_read)]
    converter = make()
    converter.feed(head, 1.0)
    feed = converter.feed

    def stream() -> None:
        now = 1.0
        for read in reads:
            now += 0.05
            feed(read, now)

    return stream, sum(map(len, reads))


def best(run: Callable[[], None], rounds: int) -> float:
    """Nanoseconds for one event, in the quickest pass."""
    found = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        found = min(found, time.perf_counter() - began)
    return found / EVENTS * 1e9


def empty_call(rounds: int = 200) -> float:
    """Nanoseconds for a call that does nothing, in the same loop."""
    feed = Empty().feed

    def run() -> None:
        now = 1.0
        for _ in range(EVENTS):
            now += 0.05
            feed(b"", now)

    return best(run, rounds)


@pytest.mark.parametrize("events_a_read", [1, 20])
@pytest.mark.parametrize("build", ["pure", "compiled"])
@pytest.mark.parametrize("case", CASES)
def test_the_cost_of_a_delta(
    benchmark: BenchmarkFixture, monkeypatch: pytest.MonkeyPatch, case: str, build: str, events_a_read: int
) -> None:
    if build == "pure":
        monkeypatch.setattr(convert, "_front", None)
    elif convert._front is None:
        pytest.skip("the extension is not built")
    stream, size = passes(case, events_a_read)
    benchmark.pedantic(stream, rounds=30, warmup_rounds=2)  # type: ignore[no-untyped-call]
    stats: Any = benchmark.stats
    assert stats is not None
    seconds: float = stats.stats.median
    benchmark.extra_info["ns_per_event"] = round(seconds / EVENTS * 1e9, 1)
    benchmark.extra_info["mb_per_s"] = round(size / seconds / 1e6)
    benchmark.extra_info["empty_calls"] = round(seconds / EVENTS * 1e9 / empty_call(50), 2)


def one_a_read(rounds: int) -> dict[str, float]:
    """Nanoseconds for an event of every case, by the build that runs."""
    return {case: best(passes(case, 1)[0], rounds) for case in CASES}


def in_pure_python() -> dict[str, float]:
    """The same, by an interpreter without the extensions."""
    env = {**os.environ, "OLLAMUX_PURE": "1"}
    told = subprocess.run([sys.executable, "-m", __spec__.name, "--json"], env=env, capture_output=True, check=True)
    found: dict[str, float] = json.loads(told.stdout)
    return found


def table() -> None:
    """Every case as a row of Markdown: ns for an event, and empty calls where it is one a read."""
    front = convert._front
    empty = empty_call()
    pure = in_pure_python()
    print(f"An empty call: {empty:.0f} ns.\n")
    print(
        "| stream | compiled, 1 a read | in empty calls | compiled, 20 a read | MB/s "
        "| general, compiled | factor | pure, 1 a read |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for case in CASES:
        one = best(passes(case, 1)[0], 60)
        twenty, size = passes(case, 20)
        twenties = best(twenty, 60)
        convert._front = None
        general = best(passes(case, 1)[0], 4)
        convert._front = front
        speed = size / EVENTS / twenties * 1000
        print(
            f"| {case} | {one:.0f} | {one / empty:.1f} | {twenties:.0f} | {speed:.0f} | {general:,.0f} "
            f"| {general / one:.0f} | {pure[case]:,.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    if "--json" in sys.argv:
        print(json.dumps(one_a_read(40)))
    else:
        table()
