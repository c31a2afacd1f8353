"""The client's side of a format that is loaded with its first request.

It owns the stand-in that a server keeps for a format until a client speaks it: what finds requests, the name and the
routes, stands here; everything else is the real side's, loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ollamux.contract import HeaderPairs
from ollamux.errors import OllamuxError
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming
from ollamux.formats.base import NOWHERE, Place, Serving, ServingRoute, WholeRenderer
from ollamux.streaming.translator import Converter

__all__ = ("LateServing",)


class LateServing(Serving):
    """A `Serving`; `make` gives the real one, and is called once."""

    __slots__ = ("_make", "_real")

    def __init__(self, name: str, routes: tuple[ServingRoute, ...], make: Callable[[], Serving]) -> None:
        Serving.__init__(self, name, routes, "application/json")
        self._make = make
        self._real: Serving | None = None

    def real(self) -> Serving:
        """The real side, which is made now where it was not."""
        if self._real is None:
            self._real = self._make()
            self.whole_type = self._real.whole_type
        return self._real

    def read(self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE) -> Incoming:
        return self.real().read(route, body, headers, place)

    def stream_type(self, incoming: Incoming) -> str:
        return self.real().stream_type(incoming)

    def renderer(self, incoming: Incoming, context: RenderContext) -> WholeRenderer:
        return self.real().renderer(incoming, context)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        return self.real().failure(error, streaming=streaming)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        return self.real().relay(incoming, context, upstream_model)

    def opens(self, told: bytes) -> bool:
        return self.real().opens(told)

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        return self.real().relay_whole(incoming, upstream_model, body, now)
