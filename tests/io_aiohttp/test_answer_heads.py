"""Heads of answers: the same bytes each time, a Date that goes on, and no line that a value begins."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from ollamux_aiohttp import answer_heads
from ollamux_aiohttp.answer_heads import AnswerHeads, has_length

ODD = (("X", "caf\u00e9"), ("Y", "\udcff"))


def test_heads_are_written_alike_each_time_and_with_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_heads, "rfc822_formatted_time", lambda: "now")
    heads = AnswerHeads()
    first = heads.encoded(200, ODD, 1.0)
    assert first == heads.encoded(200, ODD, 1.5) == heads.encoded(200, (*ODD,), 9.0)
    assert first == b"HTTP/1.1 200 OK\r\nX: caf\xc3\xa9\r\nY: \xff\r\nDate: now\r\n"
    assert heads.encoded(599, (), 9.0) == b"HTTP/1.1 599 \r\nDate: now\r\n"
    assert heads.encoded(404, ODD, 9.0).startswith(b"HTTP/1.1 404 Not Found\r\nX: caf")


def test_each_line_is_as_its_own_header_says_whatever_else_is_told_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_heads, "rfc822_formatted_time", lambda: "now")
    heads = AnswerHeads()
    pairs = [("A", "1"), ("A", "2"), ("B", "1"), ("b", "1")]
    for one in pairs:
        for other in pairs:
            lines = "".join(f"{name}: {value}\r\n" for name, value in (one, other))
            told = f"HTTP/1.1 200 OK\r\n{lines}Date: now\r\n".encode()
            assert heads.encoded(200, (one, other), 1.0) == told == heads.encoded(200, ((*one,), (*other,)), 1.0)


def test_the_date_is_a_real_one_and_is_made_anew_each_second(monkeypatch: pytest.MonkeyPatch) -> None:
    heads = AnswerHeads()
    parsedate_to_datetime(heads.encoded(200, (), 0.5).decode().partition("Date: ")[2].strip())
    monkeypatch.setattr(answer_heads, "rfc822_formatted_time", lambda: "later")
    assert b"later" not in heads.encoded(200, (), 0.9) and b"later" in heads.encoded(200, (), 1.0)
    assert b"later" in heads.encoded(200, ODD, 1.1)


def test_no_value_of_a_header_ends_its_line_however_many_heads_were_written() -> None:
    heads = AnswerHeads()
    assert b"X: a  B: c \td\r\n" in heads.encoded(200, (("X", "a\r\nB: c\x00\td"),), 1.0)
    for number in range(3000):
        assert b"N: %d\r\n" % number in heads.encoded(200, (("N", str(number)),), 1.0)


def test_a_length_is_found_however_its_name_is_spelled() -> None:
    assert has_length((("X", "1"), ("content-LENGTH", "2"))) and not has_length((("X", "Content-Length"),))
