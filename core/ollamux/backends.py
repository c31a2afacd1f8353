"""One configured backend at run time: where it is, how it is called, how it is.

Rules: what a call needs is computed when the backend is made or moves, not when a request comes; credentials go into
the headers of this backend's calls and nowhere else.
"""

from __future__ import annotations

from ollamux.config import BackendConfig
from ollamux.contract import Call, HeaderPairs
from ollamux.conversation import Operation
from ollamux.formats import calling
from ollamux.formats.base import Calling, Outgoing
from ollamux.providers.base import FileServing, Provider, SelfAnswering, root_of
from ollamux.resilience.health import Health
from ollamux.routing.catalog import Offer

__all__ = ("Backend",)

_APIS = {"chat": "openai_chat", "responses": "openai_responses"}
"""The words of a model's `api`, and the formats that they mean."""


class Backend:
    """What the gateway knows of one backend. `decision` are the headers by which a client is told that it answered."""

    __slots__ = (
        "answers_itself",
        "base",
        "calling",
        "config",
        "connect_timeout",
        "decision",
        "endpoint",
        "files",
        "first_byte",
        "headers",
        "health",
        "id",
        "idle",
        "loading",
        "misconfigured",
        "models_seen",
        "others",
        "provider",
        "root",
        "total",
    )

    def __init__(
        self, config: BackendConfig, provider: Provider, health: Health, via: str, *, decision_headers: bool = True
    ) -> None:
        self.config = config
        self.provider = provider
        self.health = health
        self.id = config.id
        self.answers_itself: SelfAnswering | None = getattr(provider, "answering", None)
        self.files: FileServing | None = getattr(provider, "files", None)
        self.calling: Calling | None = calling(provider.format) if self.answers_itself is None else None
        self.others: dict[str, Calling] = {name: calling(name) for name in provider.other_formats}
        self.connect_timeout = config.timeouts.connect
        self.first_byte = config.timeouts.first_byte
        self.idle = config.timeouts.idle
        self.total = config.timeouts.total
        self.decision: HeaderPairs = (("X-Backend-Used", config.id),) if decision_headers else ()
        self.loading = False
        self.misconfigured = ""
        self.models_seen = False
        self.endpoint: str | None = None
        self.root = self.base = ""
        self.headers = _headers(config, via)
        self.move(config.endpoint or provider.default_endpoint)

    def move(self, endpoint: str | None) -> None:
        """It listens here now; None: nowhere."""
        self.endpoint = endpoint
        if endpoint is None:
            self.root = self.base = ""
        else:
            self.root, self.base = root_of(endpoint, self.provider.version_path, fixed=self.provider.fixed)

    @property
    def callable(self) -> bool:
        """Whether a request may be sent to it at all."""
        located = self.answers_itself is not None or bool(self.base)
        return located and not self.misconfigured and self.health.state != "refused"

    @property
    def trouble(self) -> str:
        """Why it cannot be called or did not answer, for people."""
        return self.misconfigured or self.health.reason or ("" if self.base else "it is not running")

    def calling_for(self, offer: Offer, client: str, operation: Operation) -> Calling | None:
        """The side of a format in which this model is called: the one that its configuration names, else the client's
        own where the backend speaks it, else the backend's first; None where it answers by itself."""
        if self.others and operation in ("chat", "count"):
            wanted = _APIS.get(offer.api, client)
            return self.others.get(wanted, self.calling)
        return self.calling

    def call(self, attempt: int, outgoing: Outgoing) -> Call:
        """The call that sends this request."""
        return Call(
            attempt,
            self.id,
            "POST",
            self.base + outgoing.path,
            self.headers + outgoing.headers if outgoing.headers else self.headers,
            outgoing.body,
            connect_timeout=self.connect_timeout,
        )


def _headers(config: BackendConfig, via: str) -> HeaderPairs:
    """The headers of every call to this backend, the credentials among them."""
    pairs = [("Content-Type", "application/json"), ("User-Agent", "ollamux"), ("X-Ollamux-Via", via)]
    key = config.api_key.reveal() if config.api_key is not None else ""
    auth = config.auth or "bearer"
    if key and auth == "bearer":
        pairs.append(("Authorization", f"Bearer {key}"))
    elif key and auth.startswith("header:"):
        pairs.append((auth.removeprefix("header:"), key))
    replaced = {name.lower() for name in config.headers}
    return tuple(pair for pair in pairs if pair[0].lower() not in replaced) + tuple(config.headers.items())
