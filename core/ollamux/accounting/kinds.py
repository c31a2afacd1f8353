"""The kinds of error under which failures are counted: few words, whatever backends answer."""

from __future__ import annotations

from ollamux.errors import BackendError, OllamuxError

__all__ = ("kind_of",)

_BY_STATUS = {
    400: "bad_request",
    401: "auth",
    402: "quota",
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    422: "bad_request",
    429: "rate_limit",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


def kind_of(error: OllamuxError) -> str:
    """The error's own kind; for what a backend answered, the one that its status means."""
    if isinstance(error, BackendError):
        return _BY_STATUS.get(error.status, error.kind)
    return error.kind
