"""What it costs to read one message: a client's request, a backend's answer, a stream's framing, a request's JSON.

`ns` for one message and `mb_per_s` stand in extra_info.

    pytest bench/test_parsers.py --benchmark-columns=median
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.traffic import OLLAMA, OPENAI, Route, with_prompt
from ollamux.formats import servings
from ollamux.formats.base import Place
from ollamux.streaming.framing import NdjsonDecoder, SseDecoder
from ollamux_aiohttp.lane import WHOLE, LaneParser
from ollamux_aiohttp.upstream.parser import ResponseParser

MODEL = "m10x0x1"
SERVINGS = {serving.name: serving for serving in servings()}
ANSWER = b'{"id":"c1","object":"chat.completion","choices":[{"message":{"content":"' + b"x" * 500 + b'"}}]}'
EVENT = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
LINE = b'{"model":"m","message":{"role":"assistant","content":" word"},"done":false}\n'
CHUNKS = 200


def request(route: Route) -> bytes:
    body = route.body(MODEL, stream=False)
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nUser-Agent: bench\r\nAccept: */*\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (route.path.encode(), len(body), body)
    )


def noted(benchmark: BenchmarkFixture, once: Callable[[], object], size: int, messages: int = 1) -> None:
    """Measures it, and notes what one message took and what went through in a second."""
    benchmark(once)
    if benchmark.stats is not None:  # None where benchmarks are switched off
        seconds = float(benchmark.stats.stats.median)  # pyright: ignore[reportArgumentType]
        benchmark.extra_info["ns"] = round(seconds / messages * 1e9)
        benchmark.extra_info["mb_per_s"] = round(size / seconds / 1e6)


@pytest.mark.parametrize("prompt", [0, 100_000])
def test_a_request_is_read_from_its_connection(benchmark: BenchmarkFixture, prompt: int) -> None:
    data = request(with_prompt(OPENAI, prompt) if prompt else OPENAI)
    parser = LaneParser(lambda method, path: True, 65_536)
    assert parser.feed(data) == WHOLE
    noted(benchmark, lambda: parser.feed(data), len(data))
    assert parser.path == OPENAI.path


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b",
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    ],
    ids=["length", "chunked"],
)
def test_an_answer_is_read_from_a_backend(benchmark: BenchmarkFixture, head: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\n" + head % (len(ANSWER), ANSWER)
    parser = ResponseParser()

    def once() -> bytes:
        parser.expect(False)
        return parser.feed(data)

    assert once() == ANSWER
    noted(benchmark, once, len(data))
    assert parser.done and parser.status == 200


@pytest.mark.parametrize("pieces", [1, CHUNKS], ids=["all at once", "one a read"])
@pytest.mark.parametrize("kind", ["sse", "lines"])
def test_a_stream_is_split(benchmark: BenchmarkFixture, kind: str, pieces: int) -> None:
    message = EVENT if kind == "sse" else LINE
    reads = [message] * CHUNKS if pieces > 1 else [message * CHUNKS]

    def once() -> int:
        splitter = SseDecoder() if kind == "sse" else NdjsonDecoder()
        return sum(len(list(splitter.feed(read))) for read in reads)

    assert once() == CHUNKS
    noted(benchmark, once, len(message) * CHUNKS, CHUNKS)


@pytest.mark.parametrize("prompt", [0, 1_000_000])
@pytest.mark.parametrize("name", ["openai_chat", "ollama"])
def test_what_routing_needs_is_read_from_a_body(benchmark: BenchmarkFixture, name: str, prompt: int) -> None:
    route = OPENAI if name == "openai_chat" else OLLAMA
    body = (with_prompt(route, prompt) if prompt else route).body(MODEL, stream=False)
    serving = SERVINGS[name]
    at = next(found for found in serving.routes if found.name == "chat")
    noted(benchmark, lambda: serving.read(at, body, {}, Place()), len(body))
    assert serving.read(at, body, {}, Place()).model == MODEL
