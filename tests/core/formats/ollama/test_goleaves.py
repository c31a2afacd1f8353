"""Plain values are taken as Go takes them."""

from __future__ import annotations

import math
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama import goleaves
from ollamux.formats.ollama.goleaves import keep_alive_of, plain_base64
from ollamux.formats.ollama.goscan import GoJSONError, scan
from ollamux.formats.ollama.gotypes import GoType, run


def _take(type_: GoType, body: bytes) -> Any:
    return run(body, scan(body), type_)


def _error(type_: GoType, body: bytes) -> str:
    with pytest.raises(GoJSONError) as caught:
        _take(type_, body)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'"a"', "a"),
        (b'"\\u00e9\\n\\/\\ud83d\\ude00"', "é\n/😀"),
        (b'"\\ud800"', "\ufffd"),
        (b'"\\ud800\\ud83d\\ude00\\udc00x"', "\ufffd😀\ufffdx"),
        (b'"\xff\xe2\x82x"', "\ufffd\ufffd\ufffdx"),
        (b'"\xed\xa0\x80\\u0041"', "\ufffd\ufffd\ufffdA"),
    ],
)
def test_a_string_is_repaired_rather_than_refused(body: bytes, text: str) -> None:
    assert _take(goleaves.STRING, body) == text


def test_a_role_is_written_in_small_letters() -> None:
    assert _take(goleaves.ROLE, b'"USER"') == "user"


def test_null_leaves_a_plain_value_unset() -> None:
    for type_ in (goleaves.STRING, goleaves.BOOL, goleaves.FLAG, goleaves.INT, goleaves.THINK, goleaves.KEEP_ALIVE):
        assert _take(type_, b"null") is None


@pytest.mark.parametrize(
    ("type_", "body", "message"),
    [
        (goleaves.STRING, b"1", "number into Go value of type string"),
        (goleaves.STRING, b"{}", "object into Go value of type string"),
        (goleaves.BOOL, b'"yes"', "string into Go value of type bool"),
        (goleaves.INT, b"[]", "array into Go value of type int"),
        (goleaves.INT, b"true", "bool into Go value of type int"),
        (goleaves.INT, b"1.5", "number 1.5 into Go value of type int"),
        (goleaves.INT, b"1.0", "number 1.0 into Go value of type int"),
        (goleaves.INT, b"1e2", "number 1e2 into Go value of type int"),
        (goleaves.INT, b"9223372036854775808", "number 9223372036854775808 into Go value of type int"),
        (goleaves.IMAGE, b"5", "number into Go value of type api.ImageData"),
        (goleaves.IMAGE, b"[256]", "number 256 into Go value of type uint8"),
        (goleaves.ANY, b"[1e999]", "number 1e999 into Go value of type float64"),
        (goleaves.KEEP_ALIVE, b"1e999", "number 1e999 into Go value of type float64"),
        (goleaves.PROPERTY_TYPE, b"5", "number into Go value of type []string"),
        (goleaves.PROPERTY_TYPE, b'["a",5]', "number into Go value of type string"),
    ],
)
def test_a_value_of_the_wrong_type_is_named(type_: GoType, body: bytes, message: str) -> None:
    assert _error(type_, body) == f"json: cannot unmarshal {message}"


def test_an_integer_has_64_bits() -> None:
    assert _take(goleaves.INT, b"9223372036854775807") == 2**63 - 1
    assert _take(goleaves.INT, b"-9223372036854775808") == -(2**63)
    assert _take(goleaves.INT, b"-0") == 0


def test_any_value_becomes_what_python_has_for_it() -> None:
    body = b'{"a":[1,2.5,null,true,"x",{}],"a\\ud800":-0.0,"b":[[]]}'
    assert _take(goleaves.ANY, body) == {"a": [1, 2.5, None, True, "x", {}], "a\ufffd": 0.0, "b": [[]]}


def test_a_format_keeps_its_bytes() -> None:
    assert bytes(_take(goleaves.FORMAT, b'{ "a" :1.50 }')) == b'{ "a" :1.50 }'
    assert bytes(_take(goleaves.FORMAT, b'["\xff\\ud800\\ud83d\\ude00\\\\ud800"]')) == (
        b'["\xef\xbf\xbd\\ufffd\\ud83d\\ude00\\\\ud800"]'
    )
    assert _take(goleaves.FORMAT, b"null") is None


@pytest.mark.parametrize(("body", "value"), [(b"true", True), (b"false", False), (b'"low"', "low"), (b'"max"', "max")])
def test_think_is_a_flag_or_a_level(body: bytes, value: object) -> None:
    assert _take(goleaves.THINK, body) == value


def test_think_of_another_sort_is_refused() -> None:
    tail = '"high", "medium", "low", "max", true, or false)'
    assert _error(goleaves.THINK, b'"huge"') == f'invalid think value: "huge" (must be {tail}'
    assert _error(goleaves.THINK, b'"\\n"') == f'invalid think value: "\\n" (must be {tail}'
    for body in (b"1", b"[]", b"{}"):
        assert _error(goleaves.THINK, body) == f"think must be a boolean or string ({tail}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (0, 0.0), (0.0, 0.0), (-0.0, 0.0), (30, 30.0), (1.5, 1.5), (-1, math.inf), (-0.1, math.inf), (1e300, math.inf),
        (1e-12, 0.0), ("0", 0.0), ("0s", 0.0), ("5m", 300.0), ("300ms", 0.3), ("-1s", math.inf), (10**400, math.inf),
    ],
)  # fmt: skip
def test_keep_alive_is_in_seconds(value: object, seconds: float) -> None:
    assert keep_alive_of(value) == seconds


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'"abc"', 'time: invalid duration "abc"'),
        (b'"10"', 'time: missing unit in duration "10"'),
        (b'"1d"', 'time: unknown unit "d" in duration "1d"'),
        (b"true", "Unsupported type: 'bool'"),
        (b"[]", "Unsupported type: '[]interface {}'"),
        (b"{}", "Unsupported type: 'map[string]interface {}'"),
    ],
)
def test_a_keep_alive_that_says_no_time_is_refused(body: bytes, message: str) -> None:
    assert _error(goleaves.KEEP_ALIVE, body) == message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("@@", 0), ("data:image/png;base64,aGk=", 4), ("aGk", 0), ("aGkxa", 4), ("aGkxaG", 4), ("aGk==", 4),
        ("aGkx=", 4), ("a===", 1), ("aG=a", 2), ("aG=", 3), ("aG=\n", 4), ("aGk=aGk=", 4), ("====", 0), ("a\nGé", 3),
        ("aGkx\n\naG", 6),
    ],
)  # fmt: skip
def test_broken_base64_is_refused_where_it_breaks(text: str, place: int) -> None:
    assert _error(goleaves.IMAGE, f'"{text}"'.replace("\n", "\\n").encode()) == (
        f"illegal base64 data at input byte {place}"
    )
    assert not plain_base64(text)


@given(st.binary(max_size=30), st.lists(st.integers(0, 40), max_size=3))
def test_an_image_may_be_broken_into_lines(data: bytes, places: list[int]) -> None:
    text = b64encode(data).decode()
    pieces = list(text)
    for place in places:
        pieces.insert(place % (len(pieces) + 1), "\\r\\n")
    assert plain_base64(text)
    assert _take(goleaves.IMAGE, f'"{"".join(pieces)}"'.encode()) == text


def test_an_image_may_be_an_array_of_bytes() -> None:
    assert _take(goleaves.IMAGE, b"[104,105,null]") == b64encode(b"hi\0").decode()
    assert _take(goleaves.IMAGE, b"null") == ""


def test_the_type_of_a_property_is_one_or_several() -> None:
    assert _take(goleaves.PROPERTY_TYPE, b'"string"') == ["string"]
    assert _take(goleaves.PROPERTY_TYPE, b'["string",null]') == ["string", ""]
    assert _take(goleaves.PROPERTY_TYPE, b"null") == [""]
