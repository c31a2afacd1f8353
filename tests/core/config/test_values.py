"""Durations, sizes, rates, scalars and `${NAME}`."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config.values import duration, interpolate, number, rate, scalar, size
from ollamux.resilience.limits import Rate


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("250ms", 0.25), ("5s", 5), ("2m", 120), ("1h", 3600), ("1.5h", 5400), (300, 300), (0.5, 0.5), ("30", 30), (0, 0)],
)
def test_a_duration_is_seconds(value: object, seconds: float) -> None:
    assert duration(value) == seconds


@pytest.mark.parametrize(
    "value", ["5d", "-5s", -1, "", "s", True, None, "1e999", float("inf"), "5 minutes", [], "1h30m"]
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="250ms"):
        duration(value)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ("64KiB", 65536),
        ("256MiB", 2**28),
        ("1GB", 10**9),
        ("1.5KiB", 1536),
        ("10B", 10),
        (7, 7),
        ("7", 7),
        ("2k", 2000),
    ],
)
def test_a_size_is_bytes(value: object, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize("value", ["1.5B", -1, 0.5, "many", None, True, "1PiB"])
def test_what_is_no_size_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="64KiB"):
        size(value)


@pytest.mark.parametrize(
    ("value", "found"),
    [("5/s", Rate(5, 1)), ("600/min", Rate(600, 60)), ("3600 / h", Rate(3600, 3600)), (0, None), ("0", None)],
)
def test_a_rate_is_so_many_events_in_so_much_time(value: object, found: Rate | None) -> None:
    assert rate(value) == found


def test_no_events_at_all_is_no_limit_as_everywhere() -> None:
    assert rate("0/min") is None


@pytest.mark.parametrize("value", [5, "5", "5/d", "-1/s", None])
def test_what_is_no_rate_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="600/min"):
        rate(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("true", True), ("False", False), ("12", 12), ("-3", -3), ("0x1F", 31),
        ("0o17", 15), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("010", 10), ("on", "on"), ("no", "no"),
        ("12:30", "12:30"), ("2025-04-01", "2025-04-01"), ("1_000", "1_000"), (".inf", ".inf"), ("a b", "a b"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_says(text: str, value: Any) -> None:
    found = scalar(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("value", [True, None, "x", "1" * 4000, 10**400, float("nan"), []])
def test_a_number_is_finite_or_none(value: object) -> None:
    assert number(value) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"), ("x${A}y", "xoney"), ("${B:-two}", "two"), ("${EMPTY:-two}", "two"), ("${EMPTY}", ""),
        ("${B:-}", ""), ("${A:-two}", "one"), ("$${A}", "${A}"), ("$A $$", "$A $$"), ("${B:-http://x/}", "http://x/"),
    ],
)  # fmt: skip
def test_a_reference_is_put_in(text: str, value: str) -> None:
    assert interpolate(text, {"A": "one", "EMPTY": ""}) == value


def test_what_is_put_in_is_not_read_again() -> None:
    assert interpolate("${A}", {"A": "${B}"}) == "${B}"


def test_a_variable_that_is_not_set_is_told_by_name() -> None:
    with pytest.raises(ValueError, match="MISSING is not set"):
        interpolate("${MISSING}", {})


@pytest.mark.parametrize("text", ["${", "${}", "${A-b}", "${1}", "${A"])
def test_a_reference_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{NAME\}"):
        interpolate(text, {"A": "one"})
