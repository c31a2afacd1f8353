"""Options are taken by type, and refused in Ollama's words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama.options import OPTION_TYPES, OptionError, check_options

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


def test_known_options_keep_their_values() -> None:
    given_options = {
        "temperature": 0.7, "top_k": 40, "seed": -1, "stop": ["a", "b"], "use_mmap": False, "num_ctx": 4096, "min_p": 0,
    }  # fmt: skip
    assert check_options(given_options) == given_options
    assert isinstance(check_options({"min_p": 0})["min_p"], float)


def test_an_integer_takes_a_fraction_and_drops_it() -> None:
    assert check_options({"num_predict": 1.9, "top_k": -1.9}) == {"num_predict": 1, "top_k": -1}


def test_an_integer_is_no_more_precise_than_a_float() -> None:
    assert check_options({"seed": 2**53 + 1}) == {"seed": 2**53}
    assert check_options({"seed": 10**400, "top_k": 1e300}) == {"seed": -(2**63), "top_k": -(2**63)}


def test_unknown_options_and_nulls_are_left_out() -> None:
    assert check_options({"bogus": 1, "temperature": None, "mirostat": "x"}) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": "hot"}, 'option "temperature" must be of type float32'),
        ({"temperature": True}, 'option "temperature" must be of type float32'),
        ({"seed": "a"}, 'option "seed" must be of type integer'),
        ({"top_k": True}, 'option "top_k" must be of type integer'),
        ({"main_gpu": []}, 'option "main_gpu" must be of type integer'),
        ({"use_mmap": 1}, 'option "use_mmap" must be of type boolean'),
        ({"stop": "x"}, 'option "stop" must be of type array'),
        ({"stop": ["x", 1]}, 'option "stop" must be of an array of strings'),
        ({"num_predict": 1.9, "seed": "a", "top_k": True}, 'option "seed" must be of type integer'),
    ],
)
def test_a_wrong_type_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_options(options)
    assert str(caught.value) == message


@given(st.dictionaries(st.sampled_from(sorted(OPTION_TYPES)), _VALUES, max_size=3))
def test_any_value_is_taken_or_refused(options: dict[str, Any]) -> None:
    try:
        checked = check_options(options)
    except OptionError:
        return
    assert set(checked) <= set(options)
