"""ollamux answers Ollama clients as Ollama does: every recorded case, over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.matching import differences

if TYPE_CHECKING:
    from tests.support.running import Answered, Running


def ask(whole: Running, case: dict[str, Any]) -> Answered:
    """The case's request: text as it stands, anything else as JSON."""
    headers = {"Content-Type": "application/json"} if case["request"] is not None else {}
    return whole.ask(case["method"], case["path"], case["request"], headers | case["headers"])


def test_an_answer_is_the_one_that_ollama_gave(whole: Running, case: dict[str, Any]) -> None:
    assert differences(case, ask(whole, case)) == []
