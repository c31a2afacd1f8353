"""A head that comes again: what was found out about it once need not be found out for each request.

It owns what the headers of a request are where a front tells, byte by byte, that a head is the one before it on the
same connection but for the length of the body, and what the gateway's door remembers with them.

Rules: what is remembered follows from the head alone and from the door that looked at it; a door that has changed since
looks again. What is counted or limited, is for each request.
"""

from __future__ import annotations

from typing import Any

__all__ = ("Known", "Recurring")


class Known:
    """What a door found: the target of the request, and the name of its caller's key, empty where none is asked for."""

    __slots__ = ("caller", "door", "target")

    def __init__(self, door: object, target: Any, caller: str) -> None:
        self.door = door
        self.target = target
        self.caller = caller


class Recurring:
    """The headers of a request whose head may come again: `known` is None until somebody has looked at it; `extended`
    says whether any of their names begins with `x-`."""

    __slots__ = ("extended", "known")

    extended: bool
    known: Known | None
