"""A whole answer as a value."""

from __future__ import annotations

from ollamux.answer import Answer
from ollamux.conversation import LogProb, Text, Timings, Usage

LOGPROBS = (LogProb("a", -0.5),)


def test_answers_that_say_the_same_are_equal() -> None:
    one = Answer([Text("a")], "stop", Usage(1), Timings(2), LOGPROBS, "i", "m", 3, "eos", "x")
    assert one == Answer([Text("a")], "stop", Usage(1), Timings(2), LOGPROBS, "i", "m", 3, "eos", "x")
    assert one != Answer([Text("b")], "stop", Usage(1), Timings(2), LOGPROBS, "i", "m", 3, "eos", "x")
    assert one != Answer([Text("a")]) and one != "a"
    assert "Text(text='a'" in repr(one)


def test_an_answer_may_have_other_parts_and_another_cost() -> None:
    one = Answer([Text("a")], "length", Usage(1), Timings(2), LOGPROBS, "i", "m", 3, "eos", "x")
    other = one.having([Text("b")], Usage(9))
    assert other == Answer([Text("b")], "length", Usage(9), Timings(2), LOGPROBS, "i", "m", 3, "eos", "x")
    assert one.parts == [Text("a")] and (one.id, one.model) == ("i", "m")


def test_a_text_that_is_decoded_is_put_together_by_whoever_writes_it() -> None:
    assert Answer([Text("a")]).told(True) is None
