"""The clock."""

from __future__ import annotations

import time

from ollamux_aiohttp.clock import monotonic


def test_it_is_the_clock_of_the_standard_library() -> None:
    before = time.monotonic()
    told = monotonic()
    assert before <= told <= time.monotonic()
