"""Headers as lines: with any text in them, one line each, and read back as they were told."""

from __future__ import annotations

from ollamux.head_lines import line_of, pairs_of, value_of


def test_a_header_is_one_line_whatever_its_value_is() -> None:
    assert line_of("X", "1") == b"X: 1\r\n" and value_of("1") == b"1"
    assert line_of("X", "a\r\nB: c\x00\td") == b"X: a  B: c \td\r\n"
    assert line_of("X", "caf\u00e9") == b"X: caf\xc3\xa9\r\n"
    assert line_of("Y", "\udcff") == b"Y: \xff\r\n"


def test_lines_are_read_as_the_headers_that_they_tell() -> None:
    told = (("X", "caf\u00e9"), ("Y", "\udcff"), ("Empty", ""), ("X", "a: b"))
    assert pairs_of(b"".join([line_of(*pair) for pair in told])) == told
    assert pairs_of(b"") == ()
