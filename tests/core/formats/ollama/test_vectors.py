"""The quick writer of vectors against the general one: what it writes, that one writes to the letter."""

from __future__ import annotations

import math
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux import _build
from ollamux.formats.ollama.gotext import embedding_text, float32_text, normalised
from ollamux.formats.ollama.vectors import vector_text

compiled = pytest.mark.skipif(
    not _build.compiled(("ollamux.formats.ollama._vectors",)), reason="the quick writer is not compiled"
)


def slowly(values: list[float], cut: int) -> bytes:
    vector = normalised(values)
    return embedding_text(normalised(vector[:cut]) if 0 < cut < len(vector) else vector)


def told(number: float) -> list[float]:
    """A vector that has this number in it, at length one to begin with: what the numbers are, they stay."""
    return [number, math.sqrt(1.0 - number * number)]


@given(st.lists(st.floats(-1e3, 1e3)) | st.lists(st.floats(-3e38, 3e38)), st.integers(0, 9))
def test_a_vector_is_written_as_the_slow_way_writes_it(values: list[float], cut: int) -> None:
    assert vector_text(values, cut) == slowly(values, cut)


def test_numbers_of_every_size_are_written_as_the_slow_way_writes_them() -> None:
    random = Random(7)
    for _ in range(300):
        values = [random.choice((-1, 1)) * 10 ** random.uniform(-9, 0) for _ in range(100)]
        assert vector_text(values, 0) == slowly(values, 0)


def test_the_neighbours_of_powers_of_ten_and_of_two_are_written_as_the_slow_way_writes_them() -> None:
    for near in (*(10.0**-n for n in range(8)), *(2.0**-n for n in range(1, 40))):
        bits = struct.unpack("<I", struct.pack("<f", near))[0]
        for other in range(bits - 40, bits + 40):
            number = struct.unpack("<f", struct.pack("<I", other))[0]
            if number < 1.0:
                assert vector_text(told(number), 0) == slowly(told(number), 0)


@pytest.mark.parametrize("values", [[], [0.0, -0.0], [1.0], [-3.0, 0.0, 4.0], [1e-30, 0.0], [3e38, 3e38], [1, 2.5]])
def test_what_is_rare_is_written_as_the_slow_way_writes_it(values: list[float]) -> None:
    assert vector_text(values, 0) == slowly(values, 0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("other", [1.0, 3e38])
def test_a_vector_with_a_hole_is_refused(value: float, other: float) -> None:
    with pytest.raises(ValueError, match="embedding contains NaN or Inf values"):
        vector_text([other, value], 0)


@compiled
def test_an_ordinary_vector_is_written_quickly() -> None:
    from ollamux.formats.ollama._vectors import unit_text

    assert unit_text([3.0, 4.0], 0) == b"[0.6,0.8]"
    assert unit_text([3.0, 4.0, 5.0], 2) == b"[0.6,0.8]"
    assert unit_text([1.0, "x"], 0) is None  # type: ignore[list-item]
    assert float32_text(0.6) == "0.6"
