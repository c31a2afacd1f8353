"""One configured backend at run time: where it is, how it is called, how it is.

Strategy: what a call needs is computed when the backend is made or moves, not when a request comes; for a backend with
one key a call is one tuple of headers and one address. Several keys, tokens, signatures and addresses that depend on
the model stand beside that path, and are asked only where the backend has them (`watched`, `_shaped`).

Rules: credentials go into this backend's calls and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ollamux.clock import Clock
from ollamux.contract import Call, HeaderPairs, Target, call_of
from ollamux.conversation import Operation
from ollamux.credentials.base import Signer
from ollamux.credentials.hiding import Hiding
from ollamux.credentials.placing import key_headers, key_query, with_query
from ollamux.credentials.ring import KeyRing, rest_after
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats import calling
from ollamux.formats.base import Calling, Dialect
from ollamux.formats.outgoing import Outgoing
from ollamux.hardware.keeping import Keeping
from ollamux.providers.base import FileServing, Provider, SelfAnswering, root_of
from ollamux.resilience.health import Health
from ollamux.routing.catalog import Offer

if TYPE_CHECKING:
    from ollamux.config import BackendConfig
    from ollamux.credentials.oauth2 import AccessToken

__all__ = ("DEFAULT_REGION", "Backend")

_APIS = {"chat": "openai_chat", "responses": "openai_responses"}
"""The words of a model's `api`, and the formats that they mean."""

DEFAULT_REGION = "us-east-1"
"""Where calls are signed for that name no region."""

_REMEMBERED = 1024
_JOINED = 64


class Backend:
    """What the gateway knows of one backend. `decision` are the headers by which a client is told that it answered;
    `watched` says whether it has to hear of each answer's status; `loaded` are the models in its memory, as it told
    last, `keeping` follows what is there, None where requests have no say in that; `named` tells what the provider
    itself calls a model that has another name here (a deployment); `restricted` says that something may rule it out
    (its heat, its region), so that a plan decides even where it is the only one. It `manages` models where its server
    loads them by itself; `timeout` is for a whole answer, in seconds, 0.0 for any."""

    __slots__ = (
        "_clock",
        "_dialect",
        "_dialect_hook",
        "_dialects",
        "_headers_of",
        "_joins",
        "_named",
        "_queries",
        "_ring",
        "_shaped",
        "_signer",
        "_target",
        "_typed",
        "_url_hook",
        "_urls",
        "_via",
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
        "keeping",
        "loaded",
        "loading",
        "manages",
        "misconfigured",
        "models_seen",
        "others",
        "probe_key",
        "provider",
        "restricted",
        "root",
        "timeout",
        "token",
        "total",
        "watched",
    )

    def __init__(
        self,
        config: BackendConfig,
        provider: Provider,
        health: Health,
        via: str,
        *,
        decision_headers: bool = True,
        clock: Clock | None = None,
        named: Mapping[str, str] | None = None,
    ) -> None:
        self.config = config
        self.provider = provider
        self.health = health
        self.id = config.id
        self.answers_itself: SelfAnswering | None = getattr(provider, "answering", None)
        self.files: FileServing | None = getattr(provider, "files", None)
        self.calling: Calling | None = calling(provider.format) if self.answers_itself is None else None
        self.others = {name: calling(name) for name in provider.other_formats}
        self.connect_timeout = config.timeouts.connect
        self.first_byte = config.timeouts.first_byte
        self.idle = config.timeouts.idle
        self.total = config.timeouts.total
        self.timeout = config.timeout or 0.0
        self.manages = provider.manages_models
        self.decision: HeaderPairs = (("X-Backend-Used", config.id),) if decision_headers else ()
        self.loaded: frozenset[str] = frozenset()
        self.keeping: Keeping | None = None
        self.restricted = False
        self.loading = False
        self.misconfigured = ""
        self.models_seen = False
        self.probe_key = 0
        self._clock = clock
        self._via = via
        self._target: Target = getattr(provider, "target", "http")
        self._named = dict(named or {})
        self._dialect = provider.dialect
        self._dialects: dict[str, Dialect] = {}
        self._dialect_hook: Callable[[str], Dialect] | None = getattr(provider, "dialect_for", None)
        self._url_hook: Callable[[str, str, str, BackendConfig], str] | None = getattr(provider, "url", None)
        self._signer = self._make_signer()
        self.token = _token(config)
        self._headers_of: tuple[HeaderPairs, ...] = ()
        self._joins: dict[tuple[int, HeaderPairs], HeaderPairs] = {}
        self._typed: dict[str, HeaderPairs] = {}
        self._urls: dict[str, str] = {}
        self.headers: HeaderPairs = ()
        self._prepare_keys()
        self.endpoint: str | None = None
        self.root = self.base = ""
        hook: Callable[[BackendConfig], str | None] | None = getattr(provider, "endpoint_for", None)
        self.move(config.endpoint or (hook(config) if hook is not None else None) or provider.default_endpoint)

    def move(self, endpoint: str | None) -> None:
        """It listens here now; None: nowhere."""
        self._urls.clear()
        self.health.touch()
        self.endpoint = endpoint
        if endpoint is None:
            self.root = self.base = ""
        else:
            self.root, self.base = root_of(endpoint, self.provider.version_path, fixed=self.provider.fixed)

    @property
    def callable(self) -> bool:
        """Whether a request may be sent to it at all."""
        return self.can_be_called()

    def can_be_called(self) -> bool:
        """The same, for whoever asks at every request."""
        if self.misconfigured or self.health.state == "refused" or (self.token is not None and not self.token.value):
            return False
        return bool(self.base) or self.answers_itself is not None

    @property
    def trouble(self) -> str:
        """Why it cannot be called or did not answer, for people."""
        if self.token is not None and not self.token.value and not self.misconfigured:
            return self.token.trouble or "its access token is being fetched"
        return self.misconfigured or self.health.reason or ("" if self.base else "it is not running")

    def calling_for(self, offer: Offer, client: str, operation: Operation) -> Calling | None:
        """The side of a format in which this model is called: the one that its configuration names, else the client's
        own where the backend speaks it, else the backend's first; None where it answers by itself."""
        if self.others and operation in ("chat", "count"):
            wanted = _APIS.get(offer.api, client)
            return self.others.get(wanted, self.calling)
        return self.calling

    def dialect_for(self, upstream: str) -> Dialect:
        """How the provider's format is spelled to this model."""
        if self._dialect_hook is None:
            return self._dialect
        found = self._dialects.get(upstream)
        if found is None:
            found = self._dialect_hook(self._named.get(upstream, upstream))
            if len(self._dialects) < _REMEMBERED:
                self._dialects[upstream] = found
        return found

    def typed(self, kind: str) -> HeaderPairs:
        """The headers of an answer of this media type, `decision` among them: the same tuple for every one of them
        wherever it can be, so that a front may keep its encoded form."""
        found = self._typed.get(kind)
        if found is None:
            found = (("Content-Type", kind), *self.decision)
            if len(self._typed) < _JOINED:
                self._typed[kind] = found
        return found

    # Calls ------------------------------------------------------------------------------------------------------------

    def call(self, attempt: int, outgoing: Outgoing, upstream: str = "", key: int = 0, now: float = 0.0) -> Call:
        """The call that sends this request for the model `upstream`, with this one of its keys (`choose_key`)."""
        if self._shaped:
            return self._shaped_call(attempt, outgoing, upstream, key, now)
        path = outgoing.path
        url = self._urls.get(path)
        if url is None:
            url = self.base + path
            if len(self._urls) < _JOINED:
                self._urls[path] = url
        headers = self._joined(0, outgoing.headers) if outgoing.headers else self.headers
        return call_of(attempt, self.id, url, headers, outgoing.body, "http", self.connect_timeout)

    def probe(self, path: str, now: float) -> Call:
        """A question: a GET of this path below the root, with the key `probe_key`, one for all of a round."""
        key = self.probe_key
        url = self._url_hook(self.base, path, "", self.config) if self._url_hook is not None else self.root + path
        return self._get_ready(0, "GET", url, self._headers_of[key], b"", key, now)

    def token_call(self) -> Call:
        """The call that asks for an access token."""
        assert self.token is not None
        request = self.token.request()
        return Call(
            0, self.id, "POST", request.url, request.headers, request.body, connect_timeout=self.connect_timeout
        )

    def token_told(self, status: int, body: bytes, now: float) -> bool:
        """The answer to `token_call`. True where there is a token now."""
        assert self.token is not None
        if not self.token.told(status, body, now):
            return False
        self.headers = _headers(self.config, self.provider, self._via, self.token.value)
        self._headers_of = (self.headers,)
        self._joins.clear()
        return True

    def _shaped_call(self, attempt: int, outgoing: Outgoing, upstream: str, key: int, now: float) -> Call:
        path = outgoing.path
        url = self._url_hook(self.base, path, upstream, self.config) if self._url_hook is not None else self.base + path
        headers = self._joined(key, outgoing.headers) if outgoing.headers else self._headers_of[key]
        return self._get_ready(attempt, "POST", url, headers, outgoing.body, key, now)

    def _joined(self, key: int, own: HeaderPairs) -> HeaderPairs:
        """The headers of every call and a request's own, which replace those of the same name."""
        found = self._joins.get((key, own))
        if found is None:
            replaced = {name.lower() for name, _ in own}
            found = tuple([pair for pair in self._headers_of[key] if pair[0].lower() not in replaced]) + own
            if len(self._joins) < _JOINED:
                self._joins[key, own] = found
        return found

    def _get_ready(
        self, attempt: int, method: str, url: str, headers: HeaderPairs, body: bytes, key: int, now: float
    ) -> Call:
        url = with_query(url, self._queries[key])
        if self._signer is not None:
            unix = self._clock.unix(now) if self._clock is not None else now
            headers = self._signer.sign(method, url, headers, body, unix)
        return Call(attempt, self.id, method, url, headers, body, self._target, self.connect_timeout)

    # Credentials ------------------------------------------------------------------------------------------------------

    def hiding(self) -> Hiding:
        """What takes out of this backend's words the credentials that it may repeat there."""
        config = self.config
        told = (config.api_key, *config.api_keys, config.access_key, config.secret_key, config.session_token)
        secrets = [secret.reveal() for secret in told if secret is not None]
        if self.token is not None:
            secrets.append(self.token.value)
        return Hiding([secret.encode() for secret in secrets])

    def cover(self, error: OllamuxError) -> None:
        """Takes them out of an error that speaks of this backend."""
        hiding = self.hiding()
        error.message = _covered(hiding, error.message)
        error.args = (error.message,)
        if isinstance(error, BackendError):
            error.body = _covered(hiding, error.body)

    def choose_key(self, now: float) -> int:
        """The key for the next call."""
        return self._ring.choose(now) if self._ring is not None else 0

    def answered(self, key: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> None:
        """A call with this key was answered: one that is refused or limited rests."""
        if self._ring is not None:
            self._ring.answered(key, status, headers, now)
        elif self.token is not None and status == 401:
            self.token.refused(now)

    def another_key(self, key: int, status: int, now: float) -> bool:
        """Whether the same request could be tried here again with another key: this answer spoke of this key alone."""
        return self._ring is not None and rest_after(status, ()) > 0 and self._ring.another(key, now)

    def _prepare_keys(self) -> None:
        config = self.config
        single = config.api_key.reveal() if config.api_key is not None else ""
        keys = tuple(key.reveal() for key in config.api_keys) or (single,)
        auth = _auth(config, self.provider)
        self._headers_of = tuple(_headers(config, self.provider, self._via, key) for key in keys)
        self._queries = tuple(key_query(auth, key) for key in keys)
        self.headers = self._headers_of[0]
        self._ring = KeyRing(len(keys)) if len(keys) > 1 else None
        self.watched = self._ring is not None or self.token is not None
        self._shaped = bool(
            self._ring is not None
            or self._queries[0]
            or self._signer is not None
            or self._url_hook is not None
            or self._target == "local"
        )

    def _make_signer(self) -> Signer | None:
        config = self.config
        if _auth(config, self.provider) != "sigv4" or config.access_key is None or config.secret_key is None:
            return None
        from ollamux.credentials.sigv4 import SigV4

        token = config.session_token.reveal() if config.session_token is not None else ""
        service: str = getattr(self.provider, "service", "bedrock")
        keys = config.access_key.reveal(), config.secret_key.reveal()
        return SigV4(*keys, config.region or DEFAULT_REGION, session_token=token, service=service)


def _token(config: BackendConfig) -> AccessToken | None:
    """The token that stands for a key, where one is to be fetched."""
    if config.auth != "oauth2" or config.oauth2 is None:
        return None
    from ollamux.credentials.oauth2 import AccessToken

    return AccessToken(config.oauth2)


def _auth(config: BackendConfig, provider: Provider) -> str:
    """How this backend wants its key: as configured, else as its provider does. A key beats the provider's
    signature."""
    default: str = getattr(provider, "auth", "bearer")
    if config.auth is None and default == "sigv4" and config.access_key is None:
        return "bearer"
    return config.auth or default


def _headers(config: BackendConfig, provider: Provider, via: str, key: str) -> HeaderPairs:
    """The headers of every call to this backend, the credentials among them."""
    auth = _auth(config, provider)
    static: HeaderPairs = getattr(provider, "headers", ())
    pairs = [("Content-Type", "application/json"), ("User-Agent", "ollamux"), ("X-Ollamux-Via", via), *static]
    pairs += key_headers("bearer" if auth == "oauth2" else auth, key)
    replaced = {name.lower() for name in config.headers}
    return tuple(pair for pair in pairs if pair[0].lower() not in replaced) + tuple(config.headers.items())


def _covered(hiding: Hiding, text: str) -> str:
    return hiding.whole(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass") if hiding else text
