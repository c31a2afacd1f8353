"""The quick reader of whole answers against the general one: what it reads, that one reads the same way."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ollamux import _build
from ollamux.errors import OllamuxError
from ollamux.formats.openai_chat.plain import read_plain, renamed, usage_of
from ollamux.formats.openai_chat.reading import read_answer_carefully

compiled = pytest.mark.skipif(
    not _build.compiled(("ollamux.formats.openai_chat._plain",)), reason="the quick reader is not compiled"
)

PLAIN: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1731900000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": 'Hel"lo\n w\u00f6rld', "refusal": None, "annotations": [{}]},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 20,
        "completion_tokens": 7,
        "total_tokens": 27,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 0},
    },
    "timings": {"cache_n": 1, "prompt_n": 2, "prompt_ms": 3.25, "predicted_n": 4, "predicted_ms": 5e1},
    "system_fingerprint": {"a": [1, -2.5e3, True, False, None, {"b": []}]},
}
VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, "", "x", "length", "tool_calls", "\u2028<&>", "\U0001f600", 0, 7, -1, 1.5, 10**20, True),
        *([], [None], {}, {"a": 1}, {"content": "z"}, [{"id": "c"}]),
        [{"message": {"content": "a"}}, {"message": {"content": "b"}}],
    ]
)
JUNK = (b"", b"\\", b'"', b",", b"{", b"\x00", b"\xff", b"0", b"\\u0041", b"nul")
PATHS: list[tuple[Any, ...]] = [
    *((key,) for key in (*PLAIN, "error", "new")),
    *(("choices", 0, key) for key in ("message", "index", "finish_reason", "logprobs", "delta", "text", "new")),
    *(
        ("choices", 0, "message", key)
        for key in (
            "content",
            "role",
            "refusal",
            "reasoning",
            "reasoning_content",
            "reasoning_details",
            "tool_calls",
            "new",
        )
    ),
    *(("usage", key) for key in PLAIN["usage"]),
    ("usage", "prompt_tokens_details", "cached_tokens"),
    ("usage", "prompt_tokens_details", "cache_write_tokens"),
    ("usage", "completion_tokens_details", "reasoning_tokens"),
    *(("timings", key) for key in PLAIN["timings"]),
]


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
    """Whether the quick reader read it; then the general one says the same."""
    quick = read_plain(body)
    if quick is None:
        return False
    assert quick == read_answer_carefully(body, ("reasoning_content", "reasoning"))
    return True


@compiled
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_an_answer_of_text_alone_is_read_quickly(indent: int | None, separators: tuple[str, str]) -> None:
    assert check(json.dumps(PLAIN, indent=indent, separators=separators, ensure_ascii=False).encode())
    assert check(b" \n" + json.dumps(PLAIN, ensure_ascii=False).encode() + b"\n ")


@compiled
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("choices", 0, "message", "tool_calls"), [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]),
        (("choices", 0, "message", "reasoning_content"), "hm"),
        (("choices", 0, "message", "reasoning_details"), [{"type": "reasoning.text", "text": "hm"}]),
        (("choices", 0, "message", "refusal"), "no"),
        (("choices", 0, "message", "content"), "\u2028"),
        (("choices", 0, "finish_reason"), "content_filter"),
        (("choices", 0, "logprobs"), {"content": []}),
        (("error",), {"message": "no"}),
        (("choices",), []),
    ],
)
def test_what_is_more_than_text_is_left_to_the_general_reader(path: tuple[Any, ...], value: Any) -> None:
    assert read_plain(json.dumps(changed([(path, value)]), ensure_ascii=False).encode()) is None


CHANGES = st.lists(st.tuples(st.sampled_from(PATHS), VALUES), max_size=3)


@given(CHANGES, st.booleans())
def test_what_is_read_quickly_is_what_the_general_reader_reads(
    changes: list[tuple[tuple[Any, ...], Any]], ascii_only: bool
) -> None:
    check(json.dumps(changed(changes), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.integers(0, 2000), st.sampled_from(JUNK))
@example(0, b"x")
def test_what_is_no_json_is_left_to_the_general_reader(at: int, junk: bytes) -> None:
    body = json.dumps(PLAIN, ensure_ascii=False).encode()
    at %= len(body)
    broken = body[:at] + junk + body[at + 1 :]
    try:
        read_answer_carefully(broken, ("reasoning_content",))
    except OllamuxError:
        assert read_plain(broken) is None
    else:
        check(broken)


def test_an_answer_that_is_cut_anywhere_is_none() -> None:
    body = json.dumps(PLAIN).encode()
    assert not any(read_plain(body[:cut]) for cut in range(len(body)))


@given(changes=CHANGES, ascii_only=st.booleans())
def test_the_cost_read_from_the_end_is_what_the_whole_answer_tells(
    changes: list[tuple[tuple[Any, ...], Any]], ascii_only: bool
) -> None:
    body = json.dumps(changed(changes), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    quick = usage_of(body)
    if quick is not None and read_plain(body) is not None:
        assert quick == read_answer_carefully(body, ("reasoning_content", "reasoning")).usage


@given(changes=CHANGES, name=st.sampled_from(["m", "other", 'with "quotes"']))
def test_a_quick_renaming_is_the_general_one(changes: list[tuple[tuple[Any, ...], Any]], name: str) -> None:
    body = json.dumps(changed(changes), ensure_ascii=False).encode("utf-8", "surrogatepass")
    quick = renamed(body, json.dumps(name).encode())
    if quick is not None:
        told = json.loads(body)
        assert json.loads(quick) == ({**told, "model": name} if told.get("model") is not None else told)
        assert not told.get("error") and isinstance(told["choices"], list)
