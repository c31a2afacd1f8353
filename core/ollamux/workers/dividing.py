"""What each of several workers gets of a limit that is configured for all of them together.

Strategy: a rate is a number that may be broken, so each gets the same; places are whole, and what is left over after
dividing goes to the first ones. A share of repeats needs no dividing, since each worker repeats as a share of its own
requests; what may be saved up of them does.

Rules: the shares make up the whole. Nobody gets none of what there is some of, since 0 would mean no limit, or nothing
at all: where there are more workers than places each has one. What bounds a single request (its size, its time, its
calls) is not divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ollamux.config.pacing import Rate

if TYPE_CHECKING:
    from ollamux.config import BackendConfig, Config

__all__ = ("ALONE", "Part", "divided", "places", "rate")


class Part(msgspec.Struct, frozen=True):
    """Which of how many workers; numbers begin with 0."""

    number: int = 0
    of: int = 1


ALONE = Part()


def places(count: int, part: Part) -> int:
    """This part's share of so many places; 0 is 0."""
    whole, over = divmod(count, part.of)
    return max(1, whole + (part.number < over)) if count else 0


def rate(limit: Rate | None, part: Part) -> Rate | None:
    """This part's share of a rate."""
    return None if limit is None else Rate(limit.count / part.of, limit.seconds)


def divided(config: Config, part: Part) -> Config:
    """The configuration with this part's share of all limits."""
    if part.of == 1:
        return config
    limits, queue, kept = config.rate_limit, config.queue, config.responses
    return replace(
        config,
        backends=None if config.backends is None else tuple(_backend(backend, part) for backend in config.backends),
        rate_limit=replace(
            limits,
            per_key=rate(limits.per_key, part),
            per_address=rate(limits.per_address, part),
            overall=rate(limits.overall, part),
        ),
        queue=replace(queue, size=places(queue.size, part), concurrency=places(queue.concurrency, part)),
        responses=replace(kept, size=places(kept.size, part), bytes=places(kept.bytes, part)),
    )


def _backend(backend: BackendConfig, part: Part) -> BackendConfig:
    most, limit, pool = backend.max_concurrent_requests, backend.rate_limit, backend.pool
    return replace(
        backend,
        max_concurrent_requests=None if most is None else places(most, part),
        rate_limit=replace(limit, requests=rate(limit.requests, part), tokens=rate(limit.tokens, part)),
        pool=replace(pool, size=places(pool.size, part)),
    )
