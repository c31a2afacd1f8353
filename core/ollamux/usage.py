"""What an answer cost: the tokens that were read and written for it.

Rules: the counters are disjoint, whatever sums a format writes; None is not told, and zero is told.
"""

from __future__ import annotations

from collections.abc import Iterable

from ollamux.contract import Value

__all__ = ("Usage", "total")


class Usage(Value):
    """Tokens, in disjoint counters; None is not told."""

    __slots__ = __match_args__ = ("input_uncached", "cache_read", "cache_write", "output_text", "reasoning")

    def __init__(
        self,
        input_uncached: int | None = None,
        cache_read: int | None = None,
        cache_write: int | None = None,
        output_text: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        self.input_uncached = input_uncached
        self.cache_read = cache_read
        self.cache_write = cache_write
        self.output_text = output_text
        self.reasoning = reasoning

    @property
    def input(self) -> int | None:
        """All tokens read, cached or not."""
        return _sum((self.input_uncached, self.cache_read, self.cache_write))

    @property
    def output(self) -> int | None:
        """All tokens written, thinking included."""
        return _sum((self.output_text, self.reasoning))


def total(usages: Iterable[Usage | None]) -> Usage | None:
    """What all of them cost; a counter that nobody told stays untold."""
    told = [usage for usage in usages if usage is not None]
    if not told:
        return None
    return Usage(*[_sum(tuple([getattr(usage, name) for usage in told])) for name in Usage.__match_args__])


def _sum(counters: tuple[int | None, ...]) -> int | None:
    known = [counter for counter in counters if counter is not None]
    return sum(known) if known else None
