"""What Prometheus reads."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.support.driving import Driven, driven
from tests.support.fleets import another
from tests.support.running import running

from ollamux.config import Price
from ollamux.conversation import Usage
from ollamux.hardware.readings import Device, Readings
from ollamux_aiohttp.metrics import Metrics

KEY = {"name": "k", "key_sha256": hashlib.sha256(b"s3cret").hexdigest(), "scopes": ["inference"]}


def scraped(run: Driven, accept: str = "") -> tuple[str, list[Sample]]:
    """The text of a scrape, and its samples."""
    asked = run.ask("GET", "/metrics", headers={"accept": accept} if accept else None)
    assert asked.status == 200
    text = asked.body.decode()
    if accept:
        return text, []
    return text, [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def house(**backends: Any) -> Driven:
    run = driven(**(backends or {"a": {"type": "openai", "api_key": "sk-x"}, "b": "vllm"}))
    run.gateway.mount("/metrics", Metrics(run.gateway, "1.2.3").page)
    return run


def value(samples: list[Sample], name: str, **labels: str) -> float | None:
    found = [each.value for each in samples if each.name == name and labels.items() <= each.labels.items()]
    assert len(found) < 2, f"several of {name}"
    return found[0] if found else None


def worked(run: Driven) -> None:
    offer = another(run.gateway.catalog.find("m")[0], price=Price(input=1.0, output=2.0))
    usage = Usage(input_uncached=90, cache_read=10, output_text=11)
    run.gateway.ledger.attempt(offer, "chat", 2.5, 0.5, usage, "", run.now)
    run.gateway.ledger.attempt(offer, "chat", 1.0, -1.0, None, "timeout", run.now)
    run.gateway.ledger.exchange("ollama", "", 0.25, 2)


def test_the_names_labels_and_buckets_of_the_conventions_are_used_where_there_are_any() -> None:
    run = house()
    worked(run)
    _, samples = scraped(run)
    labels = {
        "gen_ai_operation_name": "chat",
        "gen_ai_provider_name": "openai",
        "gen_ai_request_model": "m",
        "server_address": "a",
        "backend": "a",
    }
    first = "gen_ai_server_time_to_first_token_seconds"
    assert value(samples, f"{first}_sum", **labels) == 0.5
    assert value(samples, f"{first}_bucket", le="0.25", **labels) == 0
    assert value(samples, f"{first}_bucket", le="0.5", **labels) == 1
    assert value(samples, f"{first}_bucket", le="+Inf", **labels) == 1
    assert value(samples, "gen_ai_server_time_per_output_token_seconds_sum", **labels) == pytest.approx(0.2)
    duration = "gen_ai_server_request_duration_seconds"
    assert value(samples, f"{duration}_sum", error_type="", **labels) == 2.5
    assert value(samples, f"{duration}_count", error_type="timeout", **labels) == 1
    assert value(samples, f"{duration}_bucket", le="2.56", error_type="", **labels) == 1
    usage = "gen_ai_client_token_usage"
    assert value(samples, f"{usage}_sum", gen_ai_token_type="input", **labels) == 100
    assert value(samples, f"{usage}_bucket", le="16.0", gen_ai_token_type="output", **labels) == 1


def test_what_the_conventions_do_not_name_has_names_of_our_own() -> None:
    run = house()
    worked(run)
    run.gateway.ledger.finished("openai_chat", "eos_found")
    _, samples = scraped(run)
    where = {"backend": "a", "model": "m", "operation": "chat"}
    assert value(samples, "ollamux_unknown_finishes_total", format="openai_chat", word="eos_found") == 1
    assert value(samples, "ollamux_attempts_total", **where) == 2
    assert value(samples, "ollamux_attempt_errors_total", kind="timeout", **where) == 1
    assert value(samples, "ollamux_tokens_total", type="cached_input", **where) == 10
    assert value(samples, "ollamux_cost_usd_total", **where) == pytest.approx(0.000122)
    assert value(samples, "ollamux_requests_total", format="ollama", error="") == 1
    assert value(samples, "ollamux_fallbacks_total") == 1
    assert value(samples, "ollamux_queue_wait_seconds_sum") == 0.25
    assert value(samples, "ollamux_overhead_seconds_count") == 0
    assert value(samples, "ollamux_build_info", version="1.2.3") == 1


def test_the_state_of_the_moment_is_told() -> None:
    run = house()
    run.chat("m")
    _, samples = scraped(run)
    assert value(samples, "ollamux_backend_requests_active", backend="a") == 1
    assert value(samples, "ollamux_backend_health", backend="b", state="healthy") == 1
    assert value(samples, "ollamux_backend_health", backend="b", state="unreachable") == 0
    assert value(samples, "ollamux_backend_models", backend="b") == 1
    assert value(samples, "ollamux_queue_depth") == 0


def test_watt_hours_are_told_where_somebody_said_what_a_backend_draws() -> None:
    run = house(a={"type": "vllm", "characteristics": {"power_watts": 360}})
    worked(run)
    _, samples = scraped(run)
    assert value(samples, "ollamux_energy_wh_total", backend="a") == pytest.approx(
        0.25
    )  # both ended at the same moment


def test_what_the_sensors_tell_is_told_and_no_more() -> None:
    run = house()
    device = Device(id="gpu-0", kind="nvidia", temperature=61.0, power=120.0, vram_used=1024)
    run.gateway.sensed(Readings(devices=(device,), hour=12), run.now)
    _, samples = scraped(run)
    assert value(samples, "ollamux_device_temperature_celsius", device="gpu-0", kind="nvidia") == 61
    assert value(samples, "ollamux_device_vram_used_bytes", device="gpu-0") == 1024
    assert value(samples, "ollamux_device_fan_percent") is None
    assert value(samples, "ollamux_efficiency_mode", mode="Balanced") == 1
    assert value(samples, "ollamux_efficiency_mode", mode="Quiet") == 0


def test_before_any_request_there_is_nothing_of_any_model() -> None:
    text, samples = scraped(house())
    assert not [sample for sample in samples if sample.labels.get("model") or "gen_ai_request_model" in sample.labels]
    assert "# TYPE gen_ai_server_request_duration_seconds histogram" in text


def test_no_client_can_make_labels_by_asking_for_what_is_not_there() -> None:
    run = house()
    worked(run)
    run.chat("not-there")  # that something was not found is told, once and without its name
    before = len(scraped(run)[1])
    for number in range(20):
        run.chat(f"made-up-{number}")
        run.pass_time(3)
    assert len(scraped(run)[1]) == before


def test_a_scrape_that_asks_for_openmetrics_gets_it() -> None:
    text, _ = scraped(house(), "application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


def test_a_server_has_the_page_unless_it_is_switched_off_and_wants_a_key_for_it() -> None:
    settings: dict[str, Any] = {"backends": {"demo": {"type": "demo"}}, "server": {"keys": [KEY]}}
    with running(settings) as server:
        assert server.ask("GET", "/metrics").status == 401
        told = server.ask("GET", "/metrics", headers={"Authorization": "Bearer s3cret"})
        assert told.status == 200 and b'ollamux_backend_health{backend="demo"' in told.body
        assert (told.header("content-type") or "").startswith("text/plain; version=")
    with running({**settings, "server": {}, "metrics": {"enabled": False}}) as server:
        assert server.ask("GET", "/metrics").status == 404


def test_the_state_of_each_circuit_is_told_a_backends_own_and_its_models() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    run.gateway.mount("/metrics", Metrics(run.gateway, "1.2.3").page)
    state = "ollamux_circuit_state"
    assert value(scraped(run)[1], state, backend="a", model="", state="closed") == 1
    for _ in range(5):
        run.chat(player=lambda called: called.answer(404, {"error": {"message": "no such model"}}))
    _, samples = scraped(run)
    assert value(samples, state, backend="a", model="", state="closed") == 1
    assert value(samples, state, backend="a", model="m", state="open") == 1
    run.pass_time(60)
    assert value(scraped(run)[1], state, backend="a", model="m", state="half_open") == 1
