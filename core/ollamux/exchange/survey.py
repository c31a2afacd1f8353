"""A request for what all backends have: answered from the catalog, refreshed first where that is old.

Rules: nobody waits for a dead backend; whatever is not back when the patience is over is listed as last known.
"""

from __future__ import annotations

from collections.abc import Callable

from ollamux.contract import WakeAt, Wants
from ollamux.exchange.base import FRESH, PATIENCE, Exchange, House, answer

__all__ = ("SurveyExchange",)


class SurveyExchange(Exchange):
    """Lists something, when the catalog is fresh."""

    __slots__ = ("_done", "_headers", "_house", "_render")

    def __init__(self, house: House, render: Callable[[float], bytes], headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._house = house
        self._render = render
        self._headers = headers
        self._done = False

    def start(self, now: float) -> Wants:
        if self._house.refresh(self, now, older_than=FRESH):
            return (WakeAt(now + PATIENCE),)
        return self.proceed(now)

    def proceed(self, now: float) -> Wants:
        if self._done:
            return None
        self._done = True
        return answer(200, self._headers, self._render(now))

    def woken(self, now: float) -> Wants:
        self._house.forget(self)
        return self.proceed(now)

    def client_gone(self, now: float) -> Wants:
        self._done = True
        self._house.forget(self)
        return None
