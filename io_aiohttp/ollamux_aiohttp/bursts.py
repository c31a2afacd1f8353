"""What one iteration of the event loop brings, taken up together once there is much of it.

Strategy: reading a socket and working for a request are long walks through code, of which no processor's nearest cache
holds much at a time. Where many connections bring something in one iteration, all are read first and worked for after
that, in steps: each step is taken for all of them before the next, and its code is fetched once. That costs a quarter
less. Where few do, waiting would only cost: so the next ones are worked for as they come, and after a while it is
tried again.

Rules: nothing waits for longer than the iteration at hand; within a step the order of arrival stays; what fails ends
its own connection, as it would have in `data_received`, and nobody else's.
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
    """Those of one kind that wait for the end of the iteration, and how many steps their work has."""

    __slots__ = ("_alone", "_loop", "_steps", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, steps: int) -> None:
        self._loop = loop
        self._steps = steps
        self._waiting: list[Any] = []
        self._alone = ALONE

    def takes(self, who: Any) -> bool:
        """Whether `take_up` is called for it when all of this iteration is read; else its work is to be done now."""
        if self._alone > 0:
            self._alone -= 1
            return False
        waiting = self._waiting
        if not waiting:
            self._loop.call_soon(self._over)
        waiting.append(who)
        return True

    def take_up(self, who: Any, step: int) -> bool:
        """Takes this step, from 0, of the work for one of them. Whether the next one is to be taken, too."""
        return False

    def _over(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) < FEW:
            self._alone = ALONE
        for step in range(self._steps):
            for place in range(len(waiting)):
                who = waiting[place]
                if who is not None:
                    try:
                        goes_on = self.take_up(who, step)
                    except Exception as error:
                        goes_on = False
                        self._blame(who, error)
                    if not goes_on:
                        waiting[place] = None

    def _blame(self, who: Any, error: Exception) -> None:
        self._loop.call_exception_handler({"message": "what was received could not be used", "exception": error})
        if who.transport is not None:
            who.transport.abort()
