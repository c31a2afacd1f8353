"""Tool ids and names in other alphabets."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.identifiers import Names

ANTHROPIC = re.compile(r"[a-zA-Z0-9_-]+")
NINE = re.compile(r"[a-zA-Z0-9]{9}")
LETTER_FIRST = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
SHAPES = [(ANTHROPIC, 64), (NINE, 9), (LETTER_FIRST, 20), (ANTHROPIC, 12)]


def test_what_fits_stays_as_it_is() -> None:
    names = Names(ANTHROPIC, 64)
    assert names.out("toolu_01-x") == "toolu_01-x" and names.back("toolu_01-x") == "toolu_01-x"


def test_an_id_with_dots_and_colons_is_given_an_alias_and_found_again() -> None:
    names = Names(ANTHROPIC, 64)
    alias = names.out("functions.Bash:0")
    assert alias.startswith("functions_Bash_0_") and ANTHROPIC.fullmatch(alias)
    assert names.out("functions.Bash:0") == alias and names.back(alias) == "functions.Bash:0"


def test_an_id_of_83_characters_is_shortened() -> None:
    assert len(Names(ANTHROPIC, 64).out("c" * 83)) == 64


def test_an_id_can_have_one_length_alone() -> None:
    names = Names(NINE, 9)
    assert names.out("abcDEF123") == "abcDEF123"
    assert NINE.fullmatch(names.out("call_1")) and names.out("call_1") != names.out("call_2")


def test_the_same_original_has_the_same_alias_in_every_request() -> None:
    assert Names(ANTHROPIC, 64, ["a.b", "c.d"]).out("c.d") == Names(ANTHROPIC, 64).out("c.d")


def test_an_alias_never_meets_an_original_that_fits() -> None:
    taken = Names(ANTHROPIC, 64).out("a.b")
    names = Names(ANTHROPIC, 64, ["a.b", taken])
    assert names.out(taken) == taken and names.out("a.b") != taken
    late = Names(ANTHROPIC, 64)
    assert late.out("a.b") == taken and late.out(taken) != taken and late.back(late.out(taken)) == taken


def test_what_is_no_alias_is_given_back_as_it_is() -> None:
    assert Names(ANTHROPIC, 64).back("functions.Bash:0") == "functions.Bash:0"


@pytest.mark.parametrize(("pattern", "longest"), SHAPES)
@given(originals=st.lists(st.text() | st.from_regex(r"[a-c._:]{0,12}", fullmatch=True), max_size=8))
def test_every_original_has_an_alias_of_its_own_that_fits(
    pattern: re.Pattern[str], longest: int, originals: list[str]
) -> None:
    names = Names(pattern, longest, originals)
    aliases = {original: names.out(original) for original in originals}
    assert len(set(aliases.values())) == len(aliases)
    for original, alias in aliases.items():
        assert pattern.fullmatch(alias) and len(alias) <= longest and names.back(alias) == original
