"""OpenAI's stream passed through, by the relay alone and with the compiled templates in front of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import StreamFault, Usage
from ollamux.streaming import convert
from ollamux.streaming.framing import FrameTooLarge
from ollamux.streaming.sse_relay import SseRelay, speaks
from ollamux.streaming.translator import Converter

Make = Callable[[str, str], Converter]


def alone(upstream: str, client: str) -> Converter:
    return SseRelay(upstream, client)


def fronted(upstream: str, client: str) -> Converter:
    return convert.relay_for(SseRelay(upstream, client))


@pytest.fixture(params=[alone, fronted])
def make(request: pytest.FixtureRequest) -> Make:
    maker: Make = request.param
    return maker


def chunk(delta: object, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "up"}
    return b"data: " + msgspec.json.encode({**head, "choices": [choice], **more}) + b"\n\n"


def text(content: str, index: int = 0, **more: object) -> bytes:
    return chunk({"content": content}, None, index, **more)


def mine(stream: bytes) -> bytes:
    return stream.replace(b'"model":"up"', b'"model":"mine"')


ROLE = chunk({"role": "assistant", "content": None})
WORDS = b"".join(
    text(word, created=5 + n) for n, word in enumerate(["Once", " upon", "", '"a"\n', "<b>", "日本", " time"])
)
FINISH = chunk({}, "stop")
USAGE = b"data: " + msgspec.json.encode(
    {
        "id": "c1",
        "model": "up",
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
)
USAGE += b"\n\n"
DONE = b"data: [DONE]\n\n"
CALL = chunk({"tool_calls": [{"index": 0, "id": "x", "function": {"name": "f", "arguments": "{}"}}]})
SPENT = Usage(5, 4, None, 5, 2)
WHOLE = ROLE + WORDS + FINISH + USAGE + DONE
FIRST = text("Once")
WITH_ROLE = FIRST.replace(b'"delta":{', b'"delta":{"role":"assistant",')
NO_CHUNK = StreamFault("the backend sent an event that is no chunk of an answer", 502)

STREAMS: dict[str, tuple[bytes, bytes, StreamFault | None, Usage | None, bool]] = {
    "a whole answer": (WHOLE, WHOLE, None, SPENT, True),
    "crlf": (WHOLE.replace(b"\n", b"\r\n"), WHOLE, None, SPENT, True),
    "a byte order mark": (b"\xef\xbb\xbf" + WHOLE, WHOLE, None, SPENT, True),
    "no blank line at the end": (WHOLE[:-2], WHOLE, None, SPENT, True),
    "no space after the colon": (WHOLE.replace(b"data: ", b"data:"), WHOLE, None, SPENT, True),
    "blank lines": (b"\n\n" + WHOLE.replace(b"\n\n", b"\n\n\n"), WHOLE, None, SPENT, True),
    "no [DONE]": (ROLE + WORDS + FINISH + USAGE, WHOLE, None, SPENT, True),
    "no finish": (ROLE + WORDS + USAGE + DONE, ROLE + WORDS + USAGE + FINISH + DONE, None, SPENT, True),
    "no finish after a call": (ROLE + CALL + DONE, ROLE + CALL + chunk({}, "tool_calls") + DONE, None, None, True),
    "no role": (FIRST + WORDS + FINISH + DONE, WITH_ROLE + WORDS + FINISH + DONE, None, None, True),
    "cut off": (ROLE + WORDS, ROLE + WORDS, None, None, False),
    "cut off in an event": (ROLE + WORDS + FINISH[:-20], ROLE + WORDS, None, None, False),
    "something after [DONE]": (WHOLE + WORDS, WHOLE, None, SPENT, True),
    "comments": (
        b": PROCESSING\n\n" + ROLE + b":\n\n" + DONE,
        b": PROCESSING\n\n" + ROLE + b":\n\n" + FINISH + DONE,
        None,
        None,
        True,
    ),
    "a comment in an event": (b": x\n" + ROLE + FINISH + DONE, b": x\n" + ROLE + FINISH + DONE, None, None, True),
    "a comment with [DONE]": (ROLE + FINISH + b": x\n" + DONE, ROLE + FINISH + b": x\n\n" + DONE, None, None, True),
    "blank data": (ROLE + b"data: \n\ndata\n\n" + FINISH + DONE, ROLE + FINISH + DONE, None, None, True),
    "an error": (
        ROLE + WORDS + b'data: {"error":{"message":"no","code":429}}\n\n' + WORDS + DONE,
        ROLE + WORDS,
        StreamFault('{"message":"no","code":429}', 429, "rate_limit"),
        None,
        False,
    ),
    "an error with a comment": (
        b': x\nevent: error\ndata: {"error":"no"}\n\n' + WORDS,
        b": x\n\n",
        StreamFault("no"),
        None,
        False,
    ),
    "a flat error": (
        b'data: {"object":"error","message":"no","code":400}\n\n',
        b"",
        StreamFault('{"object":"error","message":"no","code":400}', 400, "bad_request"),
        None,
        False,
    ),
    "a named error": (b'event: error\ndata: {"message":"no"}\n\n', b"", StreamFault('{"message":"no"}'), None, False),
    "an error as a finish": (
        ROLE + chunk({}, "error") + DONE,
        ROLE,
        StreamFault("the backend reported an error", 502),
        None,
        False,
    ),
    "not JSON": (ROLE + b"data: <html>\n\n" + DONE, ROLE, NO_CHUNK, None, False),
    "[DONE] alone": (
        DONE,
        b'data: {"id":"","object":"chat.completion.chunk","created":0,"model":"up","choices":[{"index":0,"delta":{},'
        b'"logprobs":null,"finish_reason":"stop"}]}\n\n' + DONE,
        None,
        None,
        True,
    ),
    "nothing": (b"", b"", None, None, False),
}


def run(converter: Converter, pieces: Iterable[bytes]) -> tuple[bytes, object, object, bool]:
    made = b"".join([converter.feed(piece, 0.0) for piece in pieces]) + converter.close(0.0)
    return made, converter.fault, converter.usage, converter.complete


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("client", ["up", "mine"])
def test_every_stream_is_passed_on_alike_at_every_cut(make: Make, name: str, client: str) -> None:
    stream, passed, *rest = STREAMS[name]
    expected = (passed if client == "up" else mine(passed), *rest)
    assert run(make("up", client), [stream]) == expected
    assert run(make("up", client), [stream[at : at + 1] for at in range(len(stream))]) == expected
    for cut in range(0, len(stream) + 1, 1 if len(stream) < 1000 else 3):
        assert run(make("up", client), [stream[:cut], b"", stream[cut:]]) == expected


EVENTS = [*WORDS.splitlines(True)[::2], ROLE, FIRST, CALL, text("x", index=1), FINISH, USAGE, DONE, b": c\n"]
EVENTS = [event.rstrip(b"\n") + b"\n\n" for event in EVENTS]


@given(
    events=st.lists(st.sampled_from([*EVENTS, *EVENTS[:8], *EVENTS[:8]]), max_size=15),
    cuts=st.lists(st.integers(min_value=0, max_value=1600), max_size=6),
    client=st.sampled_from(["up", "mine"]),
    newline=st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]),
)
def test_cuts_and_templates_never_matter(events: list[bytes], cuts: list[int], client: str, newline: bytes) -> None:
    stream = b"".join(events).replace(b"\n", newline)
    edges = [0, *sorted(cuts), len(stream)]
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(edges)]
    expected = run(alone("up", client), [stream])
    assert run(alone("up", client), pieces) == expected
    assert run(fronted("up", client), pieces) == expected


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (b"{}", {"role": "assistant"}),
        (b'{ "content":"x"}', {"role": "assistant", "content": "x"}),
        (b'{"role":null,"content":"x"}', {"role": "assistant", "content": "x"}),
        (b'{"content":"\\"delta\\":{"}', {"role": "assistant", "content": '"delta":{'}),
        (
            b'{"content":"x","tool":{"delta":{"role":1}}}',
            {"role": "assistant", "content": "x", "tool": {"delta": {"role": 1}}},
        ),
    ],
)
def test_the_first_delta_gets_its_role(make: Make, delta: bytes, expected: dict[str, Any]) -> None:
    relay = make("up", "up")
    made = relay.feed(b'data: {"choices":[{"index":0,"delta":' + delta + b"}]}\n\n", 0.0)
    assert msgspec.json.decode(made[6:])["choices"][0]["delta"] == expected
    assert relay.feed(FIRST * 2, 0.0) == FIRST * 2


def test_every_choice_gets_its_role_and_its_finish(make: Make) -> None:
    relay = make("up", "up")
    both = msgspec.json.decode(FIRST[6:])
    both["choices"].append({"index": 1, "delta": {"content": "y"}})
    made = relay.feed(b"data: " + msgspec.json.encode(both) + b"\n\n", 0.0)
    assert [choice["delta"]["role"] for choice in msgspec.json.decode(made[6:])["choices"]] == ["assistant"] * 2
    relay.feed(FINISH, 0.0)
    assert not relay.complete
    made = relay.feed(DONE, 0.0)
    assert made == chunk({}, "stop", 1) + DONE


def test_a_completion_is_finished_in_its_own_shape(make: Make) -> None:
    event = (
        b'data: {"id":"c","object":"text_completion","created":1,"model":"up","choices":[{"index":0,"text":"x"}]}\n\n'
    )
    relay = make("up", "up")
    assert relay.feed(event * 3, 0.0) == event * 3
    made = relay.feed(DONE, 0.0)
    choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}
    assert msgspec.json.decode(made.split(b"\n")[0][6:])["choices"] == [choice]


def test_several_lines_of_data_stay_several(make: Make) -> None:
    relay = make("up", "mine")
    made = relay.feed(b'data: {"model":"up",\ndata: "choices":[]}\n\n', 0.0)
    assert made == b'data: {"model":"mine",\ndata: "choices":[]}\n\n'


def test_nothing_follows_a_fault(make: Make) -> None:
    relay = make("up", "up")
    assert relay.feed(b'data: {"error":"x"}\n\n', 0.0) == b""
    assert relay.feed(WORDS, 0.0) == b""
    assert relay.close(0.0) == b""


def test_an_event_above_the_limit_is_refused() -> None:
    with pytest.raises(FrameTooLarge):
        SseRelay("up", "up", 50).feed(WORDS, 0.0)


def pieces(*calls: dict[str, Any]) -> bytes:
    return b"".join(chunk({"tool_calls": [call]}) for call in calls)


def opened(id_: str | None, index: int | None, name: str = "f", arguments: str = "") -> dict[str, Any]:
    told: dict[str, Any] = {} if index is None else {"index": index}
    return {**told, "id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def more(arguments: str, index: int | None) -> dict[str, Any]:
    return ({} if index is None else {"index": index}) | {"function": {"arguments": arguments}}


def told(stream: bytes) -> list[tuple[int, str | None, str]]:
    """The index, the id and the arguments of each piece of a call."""
    found: list[tuple[int, str | None, str]] = []
    for event in stream.split(b"\n\n"):
        if event.startswith(b"data: {"):
            for choice in msgspec.json.decode(event[6:])["choices"]:
                for call in choice["delta"].get("tool_calls", ()):
                    found.append((call["index"], call.get("id"), call["function"]["arguments"]))
    return found


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            [opened("a", None), more("{}", None), opened("b", None), more("[]", None)],
            [(0, "a", ""), (0, None, "{}"), (1, "b", ""), (1, None, "[]")],
        ),
        (
            [opened("a", 0), more("{}", 0), opened("b", 0), more("[]", 0), opened("c", 0)],
            [(0, "a", ""), (0, None, "{}"), (1, "b", ""), (1, None, "[]"), (2, "c", "")],
        ),
        ([opened("a", 0), opened("b", 1), more("{}", 0)], [(0, "a", ""), (1, "b", ""), (0, None, "{}")]),
        ([opened("a", 0), opened("b", 0), opened("c", 1)], [(0, "a", ""), (1, "b", ""), (2, "c", "")]),
        ([opened(None, None), more("{}", None)], [(0, None, ""), (0, None, "{}")]),
    ],
    ids=["no index", "one index", "in order", "an index taken before", "no id either"],
)
def test_every_call_has_an_index_of_its_own(
    make: Make, calls: list[dict[str, Any]], expected: list[tuple[int, str | None, str]]
) -> None:
    """Where the server leaves it out, or gives one to several calls."""
    stream = ROLE + pieces(*calls) + DONE
    whole = run(make("up", "up"), [stream])
    assert told(whole[0]) == expected and whole[3]
    assert run(make("up", "up"), [stream[at : at + 1] for at in range(len(stream))]) == whole


def test_calls_that_have_their_index_go_as_they_came(make: Make) -> None:
    stream = ROLE + pieces(opened("a", 0), more("{}", 0), opened("b", 1)) + chunk({}, "tool_calls") + DONE
    assert run(make("up", "up"), [stream])[0] == stream


def test_several_pieces_of_a_call_in_one_event_and_calls_of_several_choices_keep_apart(make: Make) -> None:
    both = chunk({"tool_calls": [opened("a", None), opened("b", None)]})
    other = chunk({"tool_calls": [opened("c", None)]}, None, 1)
    relay = make("up", "up")
    assert told(relay.feed(ROLE + both + other, 0.0)) == [(0, "a", ""), (1, "b", ""), (0, "c", "")]


def test_calls_that_nobody_can_read_pass_as_they_are(make: Make) -> None:
    odd = chunk({"tool_calls": {"a": 1}})
    assert make("up", "up").feed(ROLE + odd, 0.0) == ROLE + odd


def hiding(upstream: str, client: str) -> Converter:
    return SseRelay(upstream, client, hide_usage=True, stream_id="made")


def hiding_fronted(upstream: str, client: str) -> Converter:
    return convert.relay_for(SseRelay(upstream, client, hide_usage=True, stream_id="made"))


@pytest.mark.parametrize("maker", [hiding, hiding_fronted])
def test_usage_that_nobody_asked_for_is_counted_and_left_out(maker: Make) -> None:
    expected = (ROLE + WORDS + FINISH + DONE, None, SPENT, True)
    assert run(maker("up", "up"), [WHOLE]) == expected
    assert run(maker("up", "up"), [WHOLE[at : at + 1] for at in range(len(WHOLE))]) == expected
    beside = chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2})
    assert run(maker("up", "up"), [ROLE + beside + DONE])[0] == ROLE + beside + DONE


@pytest.mark.parametrize("maker", [hiding, hiding_fronted])
@pytest.mark.parametrize("empty", [b'"id":""', b'"id" : ""', b'"id":null', b'"no":"id"'])
def test_an_empty_id_is_one_that_was_made_for_the_stream(maker: Make, empty: bytes) -> None:
    stream = (ROLE + WORDS).replace(b'"id":"c1"', empty) + DONE
    made, _, _, complete = run(maker("up", "up"), [stream])
    found = [msgspec.json.decode(event[6:])["id"] for event in made.split(b"\n\n") if event.startswith(b"data: {")]
    assert complete and found == ["made"] * len(found)
    assert run(maker("up", "up"), [stream[at : at + 1] for at in range(len(stream))])[0] == made


def test_an_id_that_came_once_stands_for_those_that_are_empty_later() -> None:
    stream = ROLE + WORDS.replace(b'"id":"c1"', b'"id":""')
    assert hiding("up", "up").feed(stream, 0.0) == ROLE + WORDS
    filtered = b'data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n'
    assert hiding("up", "up").feed(filtered + ROLE, 0.0) == filtered + ROLE


def test_an_error_in_the_middle_of_an_event_is_the_servers_own(make: Make) -> None:
    relay = make("up", "up")
    half = FIRST[:40] + b'\ndata: {"error":{"message":"no","code":429}}\n\n'
    assert relay.feed(ROLE + half + WORDS, 0.0) == ROLE
    assert relay.fault == StreamFault('{"message":"no","code":429}', 429, "rate_limit")
    other = make("up", "up")
    other.feed(ROLE + FIRST[:40] + b"\ndata: {}\n\n", 0.0)
    assert other.fault == NO_CHUNK


def test_a_finish_that_nobody_knows_passes_as_it_is(make: Make) -> None:
    stream = ROLE + chunk({}, "eos_token") + DONE
    assert run(make("up", "up"), [stream])[0] == stream


def test_pieces_of_calls_pass_alike_in_both_builds_and_more_of_a_call_is_steady() -> None:
    def piece(index: object, **more: object) -> bytes:
        call = {**({} if index is None else {"index": index}), **more}
        body = {"id": "c", "model": "up", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}
        return b"data: " + msgspec.json.encode(body) + b"\n\n"

    def more(index: object) -> bytes:
        return b"".join(piece(index, function={"arguments": f"{n},"}) for n in range(6))

    opened = [piece(n, id=f"c{n}", type="function", function={"name": "f", "arguments": ""}) for n in (0, 1)]
    stream = (
        opened[0] + more(0) + opened[1] + more(1) + more(0) + more(None) + more(1) + more(None) + opened[1] + more(2)
    )
    expected = SseRelay("up", "mine").feed(stream, 1.0)
    for step in (1, 50, 333, len(stream)):
        relay = convert.relay_for(SseRelay("up", "mine"))
        assert b"".join(relay.feed(stream[at : at + step], 1.0) for at in range(0, len(stream), step)) == expected
    relayed = SseRelay("up", "up")
    relayed.feed(opened[0], 1.0)
    assert not relayed.steady
    relayed.feed(more(0), 1.0)
    assert relayed.steady


@pytest.mark.parametrize("event", [b"data: \n\n", b"data: [DONE]\n\ndata: x\n\n", b"data:\n\n", b"data: [DONE] \n\n"])
def test_an_event_that_says_nothing_is_the_same_alone_and_among_others(make: Make, event: bytes) -> None:
    together, apart = make("up", "up"), make("up", "up")
    expected = together.feed(ROLE + text("a") + FINISH + event, 1.0) + together.close(2.0)
    made = b"".join(apart.feed(one, 1.0) for one in (ROLE, text("a"), FINISH, event)) + apart.close(2.0)
    assert made == expected and made.endswith(b"data: [DONE]\n\n") and b"data: \n" not in made
    assert apart.fault is None and together.fault is None


def test_a_stream_of_several_choices_is_complete_with_the_last_of_them() -> None:
    def finish(index: int) -> bytes:
        choice = {"index": index, "delta": {}, "finish_reason": "stop"}
        return b"data: " + msgspec.json.encode({"id": "c", "model": "up", "choices": [choice]}) + b"\n\n"

    relay = SseRelay("up", "up", choices=2)
    assert relay.feed(finish(0), 0.0) and not relay.complete
    assert relay.close(0.0) == b"" and not relay.complete
    relay = SseRelay("up", "up", choices=2)
    relay.feed(finish(0) + finish(1), 0.0)
    assert relay.complete and relay.close(0.0) == b"data: [DONE]\n\n"
    relay = SseRelay("up", "up", choices=2)
    relay.feed(finish(0) + b"data: [DONE]\n\n", 0.0)
    assert relay.complete


def test_a_line_that_is_no_field_does_not_pass() -> None:
    relay = SseRelay("up", "up")
    assert relay.feed(b"\xff\xfe\n\n<html>\n\n", 0.0) == b""
    assert relay.feed(b"retry: 5\nnonsense\n: a comment\n\n", 0.0) == b"retry: 5\n: a comment\n\n"


def test_what_plainly_says_something_or_nothing_is_told() -> None:
    compiled = convert._front is not None  # pyright: ignore[reportPrivateUsage]
    for event in (text("a"), FINISH, b'data: {"choices":[{"delta":{"reasoning_content":"a"}}]}\n\n'):
        assert speaks(event[6:-2]) is (True if compiled else None)
    for event in (ROLE, b"data: {}\n\n", b'data: {"choices":[{"delta":{"content":""}}]}\n\n'):
        assert speaks(event[6:-2]) is (False if compiled else None)
    for event in (b"data: [DONE]\n\n", b'data: {"choices":[{"delta":{"audio":{}}}]}\n\n'):
        assert speaks(event[6:-2]) is None
