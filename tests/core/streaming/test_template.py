"""The compiled templates give what the general way gives, byte for byte, wherever the reads are cut."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable, Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.clock import Clock
from ollamux.conversation import Event, Finish, StreamFault, TextDelta, Usage, UsageUpdate
from ollamux.errors import OllamuxError
from ollamux.streaming.convert import IGNORED
from ollamux.streaming.framing import NdjsonDecoder, SseDecoder
from ollamux.streaming.translator import STAMP, TEXT, Converter, Delta, Frame, Translator

template = pytest.importorskip("ollamux.streaming._template", reason="the extension is not built")

NOW = 12.25
MARKERS = (b"content", b"text")
START = b'data: {"id":"a","created":7,"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
FINISH = b'data: {"id":"a","created":7,"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"a","choices":[],"usage":{"prompt_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"


class ToyReader:
    """Reads chat chunks, or lines with a `text`, whichever come."""

    def __init__(self, lines: bool = False) -> None:
        self.complete = False
        self._lines = NdjsonDecoder() if lines else None
        self._events = SseDecoder()

    def feed(self, data: bytes) -> list[Event]:
        payloads = self._lines.feed(data) if self._lines else [payload for _, payload in self._events.feed(data)]
        return self._read(payloads)

    def close(self) -> list[Event]:
        payloads = self._lines.close() if self._lines else [payload for _, payload in self._events.close()]
        return self._read(payloads)

    def texts(self, delta: Delta) -> list[str] | None:
        return None

    def _read(self, payloads: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for payload in payloads:
            if payload == b"[DONE]":
                self.complete = True
                continue
            try:
                chunk = msgspec.json.decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError):
                events.append(StreamFault("unreadable"))
                continue
            if "error" in chunk:
                events.append(StreamFault(str(chunk["error"])))
                continue
            for choice in chunk.get("choices", ()):
                if choice["delta"].get("content"):
                    events.append(TextDelta(choice["delta"]["content"]))
                if choice.get("finish_reason"):
                    self.complete = True
                    events.append(Finish("stop"))
            if chunk.get("text"):
                events.append(TextDelta(chunk["text"]))
            if chunk.get("usage"):
                events.append(UsageUpdate(Usage(chunk["usage"]["prompt_tokens"])))
        return events


class ToyRenderer:
    """Writes lines; text is spelled as Go spells it, and stamped unless told otherwise. The first text opens a block,
    as in formats that have blocks."""

    def __init__(self, clock: Clock, stamped: bool, opens: bool) -> None:
        self._clock = clock
        self._stamped = stamped
        self._opens = opens

    def events(self, events: list[Event], now: float) -> bytes:
        return b"".join(self._one(event, now) for event in events)

    def _one(self, event: Event, now: float) -> bytes:
        if not isinstance(event, TextDelta):
            return b""
        text = msgspec.json.encode(event.text)
        for sign in "<>&\u2028\u2029":
            text = text.replace(sign.encode(), f"\\u{ord(sign):04x}".encode())
        before, between, after = self._frame()
        opening = b"{open}\n" if self._opens else b""
        self._opens = False
        return opening + before + between + text[1:-1] + after

    def _frame(self) -> tuple[bytes, bytes, bytes]:
        return b'{"at":"', (self._clock.stamp(NOW).encode() if self._stamped else b"") + b'","text":"', b'"}\n'

    def end(self, now: float) -> bytes:
        return b"{end}\n"

    def fault(self, error: OllamuxError) -> bytes:
        return b"{fault}\n"

    def keepalive(self, now: float) -> bytes:
        return b"\n"

    def frame(self, delta: Delta) -> Frame | None:
        if self._opens or not isinstance(delta, TextDelta):
            return None
        if self._stamped:
            return Frame((b'{"at":"', STAMP, b'","text":"', TEXT, b'"}\n'), True)
        return Frame((b'{"at":"","text":"', TEXT, b'"}\n'), True)


def chunk(text: str, **more: object) -> bytes:
    """A chunk as a server with constant members writes it."""
    head = {"id": "a", "created": 7} | more
    body = {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


def varied(*texts: str) -> bytes:
    return b"".join(chunk(text, created=7 + n, id=f"c{n}", obfuscation="x" * n) for n, text in enumerate(texts))


WORDS = [chunk(word) for word in ("Once", " upon", " a", " time")]
STREAMS = {
    "words": START + b"".join(WORDS) + FINISH + USAGE + DONE,
    "no role": b"".join(WORDS) + FINISH + DONE,
    "letters of several bytes": b"".join(map(chunk, ("ä", "€uro", "😀", "日本", "x"))) + FINISH + DONE,
    "escapes": b"".join(map(chunk, ("a", '"', "\\", "\n\t\r", "\b", "\x01", "/", "\\n", 'x"},"y', "\x7f", "z"))) + DONE,
    "signs that Go escapes": b"".join(map(chunk, ("a", "<b>", "&", "\u2028", "\u2029", "z"))) + DONE,
    "escapes that are not needed": WORDS[0] * 2 + WORDS[0].replace(b"Once", rb"\u0041\/\u2028\ud83d\ude00") + WORDS[1],
    "empty text": WORDS[0] * 2 + chunk("") + WORDS[1] + DONE,
    "members that vary": START + varied("a", "b", "c", "d", "e") + FINISH + DONE,
    "odd values of members that vary": WORDS[0] * 2
    + b"".join(
        WORDS[1].replace(b'"created":7', b'"created":' + odd) for odd in (b"null", b"1.5", b"9" * 20, b"-1", b"8")
    )
    + b"".join(
        WORDS[1].replace(b'"id":"a"', b'"id":' + odd) for odd in (b'""', b'"\\n"', '"ä"'.encode(), b"3", b'"b"')
    ),
    "broken members": WORDS[0] * 2 + WORDS[1].replace(b'"created":7', b'"created":') + WORDS[1],
    "members in another order": b"".join(chunk(w, choice=1, usage=None, model="m") for w in "abc") + DONE,
    "spaces": b"".join(WORDS).replace(b":", b": ").replace(b",", b", ") + b"data: [DONE]\n\n",
    "two choices": (WORDS[0][:-4] + b',{"index":1,"delta":{"content":"x"}}]}\n\n') * 3 + DONE,
    "a comment between": WORDS[0] * 2 + b": keepalive\n\n" + WORDS[1] + b":\ndata: [DONE]\n\n",
    "blank lines between": b"\n" + WORDS[0] + b"\n" + WORDS[0] + b"\n\n\n" + WORDS[1] + b"\n" + WORDS[2] + DONE,
    "crlf": (START + b"".join(WORDS) + DONE).replace(b"\n", b"\r\n"),
    "crlf and an odd blank line": (WORDS[0] * 2 + b"\n" + WORDS[1]).replace(b"\n", b"\r\n")
    + b"\n"
    + WORDS[0] * 2
    + DONE,
    "crlf and then lf": (WORDS[0] * 2).replace(b"\n", b"\r\n") + WORDS[1] * 2 + DONE,
    "lf and then crlf": WORDS[1] * 2 + (WORDS[0] * 2 + DONE).replace(b"\n", b"\r\n"),
    "mixed": WORDS[0].replace(b"\n\n", b"\r\n\n") * 3 + WORDS[1].replace(b"\n\n", b"\n\r\n") + DONE,
    "cr alone": (WORDS[0] * 3 + DONE).replace(b"\n", b"\r"),
    "several lines of data with crlf": (
        WORDS[0] * 2 + WORDS[0].replace(b',"choices"', b',\ndata: "choices"') * 3
    ).replace(b"\n", b"\r\n"),
    "cr in the middle": WORDS[0] * 2 + WORDS[1].replace(b"\n", b"\r") + WORDS[2] + DONE,
    "a byte order mark": b"\xef\xbb\xbf" + b"".join(WORDS) + DONE,
    "a second byte order mark": b"\xef\xbb\xbf" + WORDS[0] + b"\xef\xbb\xbf" + WORDS[0] + WORDS[1] + DONE,
    "unterminated": b"".join(WORDS) + DONE[:-2],
    "cut off": b"".join(WORDS) + WORDS[0][:-9],
    "cut off in the text": b"".join(WORDS)[:-40],
    "an error": WORDS[0] * 3 + b'data: {"error":"broken"}\n\n' + WORDS[1] + DONE,
    "not JSON": WORDS[0] * 3 + b"data: <html>\n\n" + WORDS[1] + DONE,
    "not UTF-8": WORDS[0] * 2 + WORDS[0].replace(b"Once", b"\xc3") + WORDS[1] + DONE,
    "surrogates": WORDS[0] * 2 + WORDS[0].replace(b"Once", b"\xed\xa0\x80") + WORDS[1] + DONE,
    "too long a form": WORDS[0] * 2 + WORDS[0].replace(b"Once", b"\xe0\x80\x80") + WORDS[1] + DONE,
    "text after the finish": WORDS[0] * 2 + FINISH + WORDS[1] + DONE,
    "finish with text": WORDS[0] + WORDS[0].replace(b"null", b'"stop"') * 3 + DONE,
    "a long event": WORDS[0] * 2 + chunk("x" * 300) + WORDS[1] + chunk("<" * 300) + WORDS[1] * 2 + DONE,
    "usage with the text": b"".join(chunk("a", usage={"prompt_tokens": n // 2}) for n in range(6)) + DONE,
    "several lines of data": WORDS[0] * 2 + WORDS[0].replace(b',"choices"', b',\ndata: "choices"') + WORDS[1] + DONE,
    "nothing": b"",
}
LINES = b"".join(b'{"model":"m","created_at":"%d","text":"%s","done":false}\n' % (n, b"x" * n) for n in range(6))
LINE_STREAMS = {
    "lines": LINES + b'{"done":true,"usage":{"prompt_tokens":1}}\n',
    "blank lines": b"\n\n" + LINES.replace(b"\n", b"\n\n"),
    "lines with crlf": LINES.replace(b"\n", b"\r\n"),
    "an unterminated line": LINES[:-1],
    "an error line": LINES + b'{"error":"broken"}\n' + LINES,
}


def run(converter: Converter, pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
    made = b"".join([converter.feed(piece, NOW) for piece in pieces]) + converter.close(NOW)
    return made, converter.fault, converter.usage, converter.complete


def general(lines: bool, stamped: bool = True, opens: bool = False) -> Translator:
    return Translator(ToyReader(lines), ToyRenderer(CLOCK, stamped, opens))


def compiled(lines: bool, stamped: bool = True, opens: bool = False, limit: int = 65536) -> Converter:
    converter: Converter = template.TemplateConverter(
        general(lines, stamped, opens), CLOCK, MARKERS, IGNORED, limit=limit
    )
    return converter


CLOCK = Clock()
CLOCK.set(1_790_000_000.0625, 0, 0.0)
BOTH = [(name, False) for name in STREAMS] + [(name, True) for name in LINE_STREAMS]


@pytest.mark.parametrize(("name", "lines"), BOTH)
@pytest.mark.parametrize(("stamped", "opens"), [(True, False), (False, True)])
@pytest.mark.parametrize("limit", [65536, 300])
def test_every_stream_is_converted_alike_at_every_cut(
    name: str, lines: bool, stamped: bool, opens: bool, limit: int
) -> None:
    stream = (LINE_STREAMS if lines else STREAMS)[name]
    expected = run(general(lines, stamped, opens), [stream])

    def made(pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
        return run(compiled(lines, stamped, opens, limit), pieces)

    assert made([stream]) == expected
    assert made(stream[at : at + 1] for at in range(len(stream))) == expected
    for cut in range(0, len(stream) + 1, 1 if limit == 65536 and stamped else 11):
        assert made([stream[:cut], b"", stream[cut:]]) == expected


@given(
    pieces=st.lists(
        st.one_of(
            st.text(max_size=8).map(chunk),
            st.sampled_from([*WORDS, *WORDS, *varied("a", "b").split(b"\n"), b"\n", b"\r\n", b": c\n\n", START]),
        ),
        max_size=12,
    ),
    newline=st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"]),
    end=st.sampled_from([DONE, FINISH + DONE, FINISH, b""]),
    cuts=st.lists(st.integers(min_value=0, max_value=1600), max_size=8),
    limit=st.sampled_from([20, 150, 65536]),
)
def test_any_stream_is_converted_alike_at_any_cuts(
    pieces: list[bytes], newline: bytes, end: bytes, cuts: list[int], limit: int
) -> None:
    stream = (b"".join(pieces) + end).replace(b"\n", newline)
    edges = [0, *sorted(cuts), len(stream)]
    cut = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    assert run(compiled(False, limit=limit), cut) == run(general(False), [stream])


class Counting(Translator):
    """A translator that counts what is left to it."""

    __slots__ = ("fed",)

    def __init__(self, reader: ToyReader, renderer: ToyRenderer) -> None:
        super().__init__(reader, renderer)
        self.fed = 0

    def feed(self, data: bytes, now: float) -> bytes:
        self.fed += 1
        return super().feed(data, now)


@pytest.mark.parametrize(
    ("event", "most"),
    [
        (lambda n: chunk(f"word {n}"), 1),
        (lambda n: chunk(f"wörd\n {n}", created=n + 1, id=f"i{n}", obfuscation="x" * (n % 7)), 1),
        (lambda n: chunk("x").replace(b":", b": ").replace(b",", b", "), 1),
        (lambda n: chunk(f"{n}").replace(b"\n", b"\r\n"), 1),
        (lambda n: b'{"created_at":"%d","text":"x"}\n' % n, 1),
        (lambda n: b'{"created_at":"%d","text":"x"}\r\n' % n, 1),
        (lambda n: chunk("x", unknown=n), 1000),
    ],
)
def test_only_what_a_template_cannot_tell_is_left_to_the_general_way(event: Callable[[int], bytes], most: int) -> None:
    counting = Counting(ToyReader(event(0)[:1] == b"{"), ToyRenderer(CLOCK, True, False))
    converter = template.TemplateConverter(counting, CLOCK, MARKERS, IGNORED)
    for n in range(1000):
        assert converter.feed(event(n), NOW)
    assert counting.fed <= most


def test_learning_goes_on_after_a_pause() -> None:
    counting = Counting(ToyReader(), ToyRenderer(CLOCK, True, False))
    converter = template.TemplateConverter(counting, CLOCK, MARKERS)
    for n in range(100):
        converter.feed(chunk("x", unknown=n), NOW)
    counting.fed = 0
    for _ in range(500):
        converter.feed(chunk("y"), NOW)
    assert counting.fed < 200


@pytest.mark.parametrize("unix", [0.0, 0.5, 1.0, 1_790_000_000.0, 1_790_000_000.1, 1_790_000_000.123456, 1e9 + 1e-6])
def test_time_stamps_are_the_clocks_own(unix: float) -> None:
    clock = Clock()
    clock.set(unix, 3600, 0.0)
    converter = template.TemplateConverter(
        Translator(ToyReader(), ToyRenderer(clock, True, False)), clock, MARKERS, IGNORED
    )
    converter.feed(WORDS[0], NOW)
    for step in (0.0, 0.000001, 0.1, 0.25, 0.999999, 0.9999999, 1.0, 61.5, 86400.0):
        made = converter.feed(WORDS[1], step)
        assert made == b'{"at":"' + clock.stamp(step).encode() + b'","text":" upon"}\n'
        assert converter.feed(WORDS[1] * 2, step) == made * 2


@given(st.floats(min_value=-1e9, max_value=2.5e11, allow_subnormal=False))
def test_any_moment_is_written_as_the_clock_writes_it(unix: float) -> None:
    clock = Clock()
    clock.set(unix, 0, 0.0)
    converter = template.TemplateConverter(
        Translator(ToyReader(), ToyRenderer(clock, True, False)), clock, MARKERS, IGNORED
    )
    converter.feed(WORDS[0], NOW)
    assert converter.feed(WORDS[1], 0.0) == b'{"at":"' + clock.stamp(0.0).encode() + b'","text":" upon"}\n'


def test_a_long_stream_takes_no_more_memory_than_a_short_one() -> None:
    converter = compiled(False)
    read = chunk("x" * 50) * 20 + chunk("<") + WORDS[0][:20]
    rest = WORDS[0][20:]
    converter.feed(read, NOW)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(200):
            converter.feed(rest + read, NOW)
        assert tracemalloc.get_traced_memory()[0] - before < 20_000
    finally:
        tracemalloc.stop()


def test_an_event_that_never_ends_is_not_kept_here() -> None:
    counting = Counting(ToyReader(), ToyRenderer(CLOCK, True, False))
    converter = template.TemplateConverter(counting, CLOCK, MARKERS, limit=1000)
    for _ in range(20):
        assert converter.feed(b"x" * 500, NOW) == b""
    assert counting.fed == 18


def test_an_empty_read_gives_nothing() -> None:
    assert compiled(False).feed(b"", NOW) == b""
