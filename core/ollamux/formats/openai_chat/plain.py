"""What is hot and simple about requests and answers of OpenAI's kind, compiled where it can be.

Rules: without the compiled modules nothing is read or renamed quickly, and everything is left to the general ways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ("asked_as", "holds", "joined", "passed", "read_plain", "renamed", "route_of", "shows", "usage_of")

if TYPE_CHECKING:
    from ollamux.formats.asking import Incoming
    from ollamux.formats.openai_chat._passing import asked_as, holds, joined, passed, renamed, route_of, shows
    from ollamux.formats.openai_chat._plain import read_plain, usage_of
    from ollamux.formats.openai_chat.route import Routed
else:
    try:
        from ollamux.formats.openai_chat._plain import read_plain, usage_of
    except ImportError:

        def read_plain(body: bytes) -> None:
            """Nothing is read quickly."""

        def usage_of(body: bytes) -> None:
            """Nothing is read quickly."""

    try:
        from ollamux.formats.openai_chat._passing import asked_as, holds, joined, passed, renamed, route_of, shows
    except ImportError:

        def route_of(incoming: Routed) -> bool:
            """Nothing is read quickly."""
            return False

        def asked_as(body: bytes, name: bytes) -> None:
            """Nothing is renamed quickly."""

        def holds(body: bytes, word: bytes) -> bool:
            """Whether the word is somewhere in the body."""
            return body.find(word) >= 0  # `in` would try the word as a number first, with an exception

        def shows(body: bytes, words: tuple[bytes, ...]) -> bool:
            """Whether any of the words is somewhere in the body."""
            return any(holds(body, word) for word in words)

        def joined(first: bytes, second: bytes, third: bytes, fourth: bytes) -> bytes:
            """The members of an object, one behind the other, and its end."""
            return first + second + third + fourth + b"}"

        def renamed(incoming: Incoming, body: bytes) -> None:
            """Nothing is renamed quickly."""

        def passed(body: bytes, name: bytes, packed: bool, most: int) -> None:
            """Nothing passes quickly."""
