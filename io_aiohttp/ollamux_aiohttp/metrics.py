"""GET /metrics: the ledger and the state of the gateway, as Prometheus reads them.

Strategy: nothing is counted here. A collector of the Prometheus client is asked when a scrape comes, and makes the
families of what the gateway counted anyway; between two scrapes this module costs nothing. What OpenTelemetry's
conventions for generative AI name has its name as Prometheus spells it, with the unit behind it, its attributes as
labels and its buckets; beside these stands the backend.

Rules: labels come from the configuration and the catalog, never from a request, so that no client can make them grow;
a model is named as it is catalogued; what was never measured is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ollamux.accounting.histogram import Histogram
from ollamux.accounting.ledger import Row
from ollamux.backends import Backend
from ollamux.contract import ClientRequest
from ollamux.describing import condition_of
from ollamux.exchange import Exchange, Settled
from ollamux.gateway import Gateway
from ollamux.hardware.efficiency import MODES
from ollamux.hardware.readings import Device

__all__ = ("Metrics",)

_OPERATIONS: dict[str, str] = {"completion": "text_completion", "embed": "embeddings"}
"""What the conventions call them; the others have their own names."""

_VENDORS = {
    "anthropic": "anthropic",
    "aws_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "google": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
"""The conventions' names for providers; the others go by their own."""

_SENSORS: tuple[tuple[str, str, Callable[[Device], float | None]], ...] = (
    ("temperature_celsius", "Degrees Celsius", lambda device: device.temperature),
    ("fan_percent", "Percent of the fan's full speed", lambda device: device.fan),
    ("power_watts", "Watts", lambda device: device.power),
    ("utilization_percent", "Percent of the time that it works", lambda device: device.utilisation),
    ("vram_used_bytes", "Bytes of its memory in use", lambda device: device.vram_used),
    ("vram_total_bytes", "Bytes of its memory", lambda device: device.vram_total),
)
"""What the sensors of this machine tell."""

_CONDITIONS = ("healthy", "degraded", "unhealthy", "timeout", "unreachable", "unknown")
_CIRCUITS = ("closed", "half_open", "open")
_GENAI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "server_address", "backend")
_WHERE = ("backend", "model", "operation")


class Metrics(Collector):
    """What a scrape gets."""

    def __init__(self, gateway: Gateway, version: str) -> None:
        self._gateway = gateway
        self._version = version
        self._now = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def page(self, request: ClientRequest, now: float) -> Exchange:
        """The exchange that answers a scrape, in the form that its Accept header asks for."""
        self._now = now
        encoder, kind = choose_encoder(request.headers.get("accept", ""))
        make: Callable[[CollectorRegistry], bytes] = encoder
        return Settled(200, (("Content-Type", kind),), make(self._registry))

    def collect(self) -> Iterable[Metric]:
        """All families."""
        yield from self._conventional()
        yield from self._counted()
        yield from self._present()

    # OpenTelemetry's --------------------------------------------------------------------------------------------------

    def _conventional(self) -> Iterator[Metric]:
        backends = {backend.id: backend for backend in self._gateway.backends()}
        rows = [(row, _attributes(row, backends)) for row in self._gateway.ledger.rows()]
        duration = _family(
            "gen_ai_server_request_duration_seconds",
            "Seconds from the call of a backend to the end of its answer",
            (*_GENAI, "error_type"),
        )
        first = _family("gen_ai_server_time_to_first_token_seconds", "Seconds to the first token of a stream", _GENAI)
        each = _family("gen_ai_server_time_per_output_token_seconds", "Seconds for each token after the first", _GENAI)
        usage = _family("gen_ai_client_token_usage", "Tokens read and written", (*_GENAI, "gen_ai_token_type"))
        for row, labels in rows:
            for kind, found in row.seconds.items():
                _add(duration, (*labels, kind), found)
            _add(first, labels, row.first_token)
            _add(each, labels, row.per_token)
            _add(usage, (*labels, "input"), row.input_tokens)
            _add(usage, (*labels, "output"), row.output_tokens)
        yield from (duration, first, each, usage)

    # Ours -------------------------------------------------------------------------------------------------------------

    def _counted(self) -> Iterator[Metric]:
        ledger = self._gateway.ledger
        requests = CounterMetricFamily("ollamux_attempts", "Calls of backends", labels=_WHERE)
        errors = CounterMetricFamily("ollamux_attempt_errors", "Calls that came to nothing", labels=(*_WHERE, "kind"))
        tokens = CounterMetricFamily("ollamux_tokens", "Tokens", labels=(*_WHERE, "type"))
        cost = CounterMetricFamily("ollamux_cost_usd", "What the tokens cost, in US dollars", labels=_WHERE)
        energy = CounterMetricFamily("ollamux_energy_wh", "What the backends drew, in watt hours", labels=_WHERE)
        for row in ledger.rows():
            where = (row.backend, row.model, row.operation)
            requests.add_metric(where, row.requests)
            for kind, count in row.failures.items():
                errors.add_metric((*where, kind), count)
            for name, count in (
                ("input", row.input),
                ("cached_input", row.cached),
                ("output", row.output),
                ("reasoning", row.reasoning),
            ):
                if count:
                    tokens.add_metric((*where, name), count)
            if row.cost:
                cost.add_metric(where, row.cost)
            if row.energy:
                energy.add_metric(where, row.energy)
        yield from (requests, errors, tokens, cost, energy)
        exchanges = CounterMetricFamily(
            "ollamux_requests",
            "Requests of clients, and the error each was told",
            labels=("format", "error"),
        )
        for (client, failure), count in ledger.exchanges.items():
            exchanges.add_metric((client, failure), count)
        yield exchanges
        finishes = CounterMetricFamily(
            "ollamux_unknown_finishes",
            "Answers that ended for a reason that nobody knows, by the word that the backend had for it",
            labels=("format", "word"),
        )
        for (format_, word), count in ledger.finishes.items():
            finishes.add_metric((format_, word), count)
        yield finishes
        yield CounterMetricFamily("ollamux_fallbacks", "Calls that followed a failed one", value=ledger.fallbacks)
        for name, help_, found in (
            ("ollamux_queue_wait_seconds", "Seconds in the queue of those that waited", ledger.waits),
            ("ollamux_overhead_seconds", "Seconds that ollamux took before it called a backend", ledger.overhead),
        ):
            family = HistogramMetricFamily(name, help_)
            _add(family, (), found)
            yield family

    def _present(self) -> Iterator[Metric]:
        gateway = self._gateway
        yield from self._circuits()
        info = GaugeMetricFamily("ollamux_build_info", "The version that runs", labels=("version",))
        info.add_metric((self._version,), 1)
        yield info
        if gateway.workers:
            served = CounterMetricFamily("ollamux_worker_requests", "Requests of each worker", labels=("worker",))
            for worker, count in gateway.workers.items():
                served.add_metric((str(worker),), count)
            yield served
        yield GaugeMetricFamily(
            "ollamux_queue_depth", "Requests that wait for a place", value=gateway.admission.waiting
        )
        running = GaugeMetricFamily("ollamux_backend_requests_active", "Requests under way", labels=("backend",))
        health = GaugeMetricFamily(
            "ollamux_backend_health", "1 for the state that the backend is in", labels=("backend", "provider", "state")
        )
        probe = GaugeMetricFamily("ollamux_backend_probe_seconds", "What its probes take", labels=("backend",))
        models = GaugeMetricFamily("ollamux_backend_models", "Models that it offers", labels=("backend",))
        for backend in gateway.backends():
            running.add_metric((backend.id,), gateway.admission.running(backend.id))
            now = condition_of(backend)
            for state in _CONDITIONS:
                health.add_metric((backend.id, backend.provider.type, state), float(state == now))
            if backend.health.response_time >= 0.0:
                probe.add_metric((backend.id,), backend.health.response_time)
            models.add_metric((backend.id,), len({offer.name for offer in gateway.catalog.of_backend(backend.id)}))
        yield from (running, health, probe, models)
        yield from self._hardware()

    def _circuits(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "ollamux_circuit_state",
            "1 for the state that the circuit is in: a backend's own, where the model is empty, or one of its models'",
            labels=("backend", "model", "state"),
        )
        circuits = self._gateway.guards.circuits
        for backend in self._gateway.backends():
            whole = circuits.of_backend(backend.id)
            states = {"": whole.standing(self._now) if whole is not None else "closed"}
            for model, breaker in circuits.of_models(backend.id).items():
                states[model] = breaker.standing(self._now)
            for model, now in states.items():
                for state in _CIRCUITS:
                    family.add_metric((backend.id, model, state), float(state == now))
        yield family

    def _hardware(self) -> Iterator[Metric]:
        machine = self._gateway.machine
        mode = GaugeMetricFamily("ollamux_efficiency_mode", "1 for the mode that holds", labels=("mode",))
        for name in MODES:
            mode.add_metric((name,), float(name == machine.efficiency.effective))
        yield mode
        for name, help_, read in _SENSORS:
            family = GaugeMetricFamily(f"ollamux_device_{name}", help_, labels=("device", "kind"))
            for device in machine.readings.devices:
                value = read(device)
                if value is not None:
                    family.add_metric((device.id, device.kind), value)
            yield family


def _attributes(row: Row, backends: Mapping[str, Backend]) -> tuple[str, ...]:
    """The labels of the conventions, in the order of `_GENAI`."""
    backend = backends.get(row.backend)
    kind = backend.provider.type if backend is not None else ""
    host = urlsplit(backend.base).hostname or "" if backend is not None else ""
    return (_OPERATIONS.get(row.operation, row.operation), _VENDORS.get(kind, kind), row.model, host, row.backend)


def _family(name: str, help_: str, labels: tuple[str, ...]) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, help_, labels=labels)


def _add(family: HistogramMetricFamily, labels: tuple[str, ...], found: Histogram) -> None:
    """One histogram with these labels; nothing where it is empty and has labels."""
    if labels and not found.count:
        return
    buckets: list[tuple[str, float]] = []
    seen = 0
    for bound, count in zip((*found.bounds, float("inf")), found.counts, strict=True):
        seen += count
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), float(seen)))
    family.add_metric(labels, buckets, sum_value=found.total)
