"""A JSON array that comes piece by piece."""

from __future__ import annotations

import json
from itertools import pairwise

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


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.integers(0, 200), max_size=6))
def test_elements_come_whole_wherever_they_are_cut(texts: list[str], cuts: list[int]) -> None:
    elements: list[object] = [{text: [text, {}]} for text in texts]
    array = json.dumps(elements).encode()
    bounds = [0, *sorted(min(cut, len(array)) for cut in cuts), len(array)]
    assert read([array[a:b] for a, b in pairwise(bounds)]) == elements


def test_what_is_too_long_is_an_error() -> None:
    decoder = ArrayDecoder(limit=64)
    assert decoder.feed(b'[{"a":1},' * 100) != []
    with pytest.raises(FrameTooLarge):
        decoder.feed(b'{"a":"' + b"x" * 64)


def test_what_is_no_array_gives_nothing() -> None:
    assert ArrayDecoder().feed(b"<html>}") == []
