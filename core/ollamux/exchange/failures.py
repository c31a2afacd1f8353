"""How a failure on the way to a backend is told to a client.

Rules: the texts name the backend and what went wrong, never an address's credentials or a header.
"""

from __future__ import annotations

from ollamux.contract import FailureKind
from ollamux.errors import BackendTimeout, BackendUnavailable, OllamuxError

__all__ = ("failure_of", "stream_broken")

_WORDS: dict[FailureKind, str] = {
    "refused": "refused the connection",
    "dns": "has a host name that cannot be resolved",
    "timeout": "did not accept the connection in time",
    "reset": "closed the connection before it answered",
    "closed": "closed the connection before its answer was complete",
    "tls": "could not be trusted: the TLS handshake failed",
    "protocol": "did not answer in HTTP",
    "unreachable": "cannot be reached",
    "configuration": "is configured with something that cannot be sent",
}


def failure_of(backend: str, kind: FailureKind, detail: str = "") -> OllamuxError:
    """The error for an attempt that failed before its answer was complete."""
    text = f"backend '{backend}' {_WORDS[kind]}"
    if detail and kind in ("protocol", "tls", "configuration"):
        text += f" ({detail})"
    return BackendTimeout(text) if kind == "timeout" else BackendUnavailable(text)


def stream_broken() -> OllamuxError:
    """The error for a stream that ended before its end."""
    return BackendUnavailable("an error was encountered while running the model: unexpected EOF")
