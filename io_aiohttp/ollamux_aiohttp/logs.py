"""Logging: what goes to stderr, and how it looks, as `logging` in the configuration says.

Strategy: a record may carry `fields`, plain values beside its message: in JSON they are members of the object, in text
they follow as `name=value`. What the gateway tells of requests, backends and circuits is logged from its feed: a
backend that goes away and a circuit that opens as warnings, one that comes back and a request that fell over as
information, a request that went as it should for whoever debugs.

Rules: ollamux's own loggers follow the configured level, those of libraries are heard from warnings on; one line for
each record, whatever a client put into a name; no text is made of what the level leaves out, and nobody listens where
nothing could be logged. What is logged is decided where it is logged: nothing there is a secret.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TextIO

from ollamux.config import LoggingConfig
from ollamux.news import CircuitChange, Decision, Feed, HealthChange, News, Unloaded

__all__ = ("log_news", "set_up")

_OURS = "ollamux"
_log = logging.getLogger(_OURS)
_NO_CONTROLS = dict.fromkeys((*range(32), 127, 0x85, 0x2028, 0x2029), " ")
_LONGEST = 256


class _JsonFormatter(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    """A line to read; fields that say nothing are left out."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # as the standard library spells it
        told = [f" {name}={_plain(value)}" for name, value in _fields(record).items() if value not in (None, "")]
        return super().formatMessage(record) + "".join(told)


def set_up(config: LoggingConfig, stream: TextIO | None = None) -> logging.Handler:
    """Makes the root logger write as configured, to stderr where no stream is given. Returns its handler."""
    handler = logging.StreamHandler(stream or sys.stderr)
    if config.format == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = logging.getLevelNamesMapping()[config.level.upper()]
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    _log.setLevel(level)
    return handler


def log_news(feed: Feed, *, health: bool = True) -> Callable[[], None]:
    """Logs what is told from now on, as far as the level of ollamux's logger lets it through now, and without `health`
    nothing of backends, of which another worker tells. Returns what ends that."""
    if not _log.isEnabledFor(logging.WARNING):
        return lambda: None
    return feed.listen(_write if health else _write_requests, ordinary=_log.isEnabledFor(logging.DEBUG))


def _write(news: News) -> None:
    level = _level(news)
    if not _log.isEnabledFor(level):
        return
    if isinstance(news, HealthChange):
        fields = {"backend": news.backend, "before": news.before, "state": news.state, "reason": news.reason}
        _log.log(level, "backend %s is %s", news.backend, news.state, extra={"fields": fields})
    elif isinstance(news, CircuitChange):
        fields = {"backend": news.backend, "model": news.model, "before": news.before, "reason": news.reason}
        of = f"model {news.model} on backend {news.backend}" if news.model else f"backend {news.backend}"
        _log.log(level, "circuit of %s is %s", of, news.state, extra={"fields": fields})
    elif isinstance(news, Unloaded):
        fields = {"backend": news.backend, "model": news.model, "reason": news.reason, "failure": news.failure}
        _log.log(level, "model %s %s", news.model, "stays" if news.failure else "unloaded", extra={"fields": fields})
    else:
        _log.log(level, "request %s", "failed" if news.failure else "answered", extra={"fields": _told(news)})


def _write_requests(news: News) -> None:
    if isinstance(news, Decision):
        _write(news)


def _level(news: News) -> int:
    if isinstance(news, HealthChange):
        first = news.before == "unknown"  # which whoever starts a server is shown
        if news.state in ("healthy", "degraded"):
            return logging.DEBUG if first else logging.INFO
        return logging.INFO if first else logging.WARNING
    if isinstance(news, Unloaded):
        return logging.WARNING if news.failure else logging.INFO
    if isinstance(news, CircuitChange):
        return logging.WARNING if news.state == "open" else logging.INFO
    if news.failure and news.status >= 500:
        return logging.WARNING
    return logging.DEBUG if news.ordinary else logging.INFO


def _told(news: Decision) -> dict[str, object]:
    return {
        "request_id": news.request_id[:_LONGEST],
        "format": news.format,
        "operation": news.operation,
        "model": news.model[:_LONGEST],
        "backend": news.backend,
        "upstream": news.upstream,
        "reason": news.reason,
        "calls": news.calls,
        "failure": news.failure,
        "status": news.status,
        "waited_ms": _milliseconds(news.waited),
        "first_token_ms": _milliseconds(news.first_token),
        "total_ms": _milliseconds(news.seconds),
        "input_tokens": news.input_tokens,
        "output_tokens": news.output_tokens,
    }


def _fields(record: logging.LogRecord) -> Mapping[str, object]:
    """What a record carries beside its message."""
    found: Mapping[str, object] = getattr(record, "fields", {})
    return found


def _plain(value: object) -> str:
    """A value on one line, in quotes where it has blanks."""
    text = str(value).translate(_NO_CONTROLS)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
