"""Requests that a backend takes only in parts."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest, Message, Sampling, Text
from ollamux.exchange.fanout import fan_of, joined, split
from ollamux.formats.base import Dialect

CHAT = ChatRequest("m", [Message("user", [Text("hi")])], sampling=Sampling(temperature=0.5))


@given(st.lists(st.text(), max_size=20), st.integers(0, 25))
def test_texts_are_embedded_so_many_at_a_time_and_none_is_lost(texts: list[str], most: int) -> None:
    request = EmbedRequest("m", texts, 8, True)
    parts = cast("tuple[EmbedRequest, ...]", split(request, 1, most))
    assert [text for part in parts for text in part.inputs] == texts
    assert all(len(part.inputs) <= most for part in parts) or not most
    assert {(part.model, part.dimensions, part.truncate) for part in parts} == {("m", 8, True)}


def test_choices_are_the_same_request_again_and_differ_in_their_seed_where_there_is_one() -> None:
    assert split(CHAT, 3, 0) == (CHAT, CHAT, CHAT)
    seeded = CompletionRequest("m", "hi", sampling=Sampling(seed=7, top_k=3))
    parts = cast("tuple[CompletionRequest, ...]", split(seeded, 3, 0))
    assert [part.sampling for part in parts] == [Sampling(seed=seed, top_k=3) for seed in (7, 8, 9)]


def test_vectors_come_together_in_their_order_and_their_tokens_are_added_up() -> None:
    one, two, silent = EmbedAnswer([[1.0]], 3, "e"), EmbedAnswer([[2.0], [3.0]], 4, "e"), EmbedAnswer([[4.0]])
    assert joined([one, two]) == EmbedAnswer([[1.0], [2.0], [3.0]], 7, "e")
    assert joined([one, silent]) == EmbedAnswer([[1.0], [4.0]], 3, "e")
    assert joined([silent]).input_tokens is None


def test_what_a_backend_takes_as_it_is_has_no_parts() -> None:
    assert fan_of(CHAT, 1, Dialect()) is None
    assert fan_of(CHAT, 1, Dialect(most_inputs=1)) is None
    assert fan_of(EmbedRequest("m", ["a", "b"]), 1, Dialect()) is None
    assert fan_of(EmbedRequest("m", ["a"]), 1, Dialect(most_inputs=1)) is None


def test_parts_are_asked_for_one_after_the_other_until_the_last_was_answered() -> None:
    fan = fan_of(EmbedRequest("m", ["a", "b", "c"]), 1, Dialect(most_inputs=2))
    assert fan is not None and fan.request == EmbedRequest("m", ["a", "b"])
    assert fan.took(EmbedAnswer([[1.0], [2.0]])) is True
    assert fan.request == EmbedRequest("m", ["c"])
    assert fan.took(EmbedAnswer([[3.0]])) is False
    assert joined(fan.vectors).vectors == [[1.0], [2.0], [3.0]]


def test_whole_choices_are_kept_and_streamed_ones_are_only_counted() -> None:
    fan = fan_of(CHAT, 2, Dialect())
    assert fan is not None
    first, second = Answer([Text("a")]), Answer([Text("b")])
    assert (fan.took(first), fan.took(second)) == (True, False)
    assert fan.answers == [first, second]
    fan = fan_of(CHAT, 2, Dialect())
    assert fan is not None
    assert (fan.streamed(), fan.streamed()) == (True, False)
