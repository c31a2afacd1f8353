"""A chat as it is asked of a backend."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ollamux import _build
from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import NO_SAMPLING, Message, Sampling, Text

SAID = [Message("user", [Text("a")])]


def test_what_is_not_asked_for_is_absent() -> None:
    request = ChatRequest("m", SAID)
    assert request.sampling is NO_SAMPLING
    assert (request.stream, request.tools, request.logprobs, request.top_logprobs) == (False, (), False, 0)
    rest = ("output", "reasoning", "keep_alive", "truncate", "shift", "user", "metadata", "service_tier", "tool_choice")
    assert [getattr(request, name) for name in rest] == [None] * len(rest)


def test_requests_are_equal_where_they_say_the_same() -> None:
    assert ChatRequest("m", SAID) == ChatRequest("m", PlainMessages(b'[{"role":"user","content":"a"}]'))
    assert ChatRequest("m", SAID) != ChatRequest("m", SAID, True)


def test_a_request_may_be_had_with_other_fields_and_keeps_the_rest() -> None:
    request = ChatRequest("m", SAID, user="u", keep_alive=3.0)
    changed = request.having(stream=True, sampling=Sampling(seed=1))
    assert changed == ChatRequest("m", SAID, True, sampling=Sampling(seed=1), user="u", keep_alive=3.0)
    assert request == ChatRequest("m", SAID, user="u", keep_alive=3.0)


@pytest.mark.skipif(not _build.compiled(("ollamux.chat",)), reason="read-only in the compiled build alone")
def test_a_request_is_not_changed_any_more() -> None:
    with pytest.raises(AttributeError):
        ChatRequest("m", SAID).stream = True


TEXT = (
    b'[{"role":"system","content":"be brief"},{"content":"w\\u00f6rld","role":"user"},'
    b'{"role":"assistant","content":""}]'
)
READ = [Message("system", [Text("be brief")]), Message("user", [Text("w\u00f6rld")]), Message("assistant", [])]


def test_they_read_like_the_list_of_messages_that_they_are() -> None:
    said = PlainMessages(TEXT)
    assert list(said) == READ and len(said) == 3
    assert (said[0], said[-1], said[1:]) == (READ[0], READ[2], READ[1:])
    assert list(reversed(said)) == READ[::-1]
    assert isinstance(said, Sequence)
    assert repr(said) == repr(READ)


def test_they_are_equal_to_messages_that_say_the_same() -> None:
    assert PlainMessages(TEXT) == READ
    assert READ == PlainMessages(TEXT) == PlainMessages(TEXT.replace(b":", b" : "))
    assert PlainMessages(TEXT) != READ[:2]
    assert PlainMessages(TEXT) != "something else"


def test_the_text_stays_as_it_was_written() -> None:
    said = PlainMessages(TEXT)
    list(said)
    assert said.text is TEXT
