"""The composition root: it owns every machine of the core, opens exchanges, and says what to ask the backends.

Strategy: whatever the configuration decides is decided in the constructor. A request passes the gate (Origin, Host,
key), finds its target in the routing table, and becomes an exchange. Background work comes as chores, plain calls that
the I/O layer makes and reports; `probing` knows which.

Rules: time is an argument; what one exchange frees may start another, and `ready` yields those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote, unquote

from ollamux.accounting.ledger import Ledger
from ollamux.automatic import Automatic
from ollamux.backends import Backend
from ollamux.clock import Clock
from ollamux.config import BackendConfig, Config
from ollamux.contract import ClientRequest, FailureKind, HeaderPairs
from ollamux.derived import fleet, guards, issued_keys, keep_alive, machine
from ollamux.errors import LoopDetected, OllamuxError, RateLimited
from ollamux.exchange import Exchange, HedgedExchange, ModelExchange, Settled, SurveyExchange
from ollamux.exchange.base import JSON_UTF8
from ollamux.exchange.forward import ForwardExchange, kept_behind
from ollamux.explaining import Explaining
from ollamux.formats import servings
from ollamux.formats.base import Serving
from ollamux.formats.ollama import listing
from ollamux.formats.ollama.names import canonical_key
from ollamux.gate import Gate
from ollamux.hardware.machine import Condition
from ollamux.hardware.readings import Readings
from ollamux.listing import Listing, shape_of
from ollamux.management import Management
from ollamux.models import Inventory
from ollamux.news import CircuitChange, Feed, HealthChange
from ollamux.probing import Chore, Probing
from ollamux.providers import provider
from ollamux.reports import BackendReport, ModelReport, report_of
from ollamux.resilience.admission import Admission
from ollamux.resilience.breaker import Change
from ollamux.resilience.health import Health
from ollamux.resilience.limits import ClientLimits
from ollamux.routes import Match, NoRoute, Page, Redirect, Router, Target
from ollamux.routing.plan import Planner
from ollamux.shelves import catalog_of, deployments
from ollamux.status import Status
from ollamux.unloading import Unloading

__all__ = ("VERSION", "BackendReport", "Chore", "Gateway", "ModelReport")

VERSION = "0.33.0"
"""The version of Ollama that this gateway answers as: clients compare it."""

_TEXT: HeaderPairs = (("Content-Type", "text/plain"),)
_HTML: HeaderPairs = (("Content-Type", "text/html; charset=utf-8"),)
_ROOT: HeaderPairs = (("Content-Type", "text/plain; charset=utf-8"),)
_PATH_SIGNS = "/:@!$&'()*+,;="
_OTHERS = ("/v1/", "/v1beta/", "/models", "/responses")
"""Paths of other APIs than Ollama's."""

_ANSWER_LIMIT = 256 * 1024 * 1024


class Gateway:
    """See the module. `instance` tells this gateway from every other one; `version` is ollamux's, to be shown;
    `hostname` and `addresses` are the machine's, for the Host check."""

    def __init__(
        self,
        config: Config,
        *,
        instance: str = "ollamux",
        version: str = "",
        hostname: str = "",
        addresses: Iterable[str] = (),
    ) -> None:
        self.config = config
        self.clock = Clock()
        self._instance = instance
        # Here, and not above: who imports this module need not load every format.
        from ollamux.formats.ollama.serving import OllamaServing
        from ollamux.formats.openai_responses.serving import ResponsesServing
        from ollamux.formats.openai_responses.store import StoredResponses

        self._servings = {serving.name: serving for serving in servings()}
        if not config.response_optimization.stream:
            self._servings["ollama"] = OllamaServing(streams=False)
        kept = config.responses
        self._servings["openai_responses"] = self._responses = ResponsesServing(
            StoredResponses(most=kept.size, largest=kept.bytes, longest=kept.ttl)
        )
        self._router = Router(self._servings.values())
        self._gate = Gate(
            keys=issued_keys(config),
            origins=config.server.origins,
            allowed_hosts=config.server.allowed_hosts,
            hostname=hostname,
            addresses=addresses,
        )
        self._backends = {
            backend.id: self._make_backend(backend) for backend in config.backends or () if backend.enabled
        }
        self.admission = Admission(
            concurrency=config.queue.concurrency, queue_size=config.queue.size, prioritise=config.queue.prioritise
        )
        self.catalog = catalog_of(config, self._backends.values())
        self.ledger = Ledger()
        self.machine = machine(config)
        self.fleet = fleet(config, self._backends)
        self.planner = Planner(self.fleet, config.routing.strategy)
        self.balances = config.routing.load_balancing
        self.automatic = Automatic(self.catalog, self.fleet, config)
        self.feed = Feed()
        self._states: dict[str, str] = dict.fromkeys(self._backends, "unknown")
        self.guards = guards(config, self._backends.values(), instance)
        self.guards.told = self._circuit_changed
        limits = config.rate_limit
        self._limits = ClientLimits(per_key=limits.per_key, per_address=limits.per_address, overall=limits.overall)
        self._hedges = self.guards.hedging is not None
        self._careful = self._gate.guarded or self._limits.any
        self.queue_timeout = config.queue.timeout
        self.answer_limit = _ANSWER_LIMIT
        self.pictures = config.pictures
        self._fallbacks = {canonical_key(name): model.fallbacks for name, model in config.models.items()}
        self.fail_over = config.routing.fallback != "none"
        self.resumes = config.routing.resume and self.fail_over
        self.keep_alive: float | None = keep_alive(config)
        self._management = Management(self)
        self._lists = Listing(self, self._servings, self._mark)
        self._probing = Probing(self, self._backends, config.health)
        self._unloading = Unloading(self, self.machine.vram) if config.vram.unload else None
        self._status = Status(self, version, self._mark)
        self._apart: set[str] = set()
        self.mount("/api/route", Explaining(self, self._servings["ollama"]).page, method="POST", scope="inference")
        self._ready: list[Exchange] = []
        self.hurry = False
        for backend in self._backends.values():
            self._settle_in(self.machine.add(backend.config, backend.endpoint, unloads=backend.provider.manages_models))
            if backend.provider.manages_models:
                backend.keeping = self.machine.vram.keeping
            self.admission.limit(backend.id, backend.config.max_concurrent_requests)
            if backend.answers_itself is not None:
                self.stock(backend, backend.answers_itself.inventory())
                backend.health.good()
            elif not backend.provider.probes:  # nobody can be asked, so it is what the configuration says
                backend.health.good()

    # The contract -----------------------------------------------------------------------------------------------------

    def wall(self, unix: float, utc_offset: int, now: float) -> None:
        """What the wall clock shows at `now`: seconds since the epoch, and seconds east of Greenwich."""
        self.clock.set(unix, utc_offset, now)

    def body_streams(self, method: str, path: str) -> bool:
        """Whether this request's body is to be reported piece by piece, or is for a page that is apart (`mount`)."""
        if method == "POST":
            return path.startswith("/api/blobs/")
        return bool(self._apart) and path.partition("?")[0] in self._apart

    def mount(self, path: str, page: Page, *, method: str = "GET", scope: str | None = "", apart: bool = False) -> None:
        """Serves a page that the front brings, behind the checks that all paths are behind: `scope` as in the table of
        routes. `apart` keeps it from those requests that a front may take in one piece (`body_streams`)."""
        self._router.mount(method, path, scope, page)
        if apart:
            self._apart.add(path)

    def open(self, request: ClientRequest, now: float, serving: Serving | None = None) -> Exchange:
        """The exchange for a request; `start` it next. `serving` is the client's format where a front has no paths."""
        headers = request.headers
        if serving is not None:
            if serving.name == self._responses.name:
                serving = self._responses  # what is kept here is found here, whichever way a request came
            return ModelExchange(self, request, serving, serving.routes[0])
        path, query = request.path, ""
        target = self._router.hot(request.method, path)
        if target is None:
            path, _, query = path.partition("?")
            target = self._router.hot(request.method, path)
        host = headers.get("host", "")
        gate = self._gate
        plain = "origin" not in headers and "x-ollamux-via" not in headers and not self._careful
        if target is not None and plain and gate.knows_host(host):
            return self._serve(target, request, path, now, query)
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
        return self._status.backends()

    def ready(self, now: float) -> list[Exchange]:
        """The exchanges that may `proceed` though nothing was reported to them."""
        admission = self.admission
        if admission.has_room():
            self._ready += admission.admitted(now)  # type: ignore[arg-type]
        if not self._ready:
            return []
        found, self._ready = self._ready, []
        return found

    def has_ready(self) -> bool:
        """Whether `ready` has anything to yield: cheap, for every turn."""
        return self.hurry or bool(self._ready) or self.admission.has_room()

    # Background work --------------------------------------------------------------------------------------------------

    def chores(self, now: float) -> list[Chore]:
        """The probes that are due now, and the models that have to go."""
        found = self._probing.chores(now)
        return found if self._unloading is None else found + self._unloading.chores(now)

    @property
    def chores_at(self) -> float:
        """When the next chore is due."""
        return self._probing.chores_at

    def chore_done(
        self, chore: Chore, status: int, headers: Sequence[tuple[str, str]], body: bytes, now: float
    ) -> None:
        """A chore was answered."""
        if chore.model and self._unloading is not None:
            self._unloading.done(chore, status, now)
        else:
            self._probing.done(chore, status, headers, body, now)

    def chore_failed(self, chore: Chore, kind: FailureKind, detail: str, now: float) -> None:
        """A chore was not answered."""
        if chore.model and self._unloading is not None:
            self._unloading.failed(chore, kind, now)
        else:
            self._probing.failed(chore, kind, detail, now)

    def notice(self, backend: Backend, now: float) -> None:
        """Something was learned of this backend's health: tells whoever listens where it is another than before."""
        state = backend.health.condition
        before = self._states[backend.id]
        if state != before:
            self._states[backend.id] = state
            self.admission.stir()
            if self.feed.heard:
                self.feed.tell(HealthChange(now, backend.id, before, state, backend.health.reason))

    def proved(self, backend: Backend, now: float) -> None:
        """A probe of this backend was answered well: what is open there is tried again."""
        self.guards.tell(self.guards.circuits.probed(backend.id, now))

    def locate(self, backend_id: str, endpoint: str | None, reason: str = "", *, loading: bool = False) -> None:
        """A supervised backend listens here now; None: it is down, for this reason. `loading`: not for long."""
        backend = self._backends[backend_id]
        backend.move(endpoint)
        self.machine.moved(backend_id, endpoint)
        backend.loading = loading
        if endpoint is None:
            backend.health.bad(reason or "it is not running")
        self._probing.look_at(backend_id)

    def sensed(self, readings: Readings, now: float) -> None:
        """The sensors of this machine were read."""
        for condition in self.machine.report(readings, now):
            self._settle_in(condition)
        if self._unloading is not None:
            self._unloading.relieve(now)

    def choose_efficiency(self, mode: str) -> None:
        """A person chose an efficiency mode. Raises InvalidRequest where there is none of that name."""
        for condition in self.machine.choose(mode):
            self._settle_in(condition)

    def report(self, now: float) -> tuple[BackendReport, ...]:
        """What every backend is and has."""
        return tuple(report_of(backend, self.catalog) for backend in self._backends.values())

    def seen(self, backend_id: str) -> float | None:
        """When the backend's last round of probes was over; None where it had none yet."""
        return self._probing.seen(backend_id)

    def stock(self, backend: Backend, inventory: Inventory, now: float = 0.0) -> None:
        """A backend told what it has."""
        backend.models_seen = True
        backend.loaded = frozenset(model.name for model in inventory.loaded)
        self.catalog.stock(backend.id, inventory)
        self.machine.vram.told(backend.id, inventory)
        if backend.provider.manages_models:
            self.fleet.loaded(backend.id, backend.loaded, now)
        self.admission.stir()
        if backend.config.max_concurrent_requests is None:
            self.admission.limit(backend.id, inventory.slots)
            self.fleet.stations[backend.id].reading(slots=inventory.slots or 0)

    def resume(self, exchange: Exchange) -> None:
        """What this exchange waited for has come: `ready` yields it."""
        self._ready.append(exchange)

    # What exchanges ask for -------------------------------------------------------------------------------------------

    def backend(self, id_: str) -> Backend:
        return self._backends[id_]

    def backends(self) -> Sequence[Backend]:
        """All backends, as configured."""
        return tuple(self._backends.values())

    def fallbacks(self, model: str) -> tuple[str, ...]:
        return self._fallbacks.get(canonical_key(self.catalog.target(model)), ())

    def managers(self) -> Sequence[Backend]:
        found = [backend for backend in self._backends.values() if backend.provider.manages_models]
        return sorted(found, key=lambda backend: (not backend.health.usable, -backend.config.priority))

    def refresh(self, exchange: Exchange, now: float, *, older_than: float) -> bool:
        return self._probing.refresh(exchange, now, older_than=older_than)

    def make_room(self, exchange: Exchange, backend: Backend, model: str, now: float) -> bool:
        return self._unloading is not None and self._unloading.make_room(exchange, backend, model, now)

    def forget(self, exchange: Exchange) -> None:
        self._probing.forget(exchange)

    def changed(self, backend_id: str) -> None:
        """A backend's models changed through this gateway: ask it at once."""
        self._probing.look_at(backend_id)

    def refuse(self, path: str, error: OllamuxError) -> Exchange:
        """The exchange that answers a request which could not be read, in the format of its path."""
        status, headers, body = self._serving_of(path).failure(error, streaming=False)
        return Settled(status, headers, body, close=True)

    # Routes -----------------------------------------------------------------------------------------------------------

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
        caller = ""
        try:
            if gate.guarded and found.target.scope is not None:
                caller = gate.admit(headers, query, found.target.scope)
            if self._instance in headers.get("x-ollamux-via", ""):
                raise LoopDetected("this request has already passed through this gateway: a backend leads back to it")
            if self._limits.any and found.target.serving is not None:
                exceeded = self._limits.take(caller, request.peer, now)
                if exceeded is not None:
                    raise RateLimited(exceeded.text, retry_after=exceeded.seconds)
        except OllamuxError as error:
            status, pairs, body = self._serving_of(path, headers, query).failure(error, streaming=False)
            extra: HeaderPairs = (("WWW-Authenticate", "Bearer"),) if status == 401 else ()
            return Settled(status, (*pairs, *extra, *self._mark, *cors), body)
        exchange = self._serve(found.target, request, unquote(path), now, query)
        exchange.extra_headers = cors
        exchange.caller = caller
        return exchange

    def _serve(self, target: Target, request: ClientRequest, path: str, now: float, query: str) -> Exchange:
        handler, _, serving, route, place, _ = target
        if serving is not None and route is not None:
            if query:
                place = place._replace(query=query)
            if self._hedges:
                return HedgedExchange(self, request, serving, route, place)
            return ModelExchange(self, request, serving, route, place)
        match handler:
            case "root":
                return Settled(200, (*_ROOT, *self._mark), b"Ollama is running")
            case "version":
                return Settled(200, (*JSON_UTF8, *self._mark), b'{"version":"' + VERSION.encode() + b'"}')
            case "status":
                return Settled(200, JSON_UTF8, b'{"cloud":{"disabled":false,"source":"none"}}')
            case "tags":
                return SurveyExchange(
                    self,
                    lambda at: listing.tags(self.automatic.listed(), self.clock, at),
                    (*JSON_UTF8, *self._mark),
                )
            case "ps":
                return SurveyExchange(
                    self, lambda at: listing.ps(self.catalog.loaded(), self.clock, at), (*JSON_UTF8, *self._mark)
                )
            case "models":
                return self._lists.open(request, path, target.place.argument, query)
            case "response" | "response_input":
                return self._stored(request, target, query, now)
            case "recommendations":
                return Settled(200, JSON_UTF8, b'{"recommendations":[]}')
            case "page" if target.page is not None:
                return target.page(request, now)
            case handler:
                page = self._status.pages.get(handler)
                if page is not None:
                    return page(request, target.place.argument, now)
                return self._management.open(request, path)

    def _stored(self, request: ClientRequest, target: Target, query: str, now: float) -> Exchange:
        """What a client comes back to: a response that was answered here before."""
        from ollamux.formats.openai_responses.store import owner_of

        serving = self._responses
        kept, id_, owner = serving.responses, target.place.argument, owner_of(request.headers)
        if target.handler == "response_input":
            status, body = kept.input_items(id_, now, owner, query)
        elif request.method == "DELETE":
            status, body = kept.delete(id_, now, owner)
        else:
            status, body = kept.get(id_, now, owner, query)
        model = kept.behind(id_, owner)
        if model and (status == 404 or request.method == "DELETE"):  # its backend has it, too, or has it alone
            rest = "/input_items" if target.handler == "response_input" else ""
            forward = kept_behind(self, model, id_, rest, query)
            if forward is not None:
                return ForwardExchange(self, request, lambda at: forward, told=serving)
        return Settled(status, (("Content-Type", serving.whole_type), *self._mark), body)

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
        return self._servings[shape_of(spelled, headers or {}, query)]

    def _settle_in(self, condition: Condition) -> None:
        """What the hardware says of a backend now."""
        self.admission.stir()
        self.ledger.power(condition.backend, condition.watts or 0.0)
        station = self.fleet.stations[condition.backend]
        station.reading(heat=condition.penalty, watts=condition.watts)
        station.exclude(f"heat ({condition.excluded})" if condition.excluded else "", condition.until)
        allowed = self.config.routing.regions
        self._backends[condition.backend].restricted = station.blocked or bool(
            allowed and station.region not in {region.lower() for region in allowed}
        )

    def _circuit_changed(self, change: Change) -> None:
        """A circuit opened, lets trials in, or closed."""
        self.admission.stir()
        if self.feed.heard:
            told = change.backend, change.model, change.before, change.after, change.reason
            self.feed.tell(CircuitChange(change.now, *told))

    # Backends ---------------------------------------------------------------------------------------------------------

    def _make_backend(self, config: BackendConfig) -> Backend:
        health = Health(
            unhealthy_after=self.config.health.unhealthy_after, healthy_after=self.config.health.healthy_after
        )
        backend = Backend(
            config,
            provider(config.type),
            health,
            self._instance,
            decision_headers=self.config.server.decision_headers,
            clock=self.clock,
            named=deployments(self.config, config),
        )
        if config.key_missing:
            backend.misconfigured = config.key_missing
        backend.loading = backend.token is not None and not backend.misconfigured
        return backend


def _redirect(path: str, query: str, method: str) -> Exchange:
    where = quote(path, safe=_PATH_SIGNS) + (f"?{query}" if query else "")
    headers: HeaderPairs = (("Location", where),)
    if method == "GET":
        return Settled(301, (*_HTML, *headers), f'<a href="{escape(where)}">Moved Permanently</a>.\n\n'.encode())
    return Settled(307, headers, b"")
