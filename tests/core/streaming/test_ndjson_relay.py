"""Ollama's stream passed through, by the relay alone and with the compiled templates in front of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import StreamFault, Usage
from ollamux.streaming import convert
from ollamux.streaming.framing import FrameTooLarge
from ollamux.streaming.ndjson_relay import NdjsonRelay
from ollamux.streaming.translator import Converter

Make = Callable[[str, str], Converter]


def alone(upstream: str, client: str) -> Converter:
    return NdjsonRelay(upstream, client)


def fronted(upstream: str, client: str) -> Converter:
    return convert.relay_for(NdjsonRelay(upstream, client))


@pytest.fixture(params=[alone, fronted])
def make(request: pytest.FixtureRequest) -> Make:
    maker: Make = request.param
    return maker


def line(text: str, n: int = 0, model: str = "up") -> bytes:
    stamp = f"2026-01-01T00:00:00.{n}Z"
    message = '{"role":"assistant","content":"' + text + '"}'
    return f'{{"model":"{model}","created_at":"{stamp}","message":{message},"done":false}}\n'.encode()


WORDS = b"".join(line(word, n) for n, word in enumerate(["Once", " upon", "", "\\n", "\\u003c", "日本", " time"]))
LAST = (
    b'{"model":"up","created_at":"2026-01-01T00:00:01Z","message":{"role":"assistant","content":""},"done":true,'
    b'"done_reason":"stop","total_duration":9,"prompt_eval_count":11,"eval_count":7}\n'
)
CALL = (
    b'{"model":"up","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":'
    b'{"model":"up","done":true,"error":"no"}}}]},"done":false}\n'
)


def run(converter: Converter, pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
    made = b"".join([converter.feed(piece, 0.0) for piece in pieces]) + converter.close(0.0)
    return made, converter.fault, converter.usage, converter.complete


def mine(stream: bytes) -> bytes:
    return b"".join(one.replace(b'{"model":"up"', b'{"model":"mine"', 1) for one in stream.splitlines(True))


SPENT = Usage(11, None, None, 7)
STREAMS: dict[str, tuple[bytes, bytes, StreamFault | None, Usage | None, bool]] = {
    "a whole answer": (WORDS + LAST, WORDS + LAST, None, SPENT, True),
    "cut off": (WORDS, WORDS, None, None, False),
    "cut off in a line": (WORDS + LAST[:-20], WORDS, None, None, False),
    "no newline at the end": (WORDS + LAST[:-1], WORDS + LAST, None, SPENT, True),
    "blank lines": (b"\n" + WORDS.replace(b"\n", b"\n\n") + LAST, WORDS + LAST, None, SPENT, True),
    "crlf": ((WORDS + LAST).replace(b"\n", b"\r\n"), WORDS + LAST, None, SPENT, True),
    "a tool call": (CALL + LAST, CALL + LAST, None, SPENT, True),
    "a tool call alone": (CALL + CALL, CALL + CALL, None, None, False),
    "an error": (WORDS + b'{"error":"no \\"room\\""}\n' + WORDS, WORDS, StreamFault('no "room"'), None, False),
    "an error object": (b'{"error":{"a":1}}\n', b"", StreamFault('{"a":1}'), None, False),
    "no counts": (b'{"model":"up","done":true}\n', b'{"model":"up","done":true}\n', None, Usage(), True),
    "not JSON": (
        WORDS + b"<html>\n" + WORDS,
        WORDS,
        StreamFault("the backend sent a line that is not a JSON object", 502),
        None,
        False,
    ),
    "nothing": (b"", b"", None, None, False),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("client", ["up", "mine"])
def test_every_stream_is_passed_on_alike_at_every_cut(make: Make, name: str, client: str) -> None:
    stream, passed, *rest = STREAMS[name]
    expected = (passed if client == "up" else mine(passed), *rest)
    assert run(make("up", client), [stream]) == expected
    assert run(make("up", client), [stream[at : at + 1] for at in range(len(stream))]) == expected
    for cut in range(len(stream) + 1):
        assert run(make("up", client), [stream[:cut], b"", stream[cut:]]) == expected


@given(
    words=st.lists(st.sampled_from([*WORDS.splitlines(True), CALL, b"\n", b" " + CALL, line("a", model="other")])),
    cuts=st.lists(st.integers(min_value=0, max_value=1000), max_size=6),
)
def test_cuts_and_templates_never_matter(words: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(words) + LAST
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    for client in ("up", "mine"):
        expected = run(alone("up", client), [stream])
        assert run(alone("up", client), pieces) == expected
        assert run(fronted("up", client), pieces) == expected


def test_one_read_is_one_output_and_passes_untouched_where_names_agree() -> None:
    relay = NdjsonRelay("up", "up")
    assert relay.feed(WORDS, 0.0) is WORDS
    assert relay.feed(WORDS + LAST[:5], 0.0) == WORDS
    assert relay.feed(LAST[5:], 0.0) == LAST


def test_a_name_is_replaced_wherever_its_member_stands(make: Make) -> None:
    relay = make("up", 'my "own"')
    assert relay.feed(b'{"done":false, "model": "UP:latest"}\n', 0.0) == b'{"done":false, "model": "my \\"own\\""}\n'


def test_nothing_follows_a_fault(make: Make) -> None:
    relay = make("up", "up")
    assert relay.feed(b'{"error":"x"}\n', 0.0) == b""
    assert relay.feed(WORDS, 0.0) == b""
    assert relay.close(0.0) == b""


def test_a_line_above_the_limit_is_refused() -> None:
    relay = NdjsonRelay("up", "up", 50)
    with pytest.raises(FrameTooLarge):
        relay.feed(WORDS, 0.0)


@pytest.mark.parametrize("line", [b"{}\n", b'{"detail":"Not Found"}\n'])
def test_a_line_that_is_no_part_of_an_answer_is_a_fault(make: Make, line: bytes) -> None:
    relay = make("up", "up")
    assert relay.feed(line, 0.0) == b"" and relay.fault is not None and not relay.complete
