"""Marks of the beginnings of conversations, and who holds them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollamux.routing.affinity import LONGEST, SHORTEST, Prefixes, marks


def test_a_short_text_has_no_mark_and_a_long_one_has_few() -> None:
    assert marks([b"x" * (SHORTEST - 1)]) == ()
    assert len(marks([b"x" * SHORTEST])) == 1
    assert len(marks([b"x" * 10 * LONGEST])) < 50


@given(st.binary(max_size=4000), st.binary(max_size=2000), st.integers(1, 700))
def test_a_text_that_grows_keeps_its_marks_however_it_is_cut(text: bytes, more: bytes, size: int) -> None:
    whole = text + more
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert marks(pieces) == marks([whole])
    assert marks([whole])[: len(marks([text]))] == marks([text])


def test_another_beginning_has_other_marks() -> None:
    one, other = marks([b"a" + b"x" * 5000]), marks([b"b" + b"x" * 5000])
    assert not set(one) & set(other)


def test_the_longest_known_beginning_names_the_holder() -> None:
    prefixes = Prefixes()
    prefixes.keep("m", (1, 2, 3), 7)
    prefixes.keep("m", (1, 20), 8)
    assert prefixes.holder("m", (1, 2, 3, 4)) == 7
    assert prefixes.holder("m", (1, 20, 30)) == 8
    assert prefixes.holder("m", (1,)) == 8
    assert prefixes.holder("other", (1, 2, 3)) == -1
    assert prefixes.holder("m", ()) == -1


def test_what_was_not_used_for_longest_is_forgotten_first() -> None:
    prefixes = Prefixes(most=3)
    prefixes.keep("m", (1, 2), 0)
    prefixes.keep("m", (3,), 0)
    prefixes.keep("m", (1,), 1)
    prefixes.keep("m", (4,), 0)
    assert len(prefixes) == 3
    assert prefixes.holder("m", (2,)) == -1
    assert prefixes.holder("m", (1,)) == 1
