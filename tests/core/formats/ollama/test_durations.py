"""Durations are read as Go reads them, and refused in its words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama.durations import DurationError, parse_duration

_DURATIONS = (
    ("0", 0),
    ("-0", 0),
    ("+0", 0),
    ("0s", 0),
    ("5m", 300_000_000_000),
    ("300ms", 300_000_000),
    ("1h30m", 5_400_000_000_000),
    ("-1.5h", -5_400_000_000_000),
    ("1.s", 1_000_000_000),
    (".5s", 500_000_000),
    ("2us", 2_000),
    ("2µs", 2_000),
    ("2μs", 2_000),
    ("7ns", 7),
    ("1h1s1h", 7_201_000_000_000),
    ("9223372036854775807ns", 9223372036854775807),
    ("-9223372036854775808ns", -9223372036854775808),
    ("2562047h47m16.854775807s", 9223372036854775807),
    ("0.1111111111111111111111111111111111111111h", 400_000_000_000),
    ("00000000000000000000000000000000000001s", 1_000_000_000),
)
_ERRORS = (
    ("abc", 'time: invalid duration "abc"'),
    ("", 'time: invalid duration ""'),
    ("-", 'time: invalid duration "-"'),
    (".s", 'time: invalid duration ".s"'),
    ("10", 'time: missing unit in duration "10"'),
    ("1m10", 'time: missing unit in duration "1m10"'),
    ("1d", 'time: unknown unit "d" in duration "1d"'),
    ("1 s", 'time: unknown unit " s" in duration "1 s"'),
    ("1S", 'time: unknown unit "S" in duration "1S"'),
    ('1"\\', 'time: unknown unit "\\"\\\\" in duration "1\\"\\\\"'),
    ("é\n", 'time: invalid duration "\\xc3\\xa9\\x0a"'),
    ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
    ("99999999999999999999s", 'time: invalid duration "99999999999999999999s"'),
    ("9223372036s9223372036s", 'time: invalid duration "9223372036s9223372036s"'),
    ("2562047h47m16.854775808s", 'time: invalid duration "2562047h47m16.854775808s"'),
)


@pytest.mark.parametrize(("text", "nanos"), _DURATIONS)
def test_a_duration_is_read_to_the_nanosecond(text: str, nanos: int) -> None:
    assert parse_duration(text) == nanos


@pytest.mark.parametrize(("text", "message"), _ERRORS)
def test_what_is_no_duration_is_refused_in_go_s_words(text: str, message: str) -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@given(st.text('0123456789.-+hmsnuµ "é', max_size=40))
def test_any_text_is_a_duration_or_an_error(text: str) -> None:
    try:
        assert -(1 << 63) <= parse_duration(text) < 1 << 63
    except DurationError as error:
        assert str(error).startswith("time: ")
