"""A request that goes to a backend as it is: Ollama's pull, push, create, copy, delete, blobs and show, and whatever
asks for a response that a backend keeps.

Strategy: once the backend is known, bytes pass both ways as they come, of any size, never collected; the answer is the
backend's, status, media type and all. What chose the backend is the gateway's; this machine only carries.

Rules: back-pressure holds in both directions; of an answer nothing is changed but the backend's own credentials, where
it repeats them; nothing is tried twice, since these requests change something; an upload that the backend refuses early
ends with the backend's answer. What goes to a service in the gateway's own name (`told` says in whose words errors are)
never shows what the service says of that name. What went to a backend is counted there as a request without a model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from ollamux.accounting.kinds import kind_of
from ollamux.accounting.ledger import GONE
from ollamux.backends import Backend
from ollamux.contract import (
    Call,
    CallData,
    CallEnd,
    Cancel,
    ClientRequest,
    Data,
    End,
    FailureKind,
    Head,
    HeaderPairs,
    Read,
    ReadBody,
    WakeAt,
    Want,
    Wants,
)
from ollamux.errors import BackendError, BackendTimeout, OllamuxError
from ollamux.exchange import heads
from ollamux.exchange.base import FRESH, JSON_UTF8, PATIENCE, Exchange, House, answer
from ollamux.exchange.failures import failure_of
from ollamux.formats.base import Serving
from ollamux.news import Decision

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("Forward", "ForwardExchange", "kept_behind")

_ATTEMPT = 1
_LOOK_AGAIN = 1.0  # seconds, while the client is paused
_KEEPER = "openai_responses"
"""The format whose backends keep what they answered."""

_ASKED = frozenset({"after", "include", "include_obfuscation", "limit", "order", "starting_after", "stream"})
_KEPT = frozenset({"content-encoding", "content-length", "content-type"})


class Forward(msgspec.Struct, frozen=True):
    """Where a request goes, with which body (None: the client's, as it streams in). `on_success` hears that the backend
    did it. `upstream` is the model that it is about, where the backend's address depends on that."""

    backend: Backend
    path: str
    body: bytes | None
    on_success: Callable[[float], None] | None = None
    upstream: str = ""


def kept_behind(house: House, model: str, id_: str, rest: str, query: str) -> Forward | None:
    """The way to what stands at `rest` below a response that a backend keeps, whose model clients call by this name;
    None where no backend that could have it can be called. Of the query goes on what such a question has, no key among
    it."""
    for offer in house.catalog.find(model):
        backend = house.backend(offer.backend)
        called = backend.calling_for(offer, _KEEPER, "chat")
        if called is not None and called.name == _KEEPER and backend.callable:
            asked = [pair for pair in parse_qsl(query) if pair[0].partition("[")[0] in _ASKED]
            path = f"/responses/{quote(id_, safe='')}{rest}" + (f"?{urlencode(asked)}" if asked else "")
            return Forward(backend, path, b"", upstream=offer.upstream)
    return None


class ForwardExchange(Exchange):
    """Carries one request to one backend and its answer back. `plan` is asked where it goes, or for the answer where it
    goes nowhere; with `ask_first` the backends are asked anew what they have before that."""

    __slots__ = (
        "_activity",
        "_ask_first",
        "_backend",
        "_began",
        "_forward",
        "_hiding",
        "_house",
        "_lines",
        "_over",
        "_paused",
        "_plan",
        "_request",
        "_started",
        "_status",
        "_told",
        "_waits",
    )

    def __init__(
        self,
        house: House,
        request: ClientRequest,
        plan: Callable[[float], Forward | tuple[Want, ...]],
        *,
        ask_first: bool = False,
        told: Serving | None = None,
    ) -> None:
        super().__init__()
        self._told = told
        self._house = house
        self._request = request
        self._plan = plan
        self._ask_first = ask_first
        self._forward: Forward | None = None
        self._activity = self._started = 0.0
        self._status = 0
        self._waits = False
        self._began = False
        self._lines = False
        self._over = False
        self._paused = False

    def start(self, now: float) -> Wants:
        self._activity = now
        if self._ask_first and self._house.refresh(self, now, older_than=FRESH):
            self._waits = True
            return (WakeAt(now + PATIENCE),)
        return self._go(now)

    def proceed(self, now: float) -> Wants:
        return self._go(now) if self._waits else None

    def _go(self, now: float) -> Wants:
        self._waits = False
        forward = self._plan(now)
        if not isinstance(forward, Forward):
            self._over = True
            return forward
        self._forward = forward
        self._started = now
        backend = self._backend = forward.backend
        self._hiding = backend.hiding()
        headers = backend.headers
        if forward.body is None:
            length = self._request.headers.get("content-length")
            kind = self._request.headers.get("content-type", "application/octet-stream")
            kept = tuple(pair for pair in headers if pair[0].lower() != "content-type")
            headers = (("Content-Type", kind), *kept, *((("Content-Length", length),) if length else ()))
        call = Call(
            _ATTEMPT,
            backend.id,
            self._request.method,
            _address(forward),
            headers,
            forward.body,
            connect_timeout=backend.connect_timeout,
        )
        return (call, WakeAt(self._deadline()))

    def body_data(self, data: bytes, now: float) -> Wants:
        self._activity = now
        return None if self._over else (CallData(_ATTEMPT, data),)

    def body_end(self, now: float) -> Wants:
        self._activity = now
        return None if self._over else (CallEnd(_ATTEMPT),)

    def upload_blocked(self, attempt: int, now: float) -> Wants:
        return (ReadBody(False),)

    def upload_drained(self, attempt: int, now: float) -> Wants:
        self._activity = now
        return (ReadBody(True),)

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        if self._over:
            return None
        self._activity = now
        self._status = status
        self._backend.health.good()
        if self._told is not None and status in (401, 403):
            refusal = BackendError(f"the backend refused the gateway's credentials (status {status})", status=502)
            return (Cancel(_ATTEMPT), *self._fail(refusal, now))
        self._began = True
        kept: HeaderPairs = tuple((name.title(), value) for name, value in headers if name.lower() in _KEPT)
        self._lines = any(name == "Content-Type" and "ndjson" in value for name, value in kept)
        return (Head(status, kept + heads.passed_on(headers, True), now=True), WakeAt(self._deadline()))

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        self._activity = now
        return None if self._over else self._hiding.feed(data) or None

    def attempt_end(self, attempt: int, now: float) -> Wants:
        if self._over:
            return None
        self._over = True
        if self._forward is not None and self._forward.on_success is not None and self._status < 400:
            self._forward.on_success(now)
        self._count(kind_of(BackendError("", status=self._status)) if self._status >= 400 else "", self._status, now)
        rest = self._hiding.close()
        return (Data(rest), End()) if rest else (End(),)

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        if self._over:
            return None
        self._backend.health.bad(detail or kind, now)
        return self._fail(failure_of(self._backend.id, kind, detail), now)

    def client_paused(self, now: float) -> Wants:
        self._paused = True
        return (Read(_ATTEMPT, False),)

    def client_resumed(self, now: float) -> Wants:
        self._paused = False
        self._activity = now
        return (Read(_ATTEMPT, True),)

    def client_gone(self, now: float) -> Wants:
        if self._over:
            return None
        self._over = True
        if self._waits or self._forward is None:
            self._house.forget(self)
            return None
        self._count(GONE, self._status, now)
        return (Cancel(_ATTEMPT),)

    def woken(self, now: float) -> Wants:
        if self._over:
            return None
        if self._waits:
            self._house.forget(self)
            return self._go(now)
        if not self._paused and now >= self._deadline():
            error = BackendTimeout(f"backend '{self._backend.id}' did not answer in time")
            return (Cancel(_ATTEMPT), *self._fail(error, now))
        return (WakeAt(max(self._deadline(), now + _LOOK_AGAIN)),)

    def _deadline(self) -> float:
        patience = self._backend.idle if self._began else self._backend.first_byte
        return self._activity + patience if patience else math.inf

    def _count(self, failure: str, status: int, now: float) -> None:
        """It is over, and something had gone to a backend: as others are, it is counted, and told to who listens."""
        house, forward = self._house, self._forward
        assert forward is not None
        word = _word(self._request.path) if self._told is None else "kept"
        format_ = "ollama" if self._told is None else self._told.name
        seconds = now - self._started
        house.ledger.forwarded(forward.backend.id, word, seconds, failure, now)
        house.ledger.exchange(format_, failure, 0.0, 1)
        if failure and failure != GONE:
            house.notice(forward.backend, now)
        if house.feed.heard and (house.feed.detailed or failure):
            house.feed.tell(
                Decision(
                    at=now,
                    request_id=self.request_id or house.feed.next_id(),
                    format=format_,
                    operation=word,
                    model="",
                    backend=forward.backend.id,
                    upstream=forward.upstream,
                    reason="",
                    calls=1,
                    failure=failure,
                    status=status,
                    waited=0.0,
                    first_token=None,
                    seconds=seconds,
                )
            )

    def _fail(self, error: OllamuxError, now: float) -> tuple[Want, ...]:
        self._over = True
        self._count(kind_of(error), error.status, now)
        told = msgspec.json.encode({"error": error.message})
        if not self._began:
            if self._told is not None:
                return answer(*self._told.failure(error, streaming=False))
            return answer(error.status, JSON_UTF8, told)
        return (Data(told + b"\n"), End(broken=True)) if self._lines else (End(broken=True),)


def _word(path: str) -> str:
    """What a request does: pull, show, ..., blobs."""
    return path.partition("?")[0].removeprefix("/api/").partition("/")[0]


def _address(forward: Forward) -> str:
    """The whole address; some providers have a hook for it, which knows no queries."""
    backend = forward.backend
    hook: Callable[[str, str, str, BackendConfig], str] | None = getattr(backend.provider, "url", None)
    if hook is None or not forward.upstream:
        return backend.root + forward.path
    path, mark, query = forward.path.partition("?")
    url = hook(backend.base, path, forward.upstream, backend.config)
    return url + (("&" if "?" in url else "?") + query if mark else "")
