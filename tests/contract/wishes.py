"""What a client wants and what it gets, in terms that no protocol owns.

A `Wish` is what a client asks for, a `Got` what it read out of the answer. A `Client` says the first in its protocol's
words and reads the second from its protocol's bytes, strictly: an answer that is not whole is an AssertionError.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

from tests.support.running import Answered

__all__ = ("LIMIT", "PICTURE", "SCHEMA", "STOP", "WEATHER", "Client", "Got", "Wish", "events_of")

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
}
LIMIT = 20
STOP = "three"


class Wish(NamedTuple):
    """One request. `results`: calls and their results, as (name, arguments, text), stand before the last word.
    `says` is the last user's text where it is not the scenario's word."""

    scenario: str
    stream: bool = False
    model: str = ""
    tools: bool = False
    results: tuple[tuple[str, dict[str, Any], str], ...] = ()
    image: bool = False
    schema: dict[str, Any] | None = None
    limit: int | None = None
    stop: str | None = None
    think: bool = False
    says: str = ""

    @property
    def text(self) -> str:
        return self.says or f"Please play:{self.scenario}"


class Got(NamedTuple):
    """An answer. `finish` is the protocol's own word; `cached` None is not told."""

    text: str = ""
    thought: str = ""
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    finish: str = ""
    read: int | None = None
    written: int | None = None
    cached: int | None = None


class Client(Protocol):
    """One protocol. `finishes` are its words for stop, length, tool_calls and stop_sequence."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def finishes(self) -> dict[str, str]: ...
    @property
    def tells_cached(self) -> bool: ...
    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        """The path and the body."""
        ...

    def whole(self, body: bytes) -> Got: ...
    def streamed(self, body: bytes) -> Got: ...
    def error(self, answer: Answered) -> str:
        """The text of an error that stands in place of an answer."""
        ...

    def fault(self, body: bytes) -> str:
        """The text of the error that ends a stream. Fails where there is none, or where an end is made up."""
        ...


def events_of(body: bytes) -> list[tuple[str, Any]]:
    """The events of a stream, each with its name; comments are left out."""
    assert body.endswith(b"\n\n"), body[-80:]
    found: list[tuple[str, Any]] = []
    for block in body.decode().split("\n\n")[:-1]:
        lines = [line for line in block.split("\n") if not line.startswith(":")]
        if not lines:
            continue
        name = next((line[7:] for line in lines if line.startswith("event: ")), "")
        data = "".join(line[6:] for line in lines if line.startswith("data: "))
        found.append((name, data if data == "[DONE]" else json.loads(data)))
    return found
