"""Every exception that the core raises, and the HTTP status that each suggests.

::

    OllamuxError
     +-- ConfigError              the configuration cannot be used; lists every problem found
     +-- RequestError             the client's fault, 4xx
     |    +-- InvalidRequest      400  the body, a field or a value is wrong
     |    +-- Unauthorized        401  no key, or one that nobody issued
     |    +-- Forbidden           403  a key without the scope, an Origin or a Host that is not allowed
     |    +-- ModelNotFound       404  no backend serves the model
     |    +-- SlowBody            408  the request's body did not come in time
     |    +-- TooLarge            413  over a limit of size
     |    +-- RateLimited         429  too many requests; carries retry_after
     |    +-- LoopDetected        508  the request already came through this gateway
     +-- GatewayError             5xx, ours or a backend's
          +-- NotSupported        501  nothing behind the gateway can do this
          +-- Busy                503  every place is taken; carries retry_after
          +-- Misconfigured       503  a backend lacks its key, which only the operator can give
          +-- BackendUnavailable  502  no backend could be reached, or it broke off
          +-- BackendTimeout      504  a backend did not answer in time
          +-- BackendError        the backend's own answer, its status kept

Rules: a message is written for the person who sent the request and holds no secret; the client's format decides how it
is spelled (`formats`); foreign exceptions are mapped where they arise and never cross into the I/O layer.
"""

from __future__ import annotations

__all__ = (
    "BackendError",
    "BackendTimeout",
    "BackendUnavailable",
    "Busy",
    "ConfigError",
    "Forbidden",
    "GatewayError",
    "InvalidRequest",
    "LoopDetected",
    "Misconfigured",
    "ModelNotFound",
    "NotSupported",
    "OllamuxError",
    "RateLimited",
    "RequestError",
    "SlowBody",
    "TooLarge",
    "Unauthorized",
)


class OllamuxError(Exception):
    """The root. `status` is the HTTP status to answer with, `kind` a stable word for the sort of error (`bad_request`,
    `auth`, `permission`, `not_found`, `too_large`, `rate_limit`, `overloaded`, `timeout`, `upstream_bad`, ...).
    `request_id` is set by who knows which request it ends, for formats that tell it."""

    status = 500
    kind = "internal"
    code: str | None = None
    param: str | None = None
    request_id: str = ""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        if status is not None:
            self.status = status
        if code is not None:
            self.code = code
        if param is not None:
            self.param = param


class ConfigError(OllamuxError):
    """The configuration cannot be used. `problems` holds one readable line for each thing that is wrong."""

    kind = "configuration_error"

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class RequestError(OllamuxError):
    """The client's fault."""

    status = 400
    kind = "bad_request"


class InvalidRequest(RequestError):
    """A body, field or value that cannot be accepted."""


class Unauthorized(RequestError):
    """No API key, or one that nobody issued."""

    status = 401
    kind = "auth"


class Forbidden(RequestError):
    """A key without the scope that the route asks for."""

    status = 403
    kind = "permission"


class ModelNotFound(RequestError):
    """No backend serves the model. `model` is the name as it was asked for, `near` some that are served instead."""

    status = 404
    kind = "not_found"
    code = "model_not_found"
    param = "model"
    near: tuple[str, ...] = ()

    def __init__(self, model: str) -> None:
        super().__init__(f"model '{model}' not found")
        self.model = model


class SlowBody(RequestError):
    """The client sent nothing for too long."""

    status = 408
    kind = "timeout"


class TooLarge(RequestError):
    """Over a configured limit of size."""

    status = 413
    kind = "too_large"


class RateLimited(RequestError):
    """More requests than a limit allows: one of ours, or of all backends that could answer."""

    status = 429
    kind = "rate_limit"


class LoopDetected(RequestError):
    """The request already came through this gateway."""

    status = 508
    kind = "loop"


class GatewayError(OllamuxError):
    """Ours or a backend's fault."""

    status = 502
    kind = "upstream_bad"


class NotSupported(GatewayError):
    """Nothing behind the gateway can do this."""

    status = 501
    kind = "not_supported"


class Busy(GatewayError):
    """Every place is taken, or the wait was too long."""

    status = 503
    kind = "overloaded"


class Misconfigured(GatewayError):
    """A backend lacks what the configuration had to give: its key, its file. The text names it."""

    status = 503
    kind = "configuration_error"


class BackendUnavailable(GatewayError):
    """No backend could be reached, or it broke off before it answered."""


class BackendTimeout(GatewayError):
    """A backend did not answer in time."""

    status = 504
    kind = "timeout"


class BackendError(GatewayError):
    """A backend's own answer. `body` is its text as it came, bounded; `status` its status."""

    def __init__(self, message: str, *, status: int, body: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, status=status, retry_after=retry_after)
        self.body = body
