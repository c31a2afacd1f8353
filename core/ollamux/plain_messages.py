"""Messages of the plain sort, as the JSON in which a client wrote them.

Strategy: most formats write a conversation of texts in one way, so whoever builds a request may copy it. It is read
when somebody looks at the messages one by one.

Rules: what is in here is known to be well-formed; it is as good as a list of messages, and equal to one that says the
same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import msgspec

from ollamux.conversation import Message, Role, Text

__all__ = ("PlainMessages", "plain_messages")


class PlainMessages:
    """Messages of system, user and assistant that are a text each, as JSON: `[{"role": ..., "content": ...}, ...]`."""

    __slots__ = ("_read", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._read: list[Message] | None = None

    def _messages(self) -> list[Message]:
        if self._read is None:
            said = _decode_said(self.text)
            self._read = [Message(one.role, [Text(one.content)] if one.content else []) for one in said]
        return self._read

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> list[Message]: ...

    def __getitem__(self, place: int | slice) -> Message | list[Message]:
        return self._messages()[place]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages())

    def __reversed__(self) -> Iterator[Message]:
        return reversed(self._messages())

    def __len__(self) -> int:
        return len(self._messages())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, tuple, PlainMessages)):
            return NotImplemented
        return self._messages() == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._messages())


def plain_messages(text: bytes) -> PlainMessages:
    """The same as the class gives: compiled, a call of a function costs a fraction of one of a type."""
    made = PlainMessages.__new__(PlainMessages)
    made.text = text
    made._read = None  # pyright: ignore[reportPrivateUsage]
    return made


Sequence.register(PlainMessages)


class _Said(msgspec.Struct):
    role: Role
    content: str


_decode_said = msgspec.json.Decoder(list[_Said]).decode
