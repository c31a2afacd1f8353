"""How what goes wrong on the way to a backend, and back, is told to a client.

Rules: the texts name the backend and what went wrong, never an address's credentials or a header.
"""

from __future__ import annotations

from ollamux.backends import Backend
from ollamux.contract import FailureKind
from ollamux.conversation import StreamFault
from ollamux.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    Busy,
    InvalidRequest,
    Misconfigured,
    ModelNotFound,
    OllamuxError,
    RateLimited,
)
from ollamux.formats.failures import quota_spent
from ollamux.resilience.admission import Refusal
from ollamux.resilience.circuits import Outcome, outcome_of
from ollamux.resilience.fallback import Failure
from ollamux.routing.catalog import Catalog

__all__ = (
    "failure_of",
    "limited",
    "long_wait",
    "not_available",
    "not_let_in",
    "not_yet",
    "of_answer",
    "of_request",
    "outcome",
    "reported",
    "silent",
    "stream_broken",
    "told_by",
    "with_names",
)

_LATER = 5.0

_OUTCOMES: dict[str, Outcome | None] = {"silent": "silent", "unreadable": "error", "too_large": None}
"""What goes wrong beside what an I/O layer reports."""

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


def reported(fault: StreamFault) -> OllamuxError:
    """The error that a backend told inside its stream."""
    return BackendError(fault.detail, status=fault.status, body=fault.detail)


def of_request(error: OllamuxError | RecursionError) -> OllamuxError:
    """What reading or translating a request came to."""
    return error if isinstance(error, OllamuxError) else InvalidRequest("the request is nested too deeply")


def of_answer(error: OllamuxError | RecursionError, status: int = 502) -> OllamuxError:
    """What reading or translating an answer came to."""
    if isinstance(error, OllamuxError):
        return error
    return BackendUnavailable("the backend's answer is nested too deeply", status=status)


def told_by(error: OllamuxError) -> Failure:
    """The failure that an answer's error speaks of: the backend's own, or that the answer cannot be read."""
    if isinstance(error, BackendError):
        return Failure(status=error.status, retry_after=error.retry_after, final=quota_spent(error))
    return Failure(kind="unreadable")


def outcome(failure: Failure) -> Outcome | None:
    """What a failure comes to for the circuits; None where it says nothing against anybody."""
    if failure.kind in _OUTCOMES:
        return _OUTCOMES[failure.kind]
    return outcome_of(failure.status, failure.kind, failure.retry_after)


def not_let_in(refusal: Refusal | None) -> OllamuxError:
    """The queue is full, as Ollama says it, or the place would come too late; and when to come back."""
    seconds = refusal.retry_after if refusal is not None else _LATER
    if refusal is not None and refusal.why == "late":
        return long_wait(seconds)
    return Busy("server busy, please try again.  maximum pending requests exceeded", retry_after=seconds)


def limited(seconds: float | None) -> OllamuxError:
    """Whoever could answer may not be asked for a while: a limit of the backend's, or one that is configured for it."""
    return RateLimited("the rate limit of every backend that serves this model is reached", retry_after=seconds)


def silent(backend: Backend, seconds: float) -> OllamuxError:
    """Nobody was called, since nobody answered of late."""
    text = f"backend '{backend.id}' is not available: {backend.trouble or 'it did not answer'}"
    return BackendUnavailable(text, status=503, retry_after=max(1.0, seconds))


def not_yet(backend: str, reason: str) -> OllamuxError:
    """The backend is on its way."""
    return Busy(f"backend '{backend}' is not available yet: {reason}", retry_after=_LATER)


def not_available(backend: Backend) -> OllamuxError:
    """Nobody who has the model can be called. What only the operator can put right says what that is; all else but a
    backend that is refused for good may be otherwise soon."""
    text = f"backend '{backend.id}' is not available: {backend.trouble}"
    if backend.misconfigured:
        return Misconfigured(text)
    return BackendUnavailable(text) if backend.health.state == "refused" else Busy(text, retry_after=_LATER)


def with_names(error: OllamuxError, catalog: Catalog) -> OllamuxError:
    """That nobody has a model, with names of models that somebody has."""
    if isinstance(error, ModelNotFound):
        from ollamux.routing.nearest import nearest

        error.near = nearest(error.model, [offer.name for offer in catalog.offers()])
    return error


def long_wait(seconds: float = _LATER) -> OllamuxError:
    """Nobody became free while the request waited, or would in time."""
    return Busy("server busy, please try again.  the wait for a backend was too long", retry_after=seconds)
