"""What is read by a shape that is known is what is read without one: nothing that came before changes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux import _build
from ollamux.errors import OllamuxError
from ollamux.formats.ollama import gojson, schema
from ollamux.formats.ollama import plain as ollama
from ollamux.formats.ollama.ask import Ask
from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming
from ollamux.formats.openai_chat.plain import read_plain, renamed
from ollamux.formats.openai_chat.reading import read_answer_carefully
from ollamux.formats.telling import usage_told

pytestmark = pytest.mark.skipif(
    not _build.compiled(("ollamux.streaming._shape",)), reason="the quick readers are not compiled"
)

FIELDS = ("reasoning_content", "reasoning")
SAMPLE = (
    '{"id":"chatcmpl-0123456789abcdefghij","object":"chat.completion","created":17,"model":"m","choices":[{"index":0,'
    '"message":{"role":"assistant","content":"w\u00f6rld"},"finish_reason":"stop"}],"usage":{"prompt_tokens":42,'
    '"completion_tokens":7},"x":[true,-1.5e3,""]}'
).encode()


def answer(**values: Any) -> bytes:
    """One of a few bodies that look alike."""
    text = values.pop("text", "hello")
    message: dict[str, Any] = {"role": "assistant", "content": text, **values.pop("message", {})}
    choice = {"index": 0, "message": message, "finish_reason": values.pop("finish", "stop")}
    usage = {"prompt_tokens": values.pop("read", 3), "completion_tokens": values.pop("written", 4)}
    told = {"id": values.pop("id", "a"), "model": values.pop("model", "m"), "choices": [choice], "usage": usage}
    return json.dumps(told | values, separators=(",", ":"), ensure_ascii=False).encode()


def same(body: bytes) -> bool:
    """Whether it is read quickly; then as it is read with care, and it passes as it would."""
    asked = OpenAIChatIncoming(b'{"model":"m"}')
    quick, passed = read_plain(body), renamed(asked, body)
    if passed is not None:
        told = json.loads(body)
        assert json.loads(passed) == (told | {"model": "m"} if told.get("model") is not None else told)
        assert asked.spent is None or asked.spent == usage_told("openai_chat", body)
    if quick is None:
        return False
    assert quick == read_answer_carefully(body, FIELDS)
    return True


NUMBERS = st.sampled_from([0, 7, 10**9, -3, 2.5, None])
TEXTS = st.sampled_from(["", "stop", "length", "w\u00f6rld", '"\\\n', "\u2028", "a" * 40, "/" * 17, None])
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "id": TEXTS,
        "model": TEXTS,
        "finish": st.sampled_from(["stop", "length", "tool_calls", None]),
        "read": NUMBERS,
        "written": NUMBERS,
        "created": NUMBERS,
        "new": st.sampled_from([True, False, None, [], [1], [1, 2], {}, "x", "y" * 30, 5]),
        "message": st.sampled_from([{}, {"refusal": None}, {"refusal": "no"}, {"tool_calls": []}, {"tool_calls": [1]}]),
    },
)


@given(st.lists(BODIES, min_size=1, max_size=12))
def test_what_came_before_changes_nothing(bodies: list[dict[str, Any]]) -> None:
    for values in bodies:
        same(answer(**values))
    assert same(answer()) and same(answer(text="again", read=1, id="b" * 99, finish="length"))


def test_a_byte_that_differs_is_seen_wherever_it_is() -> None:
    for place in range(len(SAMPLE)):
        for junk in (b"", b'"', b"\\", b"{", b"0", b"-", b" ", b"\x00", b"\xff", b"null", b"a,"):
            assert same(SAMPLE)
            body = SAMPLE[:place] + junk + SAMPLE[place + 1 :]
            try:
                read_answer_carefully(body, FIELDS)
            except OllamuxError:
                assert read_plain(body) is None
            else:
                same(body)


def test_a_body_that_is_cut_is_none() -> None:
    assert same(SAMPLE)
    asked = OpenAIChatIncoming(b'{"model":"m"}')
    assert not any(read_plain(SAMPLE[:cut]) or renamed(asked, SAMPLE[:cut]) for cut in range(len(SAMPLE)))
    assert read_plain(SAMPLE + b"x") is None and read_plain(SAMPLE + b"\n") is not None


def test_more_shapes_than_are_known_are_read_all_the_same() -> None:
    for turn in range(3):
        for more in range(20):
            assert same(answer(text=f"{turn} {more}", **{f"key{one}": one for one in range(more)}))
    assert same(answer(**{f"key{one}": one for one in range(200)}))  # too many values for one
    assert same(answer(text="long " * 9000)) and same(answer(text="short"))


def test_a_text_that_stayed_the_same_may_be_another_one() -> None:
    for model in ("m", "m", "other", "m", "third", "with/slash", "m\\", "\u00e9"):
        body = answer(model=model)
        assert same(body)
        passed = renamed(OpenAIChatIncoming(b'{"model":"told"}'), body)
        assert passed is None or json.loads(passed)["model"] == "told"


TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "system", "assistant", "tool", "developer"]),
            "content": st.sampled_from(["hi", "", "a" * 30, "w\u00f6", "\n"]),
        }
    ),
    max_size=3,
)


@given(st.lists(st.tuples(TURNS, NUMBERS, st.booleans(), TEXTS), min_size=1, max_size=8))
def test_an_ask_is_the_same_whatever_was_asked_before(asks: list[tuple[Any, Any, bool, Any]]) -> None:
    for turns, number, stream, model in asks:
        asked: dict[str, Any] = {"model": model, "messages": turns, "stream": stream}
        if number is not None:
            asked["options"] = {"temperature": number}
        body = json.dumps(asked, ensure_ascii=False).encode()
        quick = Ask()
        quick.body = body
        read = ollama.read_plain(quick)
        if read:
            general = gojson.decode(body, schema.ChatRequest)
            assert (quick.model, quick.stream) == (general.model, general.stream)
            assert json.loads(quick.said) == turns
            assert (None if quick.wishes is None else json.loads(quick.wishes)) == general.options
        usual = all(turn["role"] in ("user", "system", "assistant") and turn["content"] for turn in turns)
        assert read == bool(turns and usual and model and "\\" not in model and "\u2028" not in model)
