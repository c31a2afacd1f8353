"""The composition root: the machines of a gateway (`premises`), and the door through which requests come to them.

Strategy: whatever the configuration decides is decided in the constructor. A request passes the gate (Origin, Host,
key), finds its target in the routing table, and becomes an exchange.

Rules: time is an argument; who is refused at the door is told so in the format of the path that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from ollamux.contract import ClientRequest, HeaderPairs
from ollamux.derived import issued_keys
from ollamux.errors import LoopDetected, OllamuxError, RateLimited
from ollamux.exchange import Settled
from ollamux.exchange.base import JSON_UTF8, Exchange
from ollamux.exchange.heads import REQUEST_ID, request_id
from ollamux.exchange.model import ModelExchange
from ollamux.formats import served_late, servings
from ollamux.formats.base import Place, Serving
from ollamux.gate import Gate
from ollamux.premises import Premises
from ollamux.probing import Chore
from ollamux.recurring import Known, Recurring
from ollamux.resilience.limits import ClientLimits
from ollamux.routes import Match, NoRoute, Page, Redirect, Router, Target
from ollamux.workers.dividing import ALONE, Part

if TYPE_CHECKING:
    from ollamux.config import Config
    from ollamux.config.schema import ResponsesConfig
    from ollamux.formats.openai_responses.serving import ResponsesServing
    from ollamux.formats.openai_responses.store import StoredResponses
    from ollamux.listing import Listing
    from ollamux.management import Management
    from ollamux.status import Status

__all__ = ("VERSION", "Chore", "Gateway")

VERSION = "0.33.0"
"""The version of Ollama that this gateway answers as: clients compare it."""

_TEXT: HeaderPairs = (("Content-Type", "text/plain"),)
_HTML: HeaderPairs = (("Content-Type", "text/html; charset=utf-8"),)
_ROOT: HeaderPairs = (("Content-Type", "text/plain; charset=utf-8"),)
_PATH_SIGNS = "/:@!$&'()*+,;="
_OTHERS = ("/v1/", "/v1beta/", "/models", "/responses")
"""Paths of other APIs than Ollama's."""


_OF_ALL = frozenset({"health_detailed", "health_providers", "providers", "provider_stats", "backends"})
"""The pages with figures that each worker has of its own."""


def _responses_of(kept: ResponsesConfig, part: Part) -> ResponsesServing:
    """The format that keeps what it answers, in this process."""
    from ollamux.formats.openai_responses.serving import ResponsesServing
    from ollamux.formats.openai_responses.store import StoredResponses

    sign = f"{part.number}:" if part.number else ""
    return ResponsesServing(StoredResponses(most=kept.size, largest=kept.bytes, longest=kept.ttl, sign=sign))


class Gateway(Premises):
    """See the module. `instance` tells this gateway from every other one; `version` is ollamux's, to be shown;
    `hostname` and `addresses` are the machine's, for the Host check; `part` says which of several workers it is."""

    def __init__(
        self,
        config: Config,
        *,
        instance: str = "ollamux",
        version: str = "",
        hostname: str = "",
        addresses: Iterable[str] = (),
        part: Part = ALONE,
    ) -> None:
        Premises.__init__(self, config, instance, part)
        config = self.config
        # Here, and not above: who imports this module need not load the format.
        from ollamux.formats.ollama.serving import OllamaServing

        self._servings = {serving.name: serving for serving in servings()}
        if not config.response_optimization.stream:
            self._servings["ollama"] = OllamaServing(streams=False)
        self._servings["openai_responses"] = self._responses = served_late(
            "openai_responses", partial(_responses_of, config.responses, part)
        )
        self._router = Router(self._servings.values())
        self._gate = Gate(
            keys=issued_keys(config),
            origins=config.server.origins,
            allowed_hosts=config.server.allowed_hosts,
            hostname=hostname,
            addresses=addresses,
        )
        self._door = object()
        limits = config.rate_limit
        self._limits = ClientLimits(per_key=limits.per_key, per_address=limits.per_address, overall=limits.overall)
        self._hedged: type[ModelExchange] | None = None
        if self.guards.hedging is not None:
            from ollamux.exchange.hedged import HedgedExchange

            self._hedged = HedgedExchange
        self._version = version
        self._management: Management | None = None
        self._lists: Listing | None = None
        self._status: Status | None = None
        self._apart: set[str] = set()
        self.mount("/api/route", self._explain, method="POST", scope="inference")

    # The contract -----------------------------------------------------------------------------------------------------

    def body_streams(self, method: str, path: str) -> bool:
        """Whether this request's body is to be reported piece by piece, or is for a page that is apart (`mount`)."""
        if method == "POST":
            return path.startswith("/api/blobs/")
        return bool(self._apart) and path.partition("?")[0] in self._apart

    def mount(self, path: str, page: Page, *, method: str = "GET", scope: str | None = "", apart: bool = False) -> None:
        """Serves a page that the front brings, behind the checks that all paths are behind: `scope` as in the table of
        routes. `apart` keeps it from those requests that a front may take in one piece (`body_streams`)."""
        self._router.mount(method, path, scope, page)
        self._door = object()  # what was known of a path may be so no more
        if apart:
            self._apart.add(path)

    def open(self, request: ClientRequest, now: float, serving: Serving | None = None) -> Exchange:
        """The exchange for a request; `start` it next. `serving` is the client's format where a front has no paths."""
        headers = request.headers
        if serving is not None:
            if serving.name == self._responses.name:
                serving = self._responses  # what is kept here is found here, whichever way a request came
            return ModelExchange(self, request, serving, serving.routes[0])
        recurring = headers if isinstance(headers, Recurring) else None
        if recurring is not None:
            known = recurring.known
            if known is not None and known.door is self._door:
                return self._open_again(known, request, now)
        path, query = request.path, ""
        target = self._router.hot(request.method, path)
        if target is None:
            path, _, query = path.partition("?")
            target = self._router.hot(request.method, path)
        host = headers.get("host", "")
        gate = self._gate
        if target is not None and "origin" not in headers and gate.knows_host(host):
            try:
                caller = self._let_in(target, request, query, now)
            except OllamuxError as error:
                return self._kept_out(error, request, path, query, ())
            exchange = self._serve(target, request, path, now, query)
            exchange.caller = caller
            if "x-request-id" in headers:
                _name(exchange, headers["x-request-id"])
            elif recurring is not None and not query:
                recurring.known = Known(self._door, target, caller)
            return exchange
        return self._open_carefully(request, path, query, host, now)

    def open_among(self, request: ClientRequest, serving: Serving, among: frozenset[str]) -> Exchange:
        """The exchange for a request of a front without paths that these backends alone may answer."""
        exchange = ModelExchange(self, request, serving, serving.routes[0])
        exchange.narrow(among)
        return exchange

    def serving(self, name: str) -> Serving:
        """The client's side of the format of this name, for fronts without paths. KeyError where there is none."""
        return self._servings[name]

    def status(self) -> dict[str, dict[str, Any]]:
        """Each backend's `info` and `health`, by its id, as GET /api/backends tells them."""
        return self._pages().backends()

    def refuse(self, path: str, error: OllamuxError) -> Exchange:
        """The exchange that answers a request which could not be read, in the format of its path."""
        status, headers, body = self.refusal(path, error)
        return Settled(status, headers, body, close=True)

    def refusal(self, path: str, error: OllamuxError) -> tuple[int, HeaderPairs, bytes]:
        """Status, headers and body that tell an error in the format of a path; what is no path is Ollama's."""
        return self._serving_of(path).failure(error, streaming=False)

    # Routes -----------------------------------------------------------------------------------------------------------

    def _open_again(self, known: Known, request: ClientRequest, now: float) -> Exchange:
        """The exchange for a request whose head came before."""
        target: Target = known.target
        if self._limits.any and target.serving is not None:
            try:
                self._take_turn(known.caller, request.peer, now)
            except OllamuxError as error:
                return self._kept_out(error, request, request.path, "", ())
        exchange = self._serve(target, request, request.path, now, "")
        exchange.caller = known.caller
        return exchange

    def _open_carefully(self, request: ClientRequest, path: str, query: str, host: str, now: float) -> Exchange:
        """The gate and the router with all their cases, in Ollama's order."""
        gate, method, headers = self._gate, request.method, request.headers
        found = self._router.find(method, path)
        if isinstance(found, Redirect):
            return _redirect(found.path, query, method)
        allow: HeaderPairs = ()
        if isinstance(found, Match) and found.target is None:
            allow = (("Allow", found.allow),)
        origin = headers.get("origin")
        cors = gate.cors(origin, host)
        if cors is None:
            return Settled(403, allow, b"")
        if origin and cors and method == "OPTIONS":
            return Settled(204, (*allow, *gate.preflight(origin)), b"")
        if not gate.knows_host(host) and gate.presented(headers, query) is None:
            return Settled(403, (*allow, *cors), b"")
        if method == "OPTIONS" and allow and gate.names_a_host(host):
            return Settled(204, (*allow, *cors), b"")
        if isinstance(found, NoRoute):
            return Settled(404, (*_TEXT, *self._mark, *cors), b"404 page not found")
        if found.target is None:
            return Settled(405, (*_TEXT, *allow, *cors), b"405 method not allowed")
        try:
            caller = self._let_in(found.target, request, query, now)
        except OllamuxError as error:
            return self._kept_out(error, request, path, query, cors)
        exchange = self._serve(found.target, request, unquote(path), now, query)
        exchange.extra_headers = cors
        exchange.caller = caller
        if "x-request-id" in headers:
            _name(exchange, headers["x-request-id"])
        return exchange

    def _let_in(self, target: Target, request: ClientRequest, query: str, now: float) -> str:
        """The name of the caller's key, empty where none is asked for. Raises what keeps the request out."""
        caller, headers = "", request.headers
        if self._gate.guarded and target.scope is not None:
            caller = self._gate.admit(headers, query, target.scope)
        if "x-ollamux-via" in headers and self._instance in headers["x-ollamux-via"]:
            raise LoopDetected("this request has already passed through this gateway: a backend leads back to it")
        if self._limits.any and target.serving is not None:
            self._take_turn(caller, request.peer, now)
        return caller

    def _take_turn(self, caller: str, peer: str, now: float) -> None:
        """Raises RateLimited where a caller asks too often."""
        exceeded = self._limits.take(caller, peer, now)
        if exceeded is not None:
            raise RateLimited(exceeded.text, retry_after=exceeded.seconds)

    def _kept_out(
        self, error: OllamuxError, request: ClientRequest, path: str, query: str, cors: HeaderPairs
    ) -> Exchange:
        """What a request is told that may not come in."""
        status, pairs, body = self._serving_of(path, request.headers, query).failure(error, streaming=False)
        extra: HeaderPairs = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
        return Settled(status, (*pairs, *extra, *self._mark, *cors), body)

    def _serve(self, target: Target, request: ClientRequest, path: str, now: float, query: str) -> Exchange:
        serving, route, place = target.serving, target.route, target.place
        if serving is not None and route is not None:
            if query:
                place = Place(place.argument, query)
            if self.circle is not None and target.serving is self._responses and request.body:
                return self._going_on(target, request, place)
            if self._hedged is not None:
                return self._hedged(self, request, serving, route, place)
            exchange = ModelExchange.__new__(ModelExchange)
            exchange.prepare(self, request, serving, route, place)
            return exchange
        return self._page(target, request, path, now, query)

    def _page(self, target: Target, request: ClientRequest, path: str, now: float, query: str) -> Exchange:
        """What calls no model."""
        match target.handler:
            case "root":
                return Settled(200, (*_ROOT, *self._mark), b"Ollama is running")
            case "version":
                return Settled(200, (*JSON_UTF8, *self._mark), b'{"version":"' + VERSION.encode() + b'"}')
            case "status":
                return Settled(200, JSON_UTF8, b'{"cloud":{"disabled":false,"source":"none"}}')
            case "tags":
                return self._survey("tags", self.automatic.listed)
            case "ps":
                return self._survey("ps", self.catalog.loaded)
            case "models":
                return self._listing().open(request, path, target.place.argument, query)
            case "response" | "response_input":
                return self._stored(request, target, query, now)
            case "recommendations":
                return Settled(200, JSON_UTF8, b'{"recommendations":[]}')
            case "page" if target.page is not None:
                return target.page(request, now)
            case handler:
                page = self._pages().pages.get(handler)
                if page is not None and handler in _OF_ALL and self.circle is not None:
                    name = target.place.argument
                    return self.together(lambda house: self._pages().of(house).pages[handler](request, name, now))
                if page is not None:
                    exchange = page(request, target.place.argument, now)
                    if handler == "efficiency_set" and self.circle is not None:
                        return self.circle.when_heard(exchange)
                    return exchange
                return self._managing().open(request, path)

    # What few requests ask for is loaded with the first of them.

    def _listing(self) -> Listing:
        if self._lists is None:
            from ollamux.listing import Listing

            self._lists = Listing(self, self._servings, self._mark)
        return self._lists

    def _managing(self) -> Management:
        if self._management is None:
            from ollamux.management import Management

            self._management = Management(self)
        return self._management

    def _pages(self) -> Status:
        if self._status is None:
            from ollamux.status import Status

            self._status = Status(self, self._version, self._mark)
        return self._status

    def _explain(self, request: ClientRequest, now: float) -> Exchange:
        from ollamux.explaining import Explaining

        return Explaining(self, self._servings["ollama"]).page(request, now)

    def _survey(self, name: str, offers: Callable[[], Any]) -> Exchange:
        """What all backends have, as Ollama lists it: `name` is that list's in `formats.ollama.listing`."""
        from ollamux.exchange.survey import SurveyExchange
        from ollamux.formats.ollama import listing

        page = getattr(listing, name)
        return SurveyExchange(self, lambda at: page(offers(), self.clock, at), (*JSON_UTF8, *self._mark))

    @property
    def stored(self) -> StoredResponses:
        """The responses that are kept here."""
        return cast("ResponsesServing", self._responses.real()).responses

    def _going_on(self, target: Target, request: ClientRequest, place: Place) -> Exchange:
        """A request that may go on from a response that another worker keeps."""
        from ollamux.formats.openai_responses.store import owner_of

        serving, route, circle = target.serving, target.route, self.circle
        assert serving is not None and route is not None and circle is not None
        kind = ModelExchange if self._hedged is None else self._hedged
        owner = owner_of(request.headers)
        return circle.going_on(request.body or b"", owner, lambda: kind(self, request, serving, route, place))

    def _stored(
        self, request: ClientRequest, target: Target, query: str, now: float, *, asked: bool = False
    ) -> Exchange:
        """What a client comes back to: a response that was answered before, here or by another worker."""
        from ollamux.formats.openai_responses.store import owner_of

        serving = self._responses
        kept, id_, owner = self.stored, target.place.argument, owner_of(request.headers)
        circle = self.circle
        if circle is not None and not asked and kept.find(id_, owner, now) is None and not kept.behind(id_, owner):
            return circle.fetched(id_, owner, lambda at: self._stored(request, target, query, at, asked=True))
        if target.handler == "response_input":
            status, body = kept.input_items(id_, now, owner, query)
        elif request.method == "DELETE":
            status, body = kept.delete(id_, now, owner)
            if circle is not None:
                circle.forgotten(id_, owner)
        else:
            status, body = kept.get(id_, now, owner, query)
        model = kept.behind(id_, owner)
        if model and (status == 404 or request.method == "DELETE"):  # its backend has it, too, or has it alone
            from ollamux.exchange.forward import ForwardExchange, kept_behind

            rest = "/input_items" if target.handler == "response_input" else ""
            forward = kept_behind(self, model, id_, rest, query)
            if forward is not None:
                return ForwardExchange(self, request, lambda at: forward, told=serving)
        settled = Settled(status, (("Content-Type", serving.whole_type), *self._mark), body)
        return circle.when_heard(settled) if circle is not None and request.method == "DELETE" else settled

    @property
    def _mark(self) -> HeaderPairs:
        """What tells another gateway that it must not use this one as a backend."""
        return (("X-Ollamux", self._instance),)

    def _serving_of(self, path: str, headers: Mapping[str, str] | None = None, query: str = "") -> Serving:
        """The format in which a request to this path is told that it failed."""
        found = self._router.serving(path)
        if found is not None:
            return found
        spelled = unquote(path)
        if not spelled.startswith(_OTHERS):
            return self._servings["ollama"]
        from ollamux.listing import shape_of

        return self._servings[shape_of(spelled, headers or {}, query)]


def _redirect(path: str, query: str, method: str) -> Exchange:
    where = quote(path, safe=_PATH_SIGNS) + (f"?{query}" if query else "")
    headers: HeaderPairs = (("Location", where),)
    if method == "GET":
        return Settled(301, (*_HTML, *headers), f'<a href="{escape(where)}">Moved Permanently</a>.\n\n'.encode())
    return Settled(307, headers, b"")


def _name(exchange: Exchange, told: str) -> None:
    """The client has a name for its request: it is told with the answer, whatever that is."""
    exchange.request_id = request_id(told)
    exchange.extra_headers = (*exchange.extra_headers, (REQUEST_ID, exchange.request_id))
