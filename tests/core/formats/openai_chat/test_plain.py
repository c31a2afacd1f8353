"""The quick reader of whole answers against the general one: what it reads, that one reads the same way."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ollamux import _build
from ollamux.conversation import Text, Timings
from ollamux.errors import OllamuxError
from ollamux.formats.ollama.gotext import dump
from ollamux.formats.openai_chat.embeddings import passed_vectors, read_embedding
from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming, routing_told
from ollamux.formats.openai_chat.plain import (
    asked_as,
    holds,
    joined,
    passed,
    read_plain,
    renamed,
    route_of,
    shows,
    usage_of,
)
from ollamux.formats.openai_chat.reading import read_answer_carefully
from ollamux.formats.openai_chat.route import ASKED as ASKED_FOR
from ollamux.formats.openai_chat.route import NOTHING, UNTOLD, Routed
from ollamux.formats.splice import replace
from ollamux.formats.telling import usage_told

compiled = pytest.mark.skipif(
    not _build.compiled(("ollamux.formats.openai_chat._passing", "ollamux.formats.openai_chat._plain")),
    reason="the quick readers are not compiled",
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
    told = quick.told(False), quick.told(True)  # asked before anything is decoded
    general = read_answer_carefully(body, ("reasoning_content", "reasoning"))
    assert quick == general
    text = "".join([part.text for part in general.parts if isinstance(part, Text)])
    assert told == (msgspec.json.encode(text), dump(text))
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
    asked = OpenAIChatIncoming(json.dumps({"model": name}).encode())
    quick = renamed(asked, body)
    if quick is not None:
        told, spent = json.loads(body), asked.spent
        assert json.loads(quick) == ({**told, "model": name} if told.get("model") is not None else told)
        assert spent is None or spent == usage_told("openai_chat", body)
        assert not told.get("error") and isinstance(told["choices"], list)


ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": [{"type": "text", "text": 'w\u00f6rld \U0001f600\n"x" ' * 9}]}],
    "stream": True,
    "stream_options": {"include_usage": True, "new": [1]},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "n": 2,
    "temperature": 0.5,
}
FIELDS = st.sampled_from(["model", "messages", "stream", "stream_options", "tools", "n", "options", "think", "new"])


READ = ("model", "stream", "tools", "choices", "usage", "pictures", "extensions")


def agree(body: bytes) -> None:
    """Both ways say the same, or refuse with the same words."""
    told: list[Any] = []
    for read in (route_of, routing_told):
        found = Routed()
        found.body = body
        try:
            if read(found) is False:
                routing_told(found)
            told.append([getattr(found, name) for name in READ])
        except OllamuxError as error:
            told.append(error.message)
    assert told[0] == told[1]


@compiled
def test_what_routing_needs_is_read_quickly() -> None:
    found = quickly(json.dumps(ASKED, ensure_ascii=False).encode())
    assert (found.model, found.choices, found.usage) == ("m", 2, ASKED_FOR)
    assert found.stream and found.tools and not found.pictures and not found.usual and found.extensions is None
    found = quickly(b'{"model":"m","tools":[ ],"stream_options":null}')
    assert (found.tools, found.stream, found.choices, found.usage) == (False, False, 1, NOTHING)
    found = quickly(b' {"x":"' + b"text " * 2000 + b'\\"image_url\\"","model":"m"}\n')
    assert (found.usage, found.pictures) == (UNTOLD, False)
    found = quickly(b'{"model":"m","messages":[{"content":[{"type":"image_url"}]}]}')
    assert found.pictures and not found.usual
    found = quickly(b'{"model":"m","messages":[{"role":"user","content":"image_url"}],"n":1}')
    assert found.usual and not found.pictures
    assert not quickly(b'{"model":"m","messages":[{"role":"developer","content":"hi"}]}').usual


def quickly(body: bytes) -> Routed:
    """Read without care, which can be done."""
    found = Routed()
    found.body = body
    assert route_of(found)
    return found


@given(st.dictionaries(FIELDS, VALUES | st.just({"include_usage": None})), st.booleans())
def test_what_routing_needs_is_the_same_read_either_way(changes: dict[str, Any], ascii_only: bool) -> None:
    agree(json.dumps(ASKED | changes, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass"))


@given(st.integers(0, 2000), st.sampled_from(JUNK))
def test_a_broken_request_is_refused_with_the_same_words(at: int, junk: bytes) -> None:
    body = json.dumps(ASKED, ensure_ascii=False).encode()
    at %= len(body)
    agree(body[:at] + junk + body[at + 1 :])


@given(st.dictionaries(FIELDS, VALUES), st.sampled_from(["m", "other", 'with "quotes"']))
def test_a_request_is_renamed_the_same_way_quickly(changes: dict[str, Any], name: str) -> None:
    body = json.dumps(ASKED | changes, ensure_ascii=False).encode("utf-8", "surrogatepass")
    value = json.dumps(name).encode()
    quick = asked_as(body, value)
    if quick is not None:
        assert quick == replace(body, {"model": value})


@given(st.tuples(st.binary(), st.binary(), st.binary(), st.binary()))
def test_pieces_of_an_object_are_joined(pieces: tuple[bytes, bytes, bytes, bytes]) -> None:
    assert joined(*pieces) == b"".join(pieces) + b"}"


def test_a_text_of_every_length_ends_where_it_ends() -> None:
    for size in range(80):
        for odd in ('"', "\\", "\n", "\x7f", "\u00e9", "\u2029", "<", ""):
            body = json.dumps({"model": "m", "x": "a" * size + odd + "b" * (80 - size)}, ensure_ascii=False).encode()
            agree(body)
            agree(body.replace(b"aa", b"a\x1f", 1))
            agree(body.replace(b"aa", b"a\xc3", 1))
            agree(body[: size + 16])


@given(st.text('"ab', max_size=80), st.text('"ab', max_size=5), st.integers(0, 40))
def test_a_word_is_found_wherever_it_stands(text: str, word: str, before: int) -> None:
    body = b"-" * before + text.encode()
    assert holds(body, word.encode()) is (word.encode() in body)
    assert shows(body, (b"none of it", word.encode())) is (word.encode() in body)
    assert not shows(body, ())


VECTORS: dict[str, Any] = {
    "object": "list",
    "data": [
        {"object": "embedding", "embedding": [0.25, -1e-05, 3.0], "index": 0},
        {"index": 1, "embedding": [1.0, 2.0, 0.5], "object": "embedding"},
    ],
    "model": "m",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
ROWS = st.sampled_from(
    [
        *(
            {},
            {"embedding": []},
            {"embedding": [[0.5]]},
            {"embedding": "AACAPg=="},
            {"embedding": ""},
            {"embedding": None},
        ),
        *({"embedding": [0.5] * 4}, {"embedding": [0.5], "index": None}, {"embedding": ["x"]}, {"embedding": [{}]}, 7),
        *({"embedding": "AACAPgAAgD4="}, {"embedding": "\\"}, {"embedding": [1], "x": {"embedding": "a"}}),
    ]
)


def outcome(told: str, packed: bool, dimensions: int, body: bytes) -> Any:
    asked: dict[str, Any] = {"model": told, "input": "a", "encoding_format": "base64" if packed else "float"}
    incoming = read_embedding(json.dumps(asked | ({"dimensions": dimensions} if dimensions else {})).encode())
    try:
        return passed_vectors(incoming, body)
    except OllamuxError as error:
        return str(error)


@given(
    *(st.lists(ROWS, max_size=3), st.dictionaries(st.sampled_from(["data", "model", "error", "new"]), VALUES)),
    *(st.sampled_from(["m", "other"]), st.booleans(), st.integers(0, 4)),
)
def test_vectors_pass_quickly_as_they_pass_slowly(
    rows: list[Any], changes: dict[str, Any], name: str, packed: bool, dimensions: int
) -> None:
    body = json.dumps(VECTORS | ({"data": rows} if rows else {}) | changes, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ollamux.formats.openai_chat.embeddings.passed", lambda *_: None)
        slowly = outcome(name, packed, dimensions, body)
    assert outcome(name, packed, dimensions, body) == slowly


@compiled
def test_vectors_that_may_stay_pass_without_being_read() -> None:
    body = json.dumps(VECTORS).encode()
    assert passed(body, b'"m"', False, 3) == passed(body, b'"m"', False, 0) == body
    assert passed(body, b'"you"', False, 0) == body.replace(b'"m"', b'"you"')
    assert passed(body, b'"m"', False, 2) is None
    assert passed(body, b'"m"', True, 0) is None
    assert not any(passed(body[:cut], b'"m"', False, 0) for cut in range(len(body)))


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=40), st.booleans())
def test_a_text_is_told_as_it_would_be_written_again(text: str, slashes: bool) -> None:
    body = json.dumps({"choices": [{"message": {"content": text}}]}, ensure_ascii=False)
    check((body.replace("/", "\\/") if slashes else body).encode())


def test_a_time_that_nothing_takes_is_none() -> None:
    for millis in (-1, 1e300, 1e13):
        body = json.dumps(PLAIN | {"timings": {"prompt_n": 1, "prompt_ms": millis, "predicted_ms": 1}}).encode()
        read = [read_answer_carefully(body, ()), read_plain(body)]
        assert all(answer is None or answer.timings == Timings(None, 1_000_000) for answer in read)
