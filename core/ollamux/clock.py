"""The wall clock as the core knows it: an offset to the monotonic time that every call carries.

Rules: nobody here reads a clock. An I/O layer says once in a while what the wall clock shows (`Gateway.wall`), and
every time stamp is derived from that and `now`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

__all__ = ("Clock",)


class Clock:
    """Turns monotonic seconds into time stamps. Until it is set, the epoch is the origin. `base` is what is added to
    `now` for the seconds since the epoch."""

    __slots__ = ("_second", "_text", "_zone", "_zone_text", "base", "began")

    def __init__(self) -> None:
        self.base = 0.0
        self.began: float | None = None
        self._zone = UTC
        self._zone_text = "Z"
        self._second = -1
        self._text = ""

    def set(self, unix: float, utc_offset: int, now: float) -> None:
        """At `now` the wall clock shows `unix` seconds since the epoch, `utc_offset` seconds east of Greenwich."""
        self.base = unix - now
        if self.began is None:
            self.began = unix
        self._zone = timezone(timedelta(seconds=utc_offset))
        sign = "-" if utc_offset < 0 else "+"
        hours, minutes = divmod(abs(utc_offset) // 60, 60)
        self._zone_text = f"{sign}{hours:02}:{minutes:02}" if utc_offset else "Z"

    def unix(self, now: float) -> float:
        """Seconds since the epoch."""
        return self.base + now

    def stamp(self, now: float) -> str:
        """`now` as Go writes a UTC time: RFC 3339, microseconds here, trailing zeros trimmed, `Z`."""
        since = self.base + now
        second = int(since)
        if second != self._second:
            self._second = second
            self._text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        micros = int((since - second) * 1e6)
        if not micros:
            return self._text + "Z"
        return self._text + "." + str(1_000_000 + micros)[1:].rstrip("0") + "Z"

    def local(self, unix: float) -> str:
        """A moment in seconds since the epoch as Go writes a local time, with its offset."""
        moment = datetime.fromtimestamp(unix, self._zone)
        text = moment.strftime("%Y-%m-%dT%H:%M:%S")
        return (f"{text}.{moment.microsecond:06}".rstrip("0") if moment.microsecond else text) + self._zone_text
