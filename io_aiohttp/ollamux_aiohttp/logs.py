"""Logging: what goes to stderr, as `logging` in the configuration says; `log_lines` says how it looks.

Strategy: a record may carry `fields`, plain values beside its message: in JSON they are members of the object, in text
they follow as `name=value`. What the gateway tells of requests, backends and circuits is logged from its feed: a
backend that goes away and a circuit that opens as warnings, one that comes back and a request that fell over as
information, a request that went as it should for whoever debugs.

Rules: ollamux's own loggers follow the configured level, those of libraries are heard from warnings on; no text is made
of what the level leaves out, and nobody listens where nothing could be logged. What is logged is decided where it is
logged: nothing there is a secret.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TextIO

from ollamux.config import LoggingConfig
from ollamux.news import CircuitChange, Decision, Feed, HealthChange, News, Unloaded
from ollamux_aiohttp.log_lines import JsonLines, Lines, TextLines

__all__ = ("log_news", "set_up")

_OURS = "ollamux"
_log = logging.getLogger(_OURS)
_LONGEST = 256


def set_up(config: LoggingConfig, stream: TextIO | None = None) -> logging.Handler:
    """Makes the root logger write as configured, to stderr where no stream is given. Returns its handler."""
    handler = Lines(JsonLines() if config.format == "json" else TextLines(), stream or sys.stderr)
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
        lines = _lines()
        message = "request failed" if news.failure else "request answered"
        if lines is not None:
            lines.tell(level, _OURS, message, _told, news)
        else:
            _log.log(level, message, extra={"fields": _told(news)})


def _lines() -> Lines | None:
    """The handler that alone hears our logger, which takes a request's line for less than a record costs; None where
    somebody else listens, too, or chooses."""
    handlers = logging.root.handlers
    if len(handlers) != 1 or _log.handlers or _log.filters or not _log.propagate:
        return None
    only = handlers[0]
    return only if isinstance(only, Lines) and not only.filters and not only.level else None


def _write_requests(news: News) -> None:
    if isinstance(news, Decision):
        _write(news)


def _level(news: News) -> int:
    if isinstance(news, Decision):
        if news.failure and news.status >= 500:
            return logging.WARNING
        return logging.DEBUG if news.ordinary else logging.INFO
    if isinstance(news, HealthChange):
        first = news.before == "unknown"  # which whoever starts a server is shown
        if news.state in ("healthy", "degraded"):
            return logging.DEBUG if first else logging.INFO
        return logging.INFO if first else logging.WARNING
    if isinstance(news, Unloaded):
        return logging.WARNING if news.failure else logging.INFO
    return logging.WARNING if news.state == "open" else logging.INFO


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


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
