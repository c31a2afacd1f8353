"""What the models behind this format take and refuse, as far as their names tell.

Source: general knowledge of the vendor's models, written down without a text at hand that would prove a row; none has
been tried against the models themselves. A backend's own refusal says more than a row here.

Rules: a name that is not known is taken for a new model, whatever stands around it (a cloud's prefix, a date).
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

__all__ = ("Abilities", "abilities_of")


class Abilities(msgspec.Struct, frozen=True):
    """`budgets`: thinking is asked for with a budget of tokens, not by effort. `thinks`: it can think at all.
    `system_turns`: a system message may stand between turns. `one_of_two`: temperature and top_p exclude each other.
    `most`: tokens of an answer that may be asked for where nobody said how many."""

    thinks: bool = True
    budgets: bool = False
    system_turns: bool = False
    one_of_two: bool = False
    most: int = 4096


_TABLE: tuple[tuple[re.Pattern[str], Abilities], ...] = (
    (re.compile(r"claude-3-5-"), Abilities(thinks=False, most=8192)),
    (re.compile(r"claude-3-7-"), Abilities(budgets=True, most=32000)),
    (re.compile(r"claude-(3-|2|instant)"), Abilities(thinks=False)),
    (re.compile(r"claude-(4-|(opus|sonnet)-4(-0$|[-@]\d{8}|$))"), Abilities(budgets=True, most=32000)),
    (re.compile(r"claude-(opus-4-1|(opus|sonnet|haiku)-4-5)"), Abilities(budgets=True, one_of_two=True, most=32000)),
    (re.compile(r"claude-(opus-4-[67]|sonnet-4-)"), Abilities(one_of_two=True, most=32000)),
    (re.compile(r"claude-opus-(4-[89]|[5-9])"), Abilities(system_turns=True, one_of_two=True, most=32000)),
    (re.compile(r"claude-"), Abilities(one_of_two=True, most=32000)),
)
"""The first that is found in a name counts."""

_UNKNOWN = Abilities()


@lru_cache(1024)
def abilities_of(model: str) -> Abilities:
    """What is known of a model by its upstream name."""
    return next((found for pattern, found in _TABLE if pattern.search(model)), _UNKNOWN)
