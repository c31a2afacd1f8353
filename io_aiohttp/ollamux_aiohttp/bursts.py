"""What one iteration of the event loop brings, taken up together once there is much of it.

Strategy: reading a socket and working for a request are long walks through code, and no processor's nearest cache holds
all of it. Where many connections bring something in one iteration, all are read first and worked for after that, step
by step: each step is taken for all of a group before the next one is taken for any, so that its code is fetched once
for them all; of eight requests together that leaves three in ten of such fetches. A step pays where its own code fits
into that cache, so none should be a long one. Where few do, waiting would only cost: so the next ones are worked for as
they come, and after a while it is tried again.

Rules: nothing waits for longer than the iteration at hand; who came first is in the first group, and answered with it;
what fails ends its own connection, as it would have in `data_received`, and nobody else's.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

__all__ = ("ALONE", "FEW", "GROUP", "Burst")

FEW: Final = 3
"""With fewer than these in an iteration there is nothing to be gained."""

ALONE = 32
"""How many are worked for as they come until it is tried again."""

GROUP: Final = 16
"""How many take a step together: more would save little and be answered late."""


class Burst:
    """Those of one kind that wait for the end of the iteration. The work for each of them is done in `steps`."""

    __slots__ = ("_alone", "_loop", "_steps", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, steps: int) -> None:
        self._loop = loop
        self._steps = steps
        self._waiting: list[Any] = []
        self._alone = ALONE

    def takes(self, who: Any) -> bool:
        """Whether its steps are taken when all of this iteration is read; else its work is to be done now."""
        if self._alone > 0:
            self._alone -= 1
            return False
        waiting = self._waiting
        if not waiting:
            self._loop.call_soon(self._over)
        waiting.append(who)
        return True

    def step(self, who: Any, number: int) -> None:
        """Takes the step of this number, 0 being the first, for one of them."""

    def _over(self) -> None:
        waiting, self._waiting = self._waiting, []
        if len(waiting) < FEW:
            self._alone = ALONE
        for first in range(0, len(waiting), GROUP):
            group = waiting[first : first + GROUP]
            for number in range(self._steps):
                for place, who in enumerate(group):
                    if who is not None:
                        try:
                            self.step(who, number)
                        except Exception as error:
                            group[place] = None
                            self._failed(who, error)

    def _failed(self, who: Any, error: Exception) -> None:
        self._loop.call_exception_handler({"message": "what was received could not be used", "exception": error})
        if who.transport is not None:
            who.transport.abort()
