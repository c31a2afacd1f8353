"""Messages that are kept as a client wrote them."""

from __future__ import annotations

from collections.abc import Sequence

from ollamux.conversation import Message, Text
from ollamux.plain_messages import PlainMessages

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
