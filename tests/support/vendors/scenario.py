"""What is played: the answers that a request can name, and what a backend is to have understood of a request.

A request names its scenario by a word in a user's message, `play:text`; the last one counts. Every vendor writes the
same `Reply` in its own wire form, and reads every request into `Seen`, so that tests compare one thing with another.

Rules: `members` closes an object: what a vendor would refuse as unknown or missing is an AssertionError here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = (
    "CACHED",
    "FAULT",
    "READ",
    "REFUSED",
    "REPLIES",
    "RETRY_AFTER",
    "THOUGHT_TOKENS",
    "UNCACHED",
    "WRITTEN",
    "Call",
    "Refused",
    "Reply",
    "Result",
    "Seen",
    "data_url",
    "members",
    "named",
)

UNCACHED, CACHED, WRITTEN, THOUGHT_TOKENS = 7, 4, 5, 2
READ = UNCACHED + CACHED
"""Tokens of every answer: read in all, of which some were cached; written in all, of which some are thoughts."""

REFUSED = "this is what the vendor says of it"
FAULT = "the model fell over"
RETRY_AFTER = 7

_SCENARIO = re.compile(rb"play:(\w+)")


class Refused(Exception):
    """The vendor's own 400 for a request that is in its form: this model does not take it."""


class Call(NamedTuple):
    """A call of a tool."""

    id: str
    name: str
    arguments: dict[str, Any]


class Reply(NamedTuple):
    """An answer. `finish` is stop, length, tool_calls or stop_sequence; `end` says how a stream goes wrong: `cut` (the
    connection breaks), `eof` (it just ends), `fault` (the vendor tells an error), `hang` (nothing follows)."""

    texts: tuple[str, ...] = ()
    thought: str = ""
    calls: tuple[Call, ...] = ()
    finish: str = "stop"
    end: str = ""
    refusal: int = 0


class Result(NamedTuple):
    """What a tool answered, with the call that it belongs to."""

    name: str
    arguments: dict[str, Any]
    text: str


class Seen(NamedTuple):
    """What a vendor understood of a request. Images are base64; None and empty are not asked for; `signed` are the
    signatures of its own that came back, each in front of what it belongs to."""

    scenario: str
    stream: bool
    tools: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()
    images: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    limit: int | None = None
    stops: tuple[str, ...] = ()
    thinking: bool = False
    usage: bool = True
    signed: tuple[str, ...] = ()


_PARIS = Call("call_1", "get_weather", {"city": "Paris", "days": 2})
_GRAZ = Call("call_2", "get_weather", {"city": "Graz", "days": 3})
_BEGUN = ("Hel", "lo")

REPLIES: dict[str, Reply] = {
    "text": Reply(("Hel", "lo \u00e4", " \u6771\u4eac \U0001f600")),
    "tool": Reply(calls=(_PARIS,), finish="tool_calls"),
    "parallel": Reply(calls=(_PARIS, _GRAZ), finish="tool_calls"),
    "results": Reply(("It is ", "sunny.")),
    "thinking": Reply(("Four.",), thought="Two and two."),
    "loop": Reply(thought="Let me look.", calls=(_PARIS,), finish="tool_calls"),
    "image": Reply(("A dot.",)),
    "schema": Reply(('{"n":', " 2}")),
    "length": Reply(("Once ", "upon"), finish="length"),
    "stop": Reply(("One, ", "two, "), finish="stop_sequence"),
    "limited": Reply(refusal=429),
    "refused": Reply(refusal=400),
    "cut": Reply(_BEGUN, end="cut"),
    "eof": Reply(_BEGUN, end="eof"),
    "fault": Reply(_BEGUN, end="fault"),
    "hang": Reply(_BEGUN, end="hang"),
}


def named(body: bytes) -> str:
    """The scenario that a request asks for."""
    found = _SCENARIO.findall(body)
    assert found, "the request names no scenario"
    return str(found[-1].decode())


def members(value: Any, path: str, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Any]:
    """The object, which has all that it must have and nothing that nobody knows."""
    assert isinstance(value, dict), f"{path} is no object: {value!r}"
    needed = set(required)
    found: dict[str, Any] = value
    assert needed <= found.keys(), f"{path} lacks {sorted(needed - found.keys())}"
    unknown = found.keys() - needed - set(optional)
    assert not unknown, f"{path} has the unknown {sorted(unknown)}"
    return found


def data_url(url: Any, path: str) -> str:
    """The base64 text inside a data URL of a PNG."""
    assert isinstance(url, str) and url.startswith("data:image/png;base64,"), f"{path} is no picture: {url!r}"
    return url.partition(",")[2]
