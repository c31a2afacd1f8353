"""Lines of a log: how they look, and how they get out.

Strategy: `Lines` is the handler that the root logger has. What is logged within an event loop waits there for `PAUSE`
at most, and goes out with all that came meanwhile in one write; so does what is told of each request, which is kept as
it came and becomes text no sooner than it is written. The time is spelled once a second.

Rules: one line for each record, whatever a client put into a name; warnings and errors, and what is logged where no
loop runs, go out at once, with everything before them; what waits goes out when the process ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, TextIO, TypeAlias, TypeVar

import msgspec

__all__ = ("PAUSE", "JsonLines", "Lines", "TextLines")

T = TypeVar("T")
_Told: TypeAlias = tuple[float, int, str, str, Callable[[Any], Mapping[str, object]], Any]

PAUSE = 0.1
"""Seconds for which a line waits for others."""

_MOST = 1000
"""So many lines do not wait for more."""

_NAMES = {logging.DEBUG: "DEBUG", logging.INFO: "INFO", logging.WARNING: "WARNING", logging.ERROR: "ERROR"}
_NO_CONTROLS = dict.fromkeys((*range(32), 127, 0x85, 0x2028, 0x2029), " ")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Stamps:
    """Moments to the second, each spelled once."""

    def __init__(self, spelled: str, zone: Callable[[float], time.struct_time]) -> None:
        self._spelled, self._zone = spelled, zone
        self._second = -1
        self._stamp = ""

    def of(self, created: float) -> tuple[str, int]:
        """The second, and the milliseconds in it."""
        second = int(created)
        if second != self._second:
            self._stamp = time.strftime(self._spelled, self._zone(second))
            self._second = second
        return self._stamp, int((created - second) * 1000)


class JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def __init__(self) -> None:
        super().__init__()
        self._stamps = _Stamps("%Y-%m-%dT%H:%M:%S", time.gmtime)

    def line(self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object]) -> str:
        """One object."""
        stamp, milliseconds = self._stamps.of(created)
        told = {
            "time": f"{stamp}.{milliseconds:03d}+00:00",
            "level": level.lower(),
            "logger": logger,
            "message": message,
            **fields,
        }
        try:
            return _encode(told).decode()
        except ValueError:  # half of a character, which UTF-8 has no bytes for
            return json.dumps(told, default=str)

    def format(self, record: logging.LogRecord) -> str:
        """One object, with the trace of an exception as its last member."""
        fields = _fields(record)
        if record.exc_info:
            fields = {**fields, "exception": self.formatException(record.exc_info)}
        return self.line(record.created, record.levelname, record.name, record.getMessage(), fields)


class TextLines(logging.Formatter):
    """A line to read; fields that say nothing are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._stamps = _Stamps("%Y-%m-%d %H:%M:%S", time.localtime)

    def line(self, created: float, level: str, logger: str, message: str, fields: Mapping[str, object]) -> str:
        """When, how bad, who, what, and the fields as `name=value`."""
        stamp, milliseconds = self._stamps.of(created)
        told = f"{stamp},{milliseconds:03d} {level} {logger}: {message}"
        for name, value in fields.items():
            if value is None or value == "":
                continue
            text = str(value)
            if not text.isprintable() or (isinstance(value, str) and (" " in text or '"' in text)):
                text = _plain(text)
            told += f" {name}={text}"
        return told

    def format(self, record: logging.LogRecord) -> str:
        """The same, and below it the trace of an exception."""
        told = self.line(record.created, record.levelname, record.name, record.getMessage(), _fields(record))
        if record.exc_info:
            told += "\n" + self.formatException(record.exc_info)
        return told if not record.stack_info else f"{told}\n{self.formatStack(record.stack_info)}"


class Lines(logging.Handler):
    """See the module. `look` makes the lines, `stream` takes them."""

    def __init__(self, look: JsonLines | TextLines, stream: TextIO) -> None:
        super().__init__()
        self._look = look
        self._stream = stream
        self._waiting: list[str | _Told] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """A record is logged; called with the lock held."""
        try:
            self._add(self._look.format(record), record.levelno)
        except Exception:
            self.handleError(record)

    def tell(self, level: int, logger: str, message: str, fields: Callable[[T], Mapping[str, object]], of: T) -> None:
        """The same as a record with this message and these fields of a value that does not change: they are asked for
        when the line is written. What filters say, and the logger's level, is the caller's to ask."""
        self.acquire()
        try:
            self._add((time.time(), level, logger, message, fields, of), level)
        finally:
            self.release()

    def flush(self) -> None:
        """What waits goes out."""
        self.acquire()
        try:
            waiting, self._waiting = self._waiting, []
            lines = [each if isinstance(each, str) else self._line(*each) for each in waiting]
            with suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
                if lines:
                    self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
        finally:
            self.release()

    def _line(
        self,
        created: float,
        level: int,
        logger: str,
        message: str,
        fields: Callable[[Any], Mapping[str, object]],
        of: Any,
    ) -> str:
        return self._look.line(created, _NAMES[level], logger, message, fields(of))

    def _add(self, line: str | _Told, level: int) -> None:
        self._waiting.append(line)
        if level < logging.WARNING and len(self._waiting) < _MOST:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                pass
            else:
                if loop is not self._loop:
                    self._loop = loop
                    loop.call_later(PAUSE, self._due, loop)
                return
        self.flush()

    def _due(self, loop: asyncio.AbstractEventLoop) -> None:
        """The pause is over in this loop."""
        if self._loop is loop:
            self._loop = None
        self.flush()


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    """What a record carries beside its message."""
    found: Mapping[str, object] = getattr(record, "fields", {})
    return found


@lru_cache(maxsize=256)
def _plain(value: str) -> str:
    """A text on one line, in quotes where it has blanks."""
    text = value.translate(_NO_CONTROLS)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text
