"""The quick reader of plain chats against the general one, and the figures of answers in both builds."""

from __future__ import annotations

import importlib.util
import json
import sys
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ollamux import _build
from ollamux.clock import Clock
from ollamux.conversation import Usage
from ollamux.errors import OllamuxError
from ollamux.formats.base import Dialect, Served
from ollamux.formats.ollama import SERVING, gojson, schema
from ollamux.formats.ollama.incoming import ChatIncoming, OllamaIncoming, PlainChatIncoming, plain_chat
from ollamux.formats.ollama.plain import ending, figures, passed, stamp
from ollamux.formats.ollama.serving import relayed_carefully
from ollamux.formats.openai_chat import CALLING
from ollamux.formats.telling import usage_told

compiled = pytest.mark.skipif(
    not _build.compiled(("ollamux.formats.ollama._plain",)), reason="the quick reader is not compiled"
)

PLAIN: dict[str, Any] = {
    "model": "m:latest",
    "messages": [
        {"role": "system", "content": 'Be "brief".\n'},
        {"role": "user", "content": "w\u00f6rld \U0001f600"},
        {"content": "hi", "role": "assistant"},
    ],
    "stream": False,
    "options": {"temperature": 0.5, "num_predict": 7, "stop": ["a", "\u00e9"], "seed": -1, "num_ctx": 64},
}
SERVED = tuple(Served("m", "m", frozenset(can)) for can in ((), ("completion",), ("completion", "thinking")))
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, "", "x", "USER", "user", "tool", "\u2028", "\ud83d", 0, 1, True, False, [], {}),
        [{"role": "user", "content": "a"}],
        *({"seed": 1.5}, {"temperature": "hot"}, {"nonsense": 1}, {"stop": None}, {"top_k": 10**30}),
    ]
)
PATHS: list[tuple[Any, ...]] = [
    *((key,) for key in ("model", "messages", "stream", "Model", "options", "format", "keep_alive", "new")),
    *(("messages", place, key) for place in (0, 1, 2) for key in ("role", "content", "images", "Role", "new")),
    *(("messages", place) for place in (0, 1, 2)),
]
JUNK = (b"", b"\\", b'"', b",", b"{", b"\x00", b"\xff", b"0", b"\\u0041")


def changed(changes: list[tuple[tuple[Any, ...], Any]]) -> Any:
    found = json.loads(json.dumps(PLAIN))
    for path, value in changes:
        at: Any = found
        try:
            for step in path[:-1]:
                at = at[step]
            at[path[-1]] = deepcopy(value)
        except (KeyError, TypeError, IndexError):
            continue
    return found


def check(body: bytes) -> bool:
    """Whether the quick reader read it; then the general one understands the same."""
    quick = plain_chat(body)
    if quick is None:
        return False
    general = ChatIncoming(body, gojson.decode(body, schema.ChatRequest))
    for name in ("body", "model", "keep_alive", "operation", "stream", "needs", "warnings", "think", "top_logprobs"):
        assert getattr(quick, name) == getattr(general, name), name
    assert str(quick.grammar_error) == str(general.grammar_error)
    for served in SERVED:
        one, other = quick.neutral(served, {}), general.neutral(served, {})
        assert (list(one.messages), one.reasoning, one.stream) == (other.messages, other.reasoning, other.stream)
        for dialect in (Dialect(), Dialect(stream_options=False), Dialect(extra={"cache_prompt": True})):
            sent, wanted = CALLING.build(one, "up", dialect), CALLING.build(other, "up", dialect)
            assert (sent.path, json.loads(sent.body)) == (wanted.path, json.loads(wanted.body))
        warm = {"temperature": 1.5}
        assert quick.neutral(served, warm).sampling == general.neutral(served, warm).sampling
    return True


@compiled
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("stream", [True, False, None])
def test_a_chat_of_texts_alone_is_read_quickly(indent: int | None, stream: bool | None) -> None:
    assert check(json.dumps(PLAIN | {"stream": stream}, indent=indent, ensure_ascii=False).encode())
    found = SERVING.read(SERVING.routes[0], json.dumps(PLAIN, ensure_ascii=False).encode(), {})
    assert isinstance(found, PlainChatIncoming)


@compiled
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("options",), []),
        (("format",), "json"),
        (("Model",), "n"),
        (("messages",), []),
        (("messages", 0, "role"), "tool"),
        (("messages", 0, "content"), ""),
        (("messages", 0, "images"), []),
        (("model",), "a\\b"),
        (("model",), ""),
    ],
)
def test_what_is_more_than_texts_is_left_to_the_general_reader(path: tuple[Any, ...], value: Any) -> None:
    assert plain_chat(json.dumps(changed([(path, value)])).encode()) is None


@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), max_size=3), st.booleans())
def test_what_is_read_quickly_is_what_the_general_reader_reads(
    changes: list[tuple[tuple[Any, ...], Any]], ascii_only: bool
) -> None:
    check(json.dumps(changed(changes), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.integers(0, 2000), st.sampled_from(JUNK))
def test_a_broken_chat_is_left_to_the_general_reader(at: int, junk: bytes) -> None:
    body = json.dumps(PLAIN, ensure_ascii=False).encode()
    at %= len(body)
    broken = body[:at] + junk + body[at + 1 :]
    try:
        ChatIncoming(broken, gojson.decode(broken, schema.ChatRequest))
    except (OllamuxError, gojson.GoJSONError):
        assert plain_chat(broken) is None
    else:
        check(broken)


def test_a_chat_that_is_cut_anywhere_is_none() -> None:
    body = json.dumps(PLAIN).encode()
    assert not any(plain_chat(body[:cut]) for cut in range(len(body)))


def test_a_model_that_cannot_chat_says_so() -> None:
    with pytest.raises(OllamuxError, match="does not support chat"):
        SERVING.read(SERVING.routes[0], json.dumps(PLAIN).encode(), {}).check(
            Served("m", "m", frozenset({"embedding"}))
        )


@given(st.lists(st.integers(-5, 2**60), min_size=6, max_size=6))
def test_figures_are_written_alike_in_both_builds(numbers: list[int]) -> None:
    told = figures(*numbers)
    assert told == pure().figures(*numbers)
    values = json.loads(b'{"a":0' + told + b"}")
    assert [values.get(key, 0) for key in ("total_duration", "eval_duration")] == [
        max(numbers[0], 0),
        max(numbers[5], 0),
    ]


@given(st.floats(0, 1e10, allow_nan=False))
def test_a_moment_is_written_as_the_clock_writes_it(unix: float) -> None:
    assert stamp(unix) == Clock().stamp(unix).encode() == pure().stamp(unix)


@given(
    st.lists(st.binary(max_size=30), min_size=4, max_size=4),
    st.floats(-1e9, 1e12, allow_nan=False),
    st.lists(st.integers(-5, 2**60), min_size=6, max_size=6),
)
def test_the_end_of_an_answer_is_written_alike_in_both_builds(
    texts: list[bytes], unix: float, numbers: list[int]
) -> None:
    before, *behind = texts
    assume(unix < 2e11)  # the year 8300
    between, said, end = behind
    assert ending(before, unix, between, said, end, *numbers) == pure().ending(before, unix, *behind, *numbers)


@cache
def pure() -> Any:
    """The module as it is where nothing is compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ollamux.formats.ollama._plain", None)
        found = importlib.util.find_spec("ollamux.formats.ollama.plain")
        assert found is not None and found.loader is not None
        module = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    return module


ANSWERS: dict[str, dict[str, Any]] = {
    "chat": {"message": {"role": "assistant", "content": 'a "b"\n', "tool_calls": [{"function": {"name": "f"}}]}},
    "generate": {"response": "a", "context": [1, 2]},
}
REST = {"model": "up", "created_at": "2026-11-22T01:02:03Z", "done": True, "prompt_eval_count": 42, "eval_count": 57}
ODD: st.SearchStrategy[Any] = st.sampled_from([None, "", "m", 0, 1.5, -1, True, [], {}, {"eval_count": 3}, 10**20, "x"])
ASKED = {
    "chat": b'{"model":"%b","messages":[{"role":"user","content":"a"}]}',
    "generate": b'{"model":"%b","prompt":"a"}',
}


@given(
    st.sampled_from(sorted(ANSWERS)),
    st.dictionaries(st.sampled_from([*REST, "error", "message", "response", "new"]), ODD, max_size=3),
    st.sampled_from(["up", "mine", "m\u00f6", "<m>", "a-longer-name:1b"]),
    st.booleans(),
    st.tuples(st.integers(0, 400), st.sampled_from(JUNK)) | st.none(),
)
def test_an_answer_passes_quickly_as_it_passes_in_general(
    route: str, changes: dict[str, Any], name: str, spaced: bool, junk: tuple[int, bytes] | None
) -> None:
    told = REST | ANSWERS[route] | changes
    body = json.dumps(told, separators=(", ", ": ") if spaced else (",", ":"), ensure_ascii=False).encode()
    if junk is not None:
        at = junk[0] % len(body)
        body = body[:at] + junk[1] + body[at + 1 :]
    incoming = asked(route, name)
    quick = passed(incoming, "up", body, route == "chat")
    if quick is not None:
        assert (quick, incoming.spent) == (relayed_carefully(incoming, "up", body), usage_told("ollama", body))


def asked(route: str, name: str) -> OllamaIncoming:
    """A request for the model of this name."""
    served = next(one for one in SERVING.routes if one.name == route)
    incoming = SERVING.read(served, ASKED[route] % name.encode(), {})
    assert isinstance(incoming, OllamaIncoming)
    return incoming


@compiled
@pytest.mark.parametrize("route", sorted(ANSWERS))
def test_an_ordinary_answer_passes_quickly_under_the_clients_name(route: str) -> None:
    body = json.dumps(REST | ANSWERS[route], indent=1).encode()
    mine, own = asked(route, "mine"), asked(route, "up")
    assert passed(mine, "up", body, route == "chat") == body.replace(b'"up"', b'"mine"')
    assert passed(own, "up", body, route == "chat") is body
    assert mine.spent == own.spent == Usage(42, None, None, 57)
    assert not any(passed(mine, "up", body[:cut], route == "chat") for cut in range(len(body)))
