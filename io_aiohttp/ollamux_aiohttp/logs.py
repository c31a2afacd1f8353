"""Logging: what goes to stderr, and how it looks, as `logging` in the configuration says.

Rules: ollamux's own loggers follow the configured level, those of libraries are heard from warnings on; one line for
each record, also with an exception, in JSON. What is logged is decided where it is logged: nothing there is a secret.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from ollamux.config import LoggingConfig

__all__ = ("set_up",)

_OURS = "ollamux"


class _JsonFormatter(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up(config: LoggingConfig, stream: TextIO | None = None) -> logging.Handler:
    """Makes the root logger write as configured, to stderr where no stream is given. Returns its handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    if config.format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = logging.getLevelNamesMapping()[config.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    logging.getLogger(_OURS).setLevel(level)
    return handler
