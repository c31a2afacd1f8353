"""What one iteration of the event loop brings, taken up together once there is much of it.

Strategy: reading a socket and working for a request are both long walks through code, and no processor's nearest cache
holds the two of them. Where many connections bring something in one iteration, all are read first and worked for after
that, each walk many times in a row, which costs a good tenth less. Where few do, waiting would only cost: so the next
ones are worked for as they come, and after a while it is tried again.

Rules: nothing waits for longer than the iteration at hand; the order of arrival stays; what fails ends its own
connection, as it would have in `data_received`, and nobody else's.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

__all__ = ("ALONE", "FEW", "Burst")

FEW: Final = 3
"""With fewer than these in an iteration there is nothing to be gained."""

ALONE = 32
"""How many are worked for as they come until it is tried again."""


class Burst:
    """Those of one kind that wait for the end of the iteration."""

    __slots__ = ("_alone", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[Any] = []
        self._alone = ALONE

    def takes(self, who: Any) -> bool:
        """Whether `take_up` is called for it when all of this iteration is read; else its work is done now."""
        if self._alone > 0:
            self._alone -= 1
            return False
        waiting = self._waiting
        if not waiting:
            self._loop.call_soon(self._over)
        waiting.append(who)
        return True

    def take_up(self, who: Any) -> None:
        """Does the work for one of them."""

    def _over(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) < FEW:
            self._alone = ALONE
        for who in waiting:
            try:
                self.take_up(who)
            except Exception as error:
                self._loop.call_exception_handler(
                    {"message": "what was received could not be used", "exception": error}
                )
                if who.transport is not None:
                    who.transport.abort()
