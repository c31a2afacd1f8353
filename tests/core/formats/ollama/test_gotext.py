"""Numbers, strings, times and documents come out as Go writes them."""

from __future__ import annotations

import math
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama.gotext import (
    dump,
    embedding_text,
    escape_html,
    float32_text,
    float64_text,
    normalised,
    quote,
    rfc3339nano,
    rfc3339nano_local,
)

_FLOAT32 = (
    (0.0, "0"),
    (-0.0, "-0"),
    (1.0, "1"),
    (-3.0, "-3"),
    (0.1, "0.1"),
    (0.6, "0.6"),
    (0.8, "0.8"),
    (-0.0017635144, "-0.0017635144"),
    (0.126953125, "0.12695312"),
    (0.000244140625, "0.00024414063"),
    (0.00001, "0.00001"),
    (0.000001, "0.000001"),
    (0.0000001, "1e-7"),
    (1.5e-10, "1.5e-10"),
    (1.4e-45, "1e-45"),
    (2.0**-126, "1.1754944e-38"),
    (16777216.0, "16777216"),
    (123456789.0, "123456790"),
    (538797568.0, "538797600"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (3.4028234663852886e38, "3.4028235e+38"),
)
_FLOAT64 = (
    (0.0, "0"),
    (-0.0, "-0"),
    (-0.25, "-0.25"),
    (3.0, "3"),
    (0.00001, "0.00001"),
    (0.0000012, "0.0000012"),
    (1.2e-7, "1.2e-7"),
    (1e-10, "1e-10"),
    (123456789012345680.0, "123456789012345680"),
    (1e20, "100000000000000000000"),
    (1.5e20, "150000000000000000000"),
    (1e21, "1e+21"),
    (-1.7976931348623157e308, "-1.7976931348623157e+308"),
)
_FINITE32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def _round(value: float) -> float:
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


@pytest.mark.parametrize(("value", "text"), _FLOAT32)
def test_a_float32_has_the_shortest_text_that_reads_back(value: float, text: str) -> None:
    assert float32_text(value) == text
    assert embedding_text([value]) == f"[{text}]".encode()


@given(_FINITE32)
def test_every_float32_reads_back_from_its_text(value: float) -> None:
    text = float32_text(value)
    assert len(text.lstrip("-0.").split("e")[0].replace(".", "").rstrip("0")) <= 9
    assert _round(float(text)) == value


@given(st.lists(_FINITE32, max_size=20))
def test_an_embedding_is_a_json_array_of_its_float32(values: list[float]) -> None:
    assert embedding_text(values) == ("[" + ",".join(map(float32_text, values)) + "]").encode()


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_json_cannot_hold_is_refused(value: float) -> None:
    for write in (float32_text, float64_text):
        with pytest.raises(ValueError, match="unsupported value"):
            write(value)
    with pytest.raises(ValueError, match="unsupported value"):
        embedding_text([0.5, value])


@pytest.mark.parametrize(("value", "text"), _FLOAT64)
def test_a_float64_is_written_as_encoding_json_writes_it(value: float, text: str) -> None:
    assert float64_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float64_reads_back_from_its_text(value: float) -> None:
    assert float(float64_text(value)) == value


def test_a_vector_is_brought_to_length_one_in_float32() -> None:
    assert embedding_text(normalised([3.0, 0.0, 4.0, 0.0])) == b"[0.6,0,0.8,0]"
    assert embedding_text(normalised([3.0])) == b"[1]"


def test_a_vector_of_zeros_stays_what_it_is() -> None:
    assert normalised([0.0, 0.0]) == [0.0, 0.0]
    assert normalised([]) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_vector_with_a_hole_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="embedding contains NaN or Inf values"):
        normalised([1.0, value])


def test_a_document_is_escaped_for_html() -> None:
    assert dump({"<a>": "&\u2028\u2029\u2027é"}) == b'{"\\u003ca\\u003e":"\\u0026\\u2028\\u2029\xe2\x80\xa7\xc3\xa9"}'
    assert dump({"a": [1, None, True, '\b\f\n\r\t\x1f\x7f"\\']}) == (
        b'{"a":[1,null,true,"\\b\\f\\n\\r\\t\\u001f\x7f\\"\\\\"]}'
    )
    assert escape_html(b'{"a":1}') == b'{"a":1}'


@given(st.text())
def test_escaping_never_changes_what_a_document_says(text: str) -> None:
    assert msgspec.json.decode(dump({text: text})) == {text: text}


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("tiny", '"tiny"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("\a\b\f\n\r\t\v", '"\\a\\b\\f\\n\\r\\t\\v"'),
        ("\x00\x1f\x7f", '"\\x00\\x1f\\x7f"'),
        ("é漢😀\ufffd", '"é漢😀\ufffd"'),
        ("\x80\xa0\xad\u2028\ufeff", '"\\u0080\\u00a0\\u00ad\\u2028\\ufeff"'),
        ("\U000e0001", '"\\U000e0001"'),
    ],
)
def test_quoting_is_that_of_go_s_percent_q(text: str, quoted: str) -> None:
    assert quote(text) == quoted


def test_a_time_has_as_many_digits_as_it_needs() -> None:
    assert rfc3339nano(1795231389, 703794419) == "2026-11-21T03:23:09.703794419Z"
    assert rfc3339nano(1795231389, 700000000) == "2026-11-21T03:23:09.7Z"
    assert rfc3339nano(1795231389, 1) == "2026-11-21T03:23:09.000000001Z"
    assert rfc3339nano(0, 0) == "1970-01-01T00:00:00Z"


def test_a_local_time_says_how_far_from_utc_it_is() -> None:
    assert rfc3339nano_local(1714859809, 277302595, -25200) == "2024-05-04T14:56:49.277302595-07:00"
    assert rfc3339nano_local(1714859809, 0, 19800) == "2024-05-05T03:26:49+05:30"
    assert rfc3339nano_local(1714859809, 0, 0) == "2024-05-04T21:56:49Z"
    assert rfc3339nano_local(1714859809, 0, -45) == "2024-05-04T21:56:04+00:00"
