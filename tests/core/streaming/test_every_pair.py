"""Every format's streams become every other format's: the compiled way gives the bytes of the general one.

The backends' streams are what the formats' own renderers write of random answers, in the spellings that servers have:
as they are, with spaces, with CRLF, with escapes for all that is not ASCII."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollamux.clock import Clock
from ollamux.conversation import (
    Event,
    Finish,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendUnavailable
from ollamux.formats import calling, servings
from ollamux.formats.base import Calling, Dialect, Incoming, Place, RenderContext, Served, Serving, WholeRenderer
from ollamux.formats.openai_responses.incoming import ResponsesIncoming
from ollamux.formats.openai_responses.store import StoredResponses
from ollamux.streaming import convert
from ollamux.streaming.translator import Converter, Translator

pytestmark = pytest.mark.skipif(convert._front is None, reason="the extension is not built")

SERVINGS = {serving.name: serving for serving in servings()}
SPOKEN = sorted(SERVINGS)
PAIRS = list(itertools.product(SPOKEN, SPOKEN))
SAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[2] / "data/formats").glob("*.json")
}
SERVED = Served("m", "m", frozenset({"completion", "tools", "thinking"}))
CLOCK = Clock()
CLOCK.set(1_790_000_000.5, 0, 0.0)
WORDS = ("a", " upon", 'say "x"', "<b>&", "日本", "😀", "\u2028", "\n\t", "\b\f\x01", "\\", "/", "\x7f", '"}\n\ndata: ')


@lru_cache
def incoming(name: str) -> Incoming:
    sample = SAMPLES[name]
    route = next(route for route in SERVINGS[name].routes if route.name == sample["route"])
    place = Place(sample.get("argument", ""), sample.get("query", ""))
    body = sample["body"] | ({"reasoning": {"summary": "auto"}} if name == "openai_responses" else {})
    return SERVINGS[name].read(route, json.dumps(body).encode(), {}, place)


def renderer(serving: Serving, model: str) -> WholeRenderer:
    asked = incoming(serving.name)
    if isinstance(asked, ResponsesIncoming):
        asked.responses = StoredResponses()  # which gives the same ids every time
    return serving.renderer(asked, RenderContext(model, CLOCK, 1.0, 1.5))


def streamed(name: str, events: list[Event], spelling: str) -> bytes:
    """What a backend of this format sends: an event a delta."""
    writer = renderer(SERVINGS[name], "up")
    stream = b"".join([writer.events([event], 2.0) for event in events]) + writer.end(3.0)
    if spelling == "spaces":
        stream = stream.replace(b'":', b'": ').replace(b',"', b', "')
    elif spelling == "crlf":
        stream = stream.replace(b"\n", b"\r\n")
    elif spelling == "escapes":
        text = stream.decode().replace("/", "\\/")
        stream = "".join([sign if ord(sign) < 128 else json.dumps(sign)[1:-1] for sign in text]).encode()
    return stream


def translator(source: Calling, target: Serving) -> Translator:
    asked = incoming(target.name)
    return Translator(source.reader(asked.neutral(SERVED, {}), Dialect()), renderer(target, "m"))


def run(converter: Converter, pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
    made = b"".join([converter.feed(piece, 2.25) for piece in pieces]) + converter.close(2.5)
    return made, converter.fault, converter.usage, converter.complete


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """An answer: thinking, text and calls in any order, each of them in pieces."""
    word = st.sampled_from(WORDS)
    events: list[Event] = [Start("r1", "up", 1_790_000_000)]
    calls = 0
    for kind in draw(st.lists(st.sampled_from(["text", "text", "thinking", "call", "signed", "refusal"]), max_size=5)):
        if kind == "text":
            events += [TextDelta(text) for text in draw(st.lists(word, min_size=1, max_size=6))]
        elif kind == "thinking":
            events += [ReasoningDelta(text) for text in draw(st.lists(word, min_size=1, max_size=6))]
        elif kind == "signed":
            events += [ReasoningDelta("hm"), ReasoningDelta("so"), ReasoningDelta("", Opaque("anthropic", "c2ln"))]
        elif kind == "refusal":
            events.append(RefusalDelta("no"))
        else:
            events.append(ToolCallStart(calls, f"call_{calls}", "look"))
            text = json.dumps({"q": draw(word)}) if draw(st.booleans()) else draw(word)
            step = draw(st.integers(min_value=1, max_value=4))
            events += [ToolCallDelta(calls, text[at : at + step]) for at in range(0, len(text), step)]
            calls += 1
    return [*events, UsageUpdate(Usage(3, None, None, len(events))), Finish("tool_calls" if calls else "length")]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@settings(max_examples=30)
@given(
    events=answers(),
    spelling=st.sampled_from(["plain", "plain", "spaces", "crlf", "escapes"]),
    cuts=st.lists(st.integers(min_value=0, max_value=4000), max_size=8),
    alone=st.booleans(),
    broken=st.integers(min_value=0, max_value=60),
)
def test_any_answer_is_converted_alike_at_any_cuts(
    source: str, target: str, events: list[Event], spelling: str, cuts: list[int], alone: bool, broken: int
) -> None:
    """`alone`: also cut where lines end, so that most reads are one event."""
    stream = streamed(source, events, spelling)
    if broken < 20:
        stream = stream[: -broken * 9]
    if alone:
        cuts = [*cuts, *(match.end() for match in re.finditer(rb"(\r?\n)+", stream))]
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    by, to = calling(source), SERVINGS[target]
    plain, fast = translator(by, to), translator(by, to)
    expected = run(plain, [stream])
    assert run(convert.converter_for(fast, CLOCK, by.text_markers), pieces) == expected
    gone = BackendUnavailable("gone")
    assert fast.renderer.fault(gone) == plain.renderer.fault(gone)


class Counting(Translator):
    """A translator that counts what is left to it."""

    __slots__ = ("fed",)

    def __init__(self, source: Calling, target: Serving) -> None:
        made = translator(source, target)
        super().__init__(made.reader, made.renderer)
        self.fed = 0

    def feed(self, data: bytes, now: float) -> bytes:
        self.fed += 1
        return super().feed(data, now)


DELTAS: dict[str, list[Event]] = {
    "text": [TextDelta(word) for word in WORDS * 8],
    "thinking": [ReasoningDelta(word) for word in WORDS * 8],
    "arguments": [ToolCallStart(0, "c", "f"), *(ToolCallDelta(0, piece) for piece in ('{"a":"', *"x" * 100, '"}'))],
}


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("kind", DELTAS)
def test_little_is_left_to_the_general_way(source: str, target: str, kind: str) -> None:
    stream = streamed(source, [Start("r", "up", 7), *DELTAS[kind], Finish("stop")], "plain")
    counting = Counting(calling(source), SERVINGS[target])
    converter = convert.converter_for(counting, CLOCK, calling(source).text_markers)
    assert converter.feed(stream, 1.0) or kind == "arguments"
    assert counting.fed <= 11


@pytest.mark.parametrize("source", sorted({"anthropic", "gemini", "ollama", "openai_chat"}))
def test_events_are_numbered_on_beyond_every_power_of_ten(source: str) -> None:
    events: list[Event] = [Start("r1", "up", 1_790_000_000), *(TextDelta(WORDS[n % 3]) for n in range(1200))]
    stream = streamed(source, [*events, Finish("stop")], "plain")
    by, to = calling(source), SERVINGS["openai_responses"]
    converter = convert.converter_for(translator(by, to), CLOCK, by.text_markers)
    assert run(converter, re.findall(rb"[^\n]+\n+", stream)) == run(translator(by, to), [stream])


@pytest.mark.parametrize("target", SPOKEN)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"reasoning_content":"hm7"', b'"reasoning_content":"hm8"'),
        (b'"reasoning_content":"hm7"', b'"reasoning_content":"hm77"'),
        (b'"reasoning_content":"hm7"', b'"reasoning_content":""'),
        (b'"reasoning_content":"hm7",', b""),
        (b'"reasoning":"hm7"', b'"reasoning": "hm7"'),
        (b'"reasoning_content":"hm7"', b'"reasoning_content" :"hm7"'),
        (b'"reasoning_content":"hm7"', b'"reasoning_content":"hm7","refusal":null'),
    ],
)
def test_a_text_whose_copy_differs_is_read_with_care(target: str, old: bytes, new: bytes) -> None:
    events: list[Event] = [Start("r1", "up", 7), *(ReasoningDelta(f"hm{n}") for n in range(5, 12)), Finish("stop")]
    stream = streamed("openai_chat", events, "plain")
    assert b'"reasoning":"hm7"' in stream and old in stream
    stream = stream.replace(old, new)
    by, to = calling("openai_chat"), SERVINGS[target]
    expected = run(translator(by, to), [stream])
    for pieces in ([stream], re.findall(rb"[^\n]+\n+", stream), [bytes([one]) for one in stream]):
        assert run(convert.converter_for(translator(by, to), CLOCK, by.text_markers), pieces) == expected
