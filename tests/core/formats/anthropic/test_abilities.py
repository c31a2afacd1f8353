"""What models take, by their names."""

from __future__ import annotations

import pytest

from ollamux.formats.anthropic.abilities import abilities_of


@pytest.mark.parametrize(
    ("name", "thinks", "budgets", "system", "most"),
    [
        ("claude-3-haiku-20240307", False, False, False, 4096),
        ("claude-3-5-sonnet-20241022", False, False, False, 8192),
        ("claude-3-7-sonnet-20250219", True, True, False, 32000),
        ("claude-opus-4-20250514", True, True, False, 32000),
        ("claude-4-opus-20250514", True, True, False, 32000),
        ("claude-sonnet-4@20250514", True, True, False, 32000),
        ("claude-opus-4-1-20250805", True, True, False, 32000),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", True, True, False, 32000),
        ("claude-opus-4-6", True, False, False, 32000),
        ("claude-sonnet-4-6", True, False, False, 32000),
        ("claude-opus-4-8-20260528", True, False, True, 32000),
        ("claude-opus-5", True, False, True, 32000),
        ("claude-sonnet-5", True, False, False, 32000),
        ("up", True, False, False, 4096),
    ],
)
def test_a_name_tells_what_a_model_takes(name: str, thinks: bool, budgets: bool, system: bool, most: int) -> None:
    found = abilities_of(name)
    assert (found.thinks, found.budgets, found.system_turns, found.most) == (thinks, budgets, system, most)
