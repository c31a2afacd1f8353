"""A JSON array that comes piece by piece."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.gemini.array_stream import ArrayDecoder
from ollamux.streaming.framing import FrameTooLarge

ELEMENTS = [{"a": '}"\\', "b": {"c": [{}, "{"]}}, {}, {"text": '\\\\"{', "é": "日本"}]
ARRAY = json.dumps(ELEMENTS, indent=1, ensure_ascii=False).encode().replace(b"},\n", b"}\r\n,\r\n")


def read(pieces: list[bytes]) -> list[object]:
    decoder = ArrayDecoder()
    return [json.loads(element) for piece in pieces for element in decoder.feed(piece)]


def test_elements_come_whole_at_every_cut() -> None:
    assert read([ARRAY]) == ELEMENTS
    assert read([ARRAY[at : at + 1] for at in range(len(ARRAY))]) == ELEMENTS
    for cut in range(len(ARRAY)):
        assert read([ARRAY[:cut], ARRAY[cut:]]) == ELEMENTS


@given(st.lists(st.dictionaries(st.text(), st.recursive(st.text() | st.none(), st.lists))), st.data())
def test_elements_come_whole_wherever_they_are_cut(elements: list[object], data: st.DataObject) -> None:
    array = json.dumps(elements).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(array)), max_size=6)))
    assert read([array[a:b] for a, b in zip([0, *cuts], [*cuts, len(array)], strict=True)]) == elements


def test_what_is_too_long_is_an_error() -> None:
    decoder = ArrayDecoder(limit=64)
    assert decoder.feed(b'[{"a":1},' * 100) != []
    with pytest.raises(FrameTooLarge):
        decoder.feed(b'{"a":"' + b"x" * 64)


def test_what_is_no_array_gives_nothing() -> None:
    assert ArrayDecoder().feed(b"<html>}") == []
