"""What a call of the library raises.

::

    BackendError                    the request failed
     +-- BackendTimeoutError        a backend did not answer in time
     +-- BackendConnectionError     no backend could be reached, or it broke off
     +-- ModelNotFoundError         no backend has the model

Rule: an error tells the status that a client of the server would have got, and the backend that it came from where one
was called.
"""

from __future__ import annotations

from typing import Any

__all__ = ("BackendConnectionError", "BackendError", "BackendTimeoutError", "ModelNotFoundError", "may_go_on", "raised")


class BackendError(Exception):
    """A request failed. `status` is an HTTP status, `backend_id` empty where no backend was called."""

    def __init__(self, message: str, *, status: int = 500, backend_id: str = "") -> None:
        super().__init__(f"[{backend_id}] {message}" if backend_id else message)
        self.message = message
        self.status = status
        self.backend_id = backend_id


class BackendTimeoutError(BackendError):
    """A backend did not answer in time."""


class BackendConnectionError(BackendError):
    """No backend could be reached, or it broke off."""


class ModelNotFoundError(BackendError):
    """No backend has the model."""


_BY_STATUS: dict[int, type[BackendError]] = {
    404: ModelNotFoundError,
    408: BackendTimeoutError,
    502: BackendConnectionError,
    504: BackendTimeoutError,
}
_CLIENTS = frozenset({400, 405, 409, 411, 413, 414, 415, 422, 431, 501})
"""Statuses that the request would get from any backend."""


def raised(told: dict[str, Any], status: int, backend_id: str) -> BackendError:
    """The error for an answer in Ollama's form: `{"error": "..."}`."""
    error: Any = told.get("error")
    return _BY_STATUS.get(status, BackendError)(
        error if isinstance(error, str) else f"it answered with status {status}", status=status, backend_id=backend_id
    )


def may_go_on(error: BackendError) -> bool:
    """Whether another backend may well answer what this one did not."""
    return error.status not in _CLIENTS
