"""Whether a model is asked to think."""

from __future__ import annotations

import pytest

from ollamux.conversation import ReasoningOptions
from ollamux.formats.base import Served
from ollamux.formats.thinking import thinkable

HARD, OFF, NONE, SHOWN = (
    ReasoningOptions(True, "high"),
    ReasoningOptions(False),
    ReasoningOptions(effort="none"),
    ReasoningOptions(summary="auto"),
)


@pytest.mark.parametrize("can", [(), ("completion", "thinking")])
@pytest.mark.parametrize("asked", [None, HARD, OFF, NONE, SHOWN])
def test_one_that_can_or_of_which_nobody_knows_is_asked(asked: ReasoningOptions | None, can: tuple[str, ...]) -> None:
    assert thinkable(asked, Served(asked="m", display="m", capabilities=frozenset(can))) == (asked, ())


@pytest.mark.parametrize(
    ("asked", "left", "told"),
    [
        (None, None, False),
        (HARD, None, True),
        (ReasoningOptions(effort="low"), None, True),
        (OFF, OFF, False),
        (NONE, None, False),
        (SHOWN, None, False),
    ],
)
def test_one_that_cannot_is_not_asked_and_the_client_is_told_where_it_asked_for_it(
    asked: ReasoningOptions | None, left: ReasoningOptions | None, told: bool
) -> None:
    found, warnings = thinkable(asked, Served(asked="m", display="m", capabilities=frozenset({"completion"})))
    assert found == left and warnings == (("this model cannot think",) if told else ())
