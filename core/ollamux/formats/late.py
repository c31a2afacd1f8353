"""The client's side of a format that is loaded with its first request.

It owns the stand-in that a server keeps for a format until a client speaks it: what finds requests, the name and the
routes, stands here; everything else is the real side's, loaded when it is first asked for.

Rule: once loaded, the stand-in holds the real side's parts as its own, so that a call costs what it costs there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ollamux.formats.base import Serving, ServingRoute

__all__ = ("LateServing",)

_PARTS = ("failure", "opens", "read", "relay", "relay_whole", "renderer", "stream_type", "whole_type")


class LateServing:
    """A `Serving`; `make` gives the real one, and is called once."""

    def __init__(self, name: str, routes: tuple[ServingRoute, ...], make: Callable[[], Serving]) -> None:
        self.name = name
        self.routes = routes
        self._make = make

    def __getattr__(self, name: str) -> Any:
        if name == "_real":
            self._real = made = self._make()
            for part in _PARTS:
                setattr(self, part, getattr(made, part))
            return made
        if name.startswith("__"):
            raise AttributeError(name)  # who asks whether this can be copied or pickled does not ask the real one
        return getattr(self._real, name)
