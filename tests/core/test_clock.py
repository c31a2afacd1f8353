"""Time stamps from monotonic seconds."""

from __future__ import annotations

import pytest

from ollamux.clock import Clock

UNIX = 1_767_322_800.0  # 2026-01-02 03:00 UTC


def clock(offset: int = 0) -> Clock:
    made = Clock()
    made.set(UNIX, offset, 100.0)
    return made


def test_until_it_is_set_the_epoch_is_the_origin() -> None:
    assert Clock().stamp(0.0) == "1970-01-01T00:00:00Z" and Clock().began is None


@pytest.mark.parametrize(
    ("now", "stamp"),
    [
        (100.0, "2026-01-02T03:00:00Z"),
        (100.5, "2026-01-02T03:00:00.5Z"),
        (101.25, "2026-01-02T03:00:01.25Z"),
        (100.0 + 2**-10, "2026-01-02T03:00:00.000976Z"),
        (99.0, "2026-01-02T02:59:59Z"),
    ],
)
def test_a_stamp_is_utc_with_its_zeros_trimmed(now: float, stamp: str) -> None:
    assert clock(3600).stamp(now) == stamp


@pytest.mark.parametrize(
    ("offset", "text"),
    [(0, "03:00:00.5Z"), (3600, "04:00:00.5+01:00"), (-12600, "23:30:00.5-03:30"), (20700, "08:45:00.5+05:45")],
)
def test_a_local_time_has_its_offset(offset: int, text: str) -> None:
    assert clock(offset).local(UNIX + 0.5).endswith(text)


def test_a_local_time_without_a_fraction_has_none() -> None:
    assert clock().local(UNIX) == "2026-01-02T03:00:00Z"


def test_it_can_be_set_again_and_keeps_when_it_began() -> None:
    made = clock()
    made.set(UNIX + 50, 0, 120.0)
    assert made.unix(120.0) == UNIX + 50 and made.began == UNIX
    assert made.stamp(120.0) == "2026-01-02T03:00:50Z"
