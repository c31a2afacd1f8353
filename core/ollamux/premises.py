"""The machines of a gateway: every one that lasts, what tells them of the world, and what exchanges ask of them.

Strategy: whatever the configuration decides of backends, places and plans is decided in the constructor. Background
work comes as chores, plain calls that the I/O layer makes and reports; `probing` and `unloading` know which.

Rules: time is an argument; what one exchange frees may start another, and `ready` yields those; whatever may let
somebody who waits decide otherwise stirs the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from ollamux.accounting.ledger import Ledger
from ollamux.automatic import Automatic
from ollamux.backends import Backend
from ollamux.clock import Clock
from ollamux.contract import FailureKind
from ollamux.derived import fleet, guards, keep_alive, machine
from ollamux.exchange import Exchange
from ollamux.exchange.machines import Machines
from ollamux.formats.ollama.names import canonical_key
from ollamux.hardware.machine import Condition
from ollamux.hardware.readings import Readings
from ollamux.models import Inventory
from ollamux.news import CircuitChange, Feed, HealthChange
from ollamux.probing import Chore, Probing
from ollamux.providers import provider
from ollamux.resilience.admission import Admission
from ollamux.resilience.breaker import Change
from ollamux.resilience.health import Health
from ollamux.routing.plan import Planner
from ollamux.shelves import catalog_of, deployments
from ollamux.unloading import Unloading
from ollamux.workers.dividing import ALONE, Part, divided, places

if TYPE_CHECKING:
    from ollamux.config import BackendConfig, Config
    from ollamux.reports import BackendReport
    from ollamux.workers.circle import Circle, CircleHouse
    from ollamux.workers.messages import Round

__all__ = ("Premises",)

_ANSWER_LIMIT = 256 * 1024 * 1024


class Premises(Machines):
    """See the module. `instance` tells this gateway from every other one. `part` says which of several workers it is:
    its limits are that part of the configured ones, and `circle` is its place among the others. `workers` are the
    requests of each, where somebody tells of all of them."""

    def __init__(self, config: Config, instance: str, part: Part = ALONE) -> None:
        self.circle: Circle | None = None
        if part.of > 1:  # what only several need is loaded where there are several
            from ollamux.workers import circle

            self.circle = circle.Circle(cast("CircleHouse", self), part, config)
        self.part = part
        self.workers: dict[int, int] = {}
        self.config = config = divided(config, part)
        self.clock = Clock()
        self._instance = instance
        self._stale: set[str] = set()
        self._backends = {
            backend.id: self._make_backend(backend) for backend in config.backends or () if backend.enabled
        }
        self.admission = Admission(
            concurrency=config.queue.concurrency,
            queue_size=config.queue.size,
            prioritise=config.queue.prioritise,
            stale=self._stale,
        )
        self.catalog = catalog_of(config, self._backends.values())
        self.ledger = Ledger()
        self.machine = machine(config)
        self.fleet = fleet(config, self._backends, self._stale)
        self.planner = Planner(self.fleet, config.routing.strategy)
        self.balances = config.routing.load_balancing
        self.automatic = Automatic(self.catalog, self.fleet, config)
        self.feed = Feed(f"{instance[:8]}{part.number or ''}")
        self._states: dict[str, str] = dict.fromkeys(self._backends, "unknown")
        self.guards = guards(config, self._backends.values(), f"{instance}{part.number or ''}", part.of)
        self.guards.told = self._circuit_changed
        self.queue_timeout = config.queue.timeout
        self.answer_limit = _ANSWER_LIMIT
        self.pictures = config.pictures
        self._fallbacks = {canonical_key(name): model.fallbacks for name, model in config.models.items()}
        self.fail_over = config.routing.fallback != "none"
        self.resumes = config.routing.resume and self.fail_over
        self.keep_alive: float | None = keep_alive(config)
        tell = self.circle.probed if self.circle is not None else None
        self._probing = Probing(self, self._backends, config.health, later=part.number, tell=tell)
        self._unloading = Unloading(self, self.machine.vram) if config.vram.unload else None
        self._take_mode()
        self._ready: list[Exchange] = []
        self.hurry = False
        for backend in self._backends.values():
            self._settle_in(self.machine.add(backend.config, backend.endpoint, unloads=backend.manages))
            if backend.manages:
                backend.keeping = self.machine.vram.keeping
            self.admission.limit(backend.id, backend.config.max_concurrent_requests)
            if backend.answers_itself is not None:
                self.stock(backend, backend.answers_itself.inventory())
                backend.health.good()
            elif not backend.provider.probes:  # nobody can be asked, so it is what the configuration says
                backend.health.good()

    def wall(self, unix: float, utc_offset: int, now: float) -> None:
        """What the wall clock shows at `now`: seconds since the epoch, and seconds east of Greenwich."""
        self.clock.set(unix, utc_offset, now)

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
            if self.circle is not None and not self._probing.fresh(backend.id, now):
                self._probing.look_at(backend.id)  # a probe tells all workers the same
            if self.feed.heard:
                self.feed.tell(HealthChange(now, backend.id, before, state, backend.health.reason))

    def proved(self, backend: Backend, asked: float, now: float) -> None:
        """A probe of this backend was answered well that was `asked` then: what was open there is tried again."""
        self.guards.tell(self.guards.circuits.probed(backend.id, asked, now))

    def locate(self, backend_id: str, endpoint: str | None, reason: str = "", *, loading: bool = False) -> None:
        """A supervised backend listens here now; None: it is down, for this reason. `loading`: not for long."""
        backend = self._backends[backend_id]
        backend.move(endpoint)
        self.machine.moved(backend_id, endpoint)
        backend.loading = loading
        if endpoint is None:
            backend.health.bad(reason or "it is not running")
        self._probing.look_at(backend_id)
        self.admission.stir()
        if self.circle is not None:
            self.circle.located(backend_id, endpoint, reason, loading=loading)

    def sensed(self, readings: Readings, now: float) -> None:
        """The sensors of this machine were read."""
        for condition in self.machine.report(readings, now):
            self._settle_in(condition)
        self._take_mode()
        if self._unloading is not None and not self.part.number:  # one worker does for all
            self._unloading.relieve(now)
        if self.circle is not None:
            self.circle.sensed(readings)

    def choose_efficiency(self, mode: str) -> None:
        """A person chose an efficiency mode. Raises InvalidRequest where there is none of that name."""
        for condition in self.machine.choose(mode):
            self._settle_in(condition)
        self._take_mode()
        if self.circle is not None:
            self.circle.chosen(mode)

    def together(self, make: Callable[[Any], Exchange]) -> Exchange:
        """The exchange that tells of all workers: `make` gets this gateway with the figures of the others added."""
        return make(self) if self.circle is None else self.circle.together(make)

    def heard(self, told: Round, now: float) -> None:
        """Another worker's round of probes is over."""
        self._probing.heard(told, now)

    def report(self, now: float) -> tuple[BackendReport, ...]:
        """What every backend is and has."""
        from ollamux.reports import report_of

        return tuple(report_of(backend, self.catalog) for backend in self._backends.values())

    def seen(self, backend_id: str) -> float | None:
        """When the backend's last round of probes was over; None where it had none yet."""
        return self._probing.seen(backend_id)

    def stock(self, backend: Backend, inventory: Inventory, now: float = 0.0) -> None:
        """A backend told what it has."""
        backend.models_seen = True
        backend.loaded = frozenset(model.name for model in inventory.loaded)
        self.catalog.stock(backend.id, inventory)
        self.machine.vram.told(backend.id, inventory, now)
        if backend.manages:
            self.fleet.loaded(backend.id, backend.loaded, now)
        self.admission.stir()
        if backend.config.max_concurrent_requests is None:
            self.admission.limit(backend.id, places(inventory.slots or 0, self.part))
            self.fleet.stations[backend.id].reading(slots=inventory.slots or 0)

    def resume(self, exchange: Exchange) -> None:
        """What this exchange waited for has come: `ready` yields it."""
        self._ready.append(exchange)

    # What exchanges ask for -------------------------------------------------------------------------------------------

    def backends(self) -> Sequence[Backend]:
        """All backends, as configured."""
        return tuple(self._backends.values())

    def fallbacks(self, model: str) -> tuple[str, ...]:
        return self._fallbacks.get(canonical_key(self.catalog.target(model)), ())

    def managers(self) -> Sequence[Backend]:
        found = [backend for backend in self._backends.values() if backend.manages]
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

    def _take_mode(self) -> None:
        """Requests lean as the efficiency mode says that holds now."""
        mode = self.machine.efficiency.mode
        self.fleet.lean((mode.latency, mode.power, mode.price) if mode.leaning else None)

    def _circuit_changed(self, change: Change) -> None:
        """A circuit opened, lets trials in, or closed."""
        self.admission.stir()
        if self.feed.heard:
            told = change.backend, change.model, change.before, change.after, change.reason
            self.feed.tell(CircuitChange(change.now, *told))

    # Backends ---------------------------------------------------------------------------------------------------------

    def _make_backend(self, config: BackendConfig) -> Backend:
        health = Health(
            unhealthy_after=self.config.health.unhealthy_after,
            healthy_after=self.config.health.healthy_after,
            backend=config.id,
            stale=self._stale,
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
