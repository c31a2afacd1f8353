"""What the gateway tells of itself."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from tests.support.driving import Driven, driven
from tests.support.fleets import another

from ollamux.config import Price
from ollamux.conversation import Usage
from ollamux.hardware.readings import Device, Readings

BOSS = {"name": "b", "key_sha256": hashlib.sha256(b"boss").hexdigest(), "scopes": ["inference", "manage"]}
KEY = {"name": "k", "key_sha256": hashlib.sha256(b"s3cret").hexdigest(), "scopes": ["inference"]}
PAGES = (
    "/health/detailed",
    "/health/providers",
    "/health/providers/a",
    "/api/providers",
    "/api/providers/a/stats",
    "/api/tags/a",
    "/api/backends",
    "/api/models",
    "/backends",
    "/thermal",
    "/efficiency",
)


def house() -> Driven:
    """Two of one type, of which one does not answer, and one without a wire."""
    run = driven(
        a={"type": "vllm", "hardware": "nvidia", "characteristics": {"power_watts": 180}, "priority": 60},
        b={"type": "vllm", "name": "The other"},
        demo="demo",
        learn=False,
    )
    for chore in run.chores():
        run.now += 0.125
        run.tell(chore, {"data": [{"id": "m"}, {"id": "n"}]} if chore.backend == "a" else None)
    run.pass_time(60)
    return run


def worked(run: Driven) -> None:
    """An answer, and a failure, by the backend a."""
    (found,) = run.gateway.catalog.find("n")
    found = another(found, price=Price(input=1.0, output=2.0))
    usage = Usage(input_uncached=600_000, cache_read=400_000, output_text=100_000, reasoning=1)
    run.gateway.ledger.attempt(found, "chat", 2.0, 0.25, usage, "", run.now - 10)
    run.gateway.ledger.attempt(found, "chat", 1.0, -1.0, None, "timeout", run.now - 5)


def get(run: Driven, path: str) -> Any:
    asked = run.ask("GET", path)
    assert asked.status == 200 and asked.headers["content-type"].startswith("application/json")
    return asked.json


def test_details_of_health_are_those_of_the_document() -> None:
    run = house()
    worked(run)
    told = get(run, "/health/detailed")
    assert told["status"] == "degraded" and told["uptime"] == pytest.approx(60.25) and told["timestamp"].endswith("Z")
    assert told["metrics"] == {
        "total_requests": 2,
        "total_errors": 1,
        "error_rate": 50.0,
        "fallbacks": 0,
        "active_providers": 2,
        "uptime": told["uptime"],
    }
    assert told["providers"]["a"] == {
        "healthy": True,
        "status": "healthy",
        "reason": None,
        "response_time_ms": 125,
        "last_check": "2026-01-02T03:00:00.125Z",
        "circuit_breaker": {
            "state": "closed",
            "models": {},
            "failures_in_a_row": 0,
            "calls_in_window": 0,
            "failed_in_window": 0,
            "next_trial_in_ms": None,
            "failure_count": 1,
            "success_count": 1,
            "request_count": 2,
            "last_failure_time": "2026-01-02T03:00:55.25Z",
        },
        "request_count": 2,
        "error_count": 1,
        "error_rate": 50.0,
    }
    other = told["providers"]["b"]
    assert (other["healthy"], other["status"], other["reason"]) == (False, "unreachable", "nothing listens there")
    assert other["response_time_ms"] is None and other["circuit_breaker"]["state"] == "closed"  # nobody called it


def fail(run: Driven, times: int, status: int = 500, **asked: Any) -> None:
    """So many requests that come to nothing."""
    for _ in range(times):
        run.chat(player=lambda called: called.answer(status, {"error": {"message": "no"}}), **asked)


def test_the_circuit_that_is_told_is_the_one_that_opened() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    fail(run, 5)
    told = get(run, "/health/providers/a")["circuit_breaker"]
    assert (told["state"], told["models"], told["failures_in_a_row"]) == ("open", {"m": "open"}, 5)
    assert told["next_trial_in_ms"] == 60_000


def test_the_calls_that_a_circuit_is_judged_by_are_told() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    fail(run, 2)
    run.chat(stream=False, player=lambda called: called.answer(200, {"choices": [{"message": {"content": "yes"}}]}))
    told = get(run, "/health/providers/a")["circuit_breaker"]
    assert (told["state"], told["failures_in_a_row"]) == ("closed", 0)
    assert (told["calls_in_window"], told["failed_in_window"]) == (3, 2)


def test_the_circuit_that_is_told_is_half_open_when_its_time_is_over() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    fail(run, 5)
    run.pass_time(60)
    told = get(run, "/health/providers")["providers"]["a"]["circuit_breaker"]
    assert (told["state"], told["models"], told["next_trial_in_ms"]) == ("half_open", {"m": "half_open"}, None)


def test_a_circuit_of_one_model_is_told_beside_that_of_its_backend() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm")
    fail(run, 5, status=404)
    told = get(run, "/health/detailed")["providers"]["a"]
    assert (told["healthy"], told["circuit_breaker"]["state"]) == (True, "closed")
    assert told["circuit_breaker"]["models"] == {"m": "open"}


def test_all_is_well_where_every_backend_is_and_nothing_where_none_can_serve() -> None:
    assert get(driven(a="vllm"), "/health/detailed")["status"] == "healthy"
    run = driven(a="vllm", learn=False)
    run.learn(a=None)
    assert get(run, "/health/detailed")["status"] == "unhealthy"


def test_the_health_of_one_provider_is_asked_by_its_id_or_its_type() -> None:
    run = house()
    assert get(run, "/health/providers/a")["provider"] == "a"
    assert list(get(run, "/health/providers/vllm")["providers"]) == ["a", "b"]
    assert list(get(run, "/health/providers")["providers"]) == ["a", "b", "demo"]
    assert get(run, "/health/providers/demo")["healthy"] is True


def test_the_health_of_one_provider_has_its_last_changes() -> None:
    run = house()
    assert get(run, "/health/providers/a")["history"] == [
        {"at": "2026-01-02T03:00:00.125Z", "status": "healthy", "reason": ""}
    ]
    (change,) = get(run, "/health/providers/b")["history"]
    assert (change["status"], change["reason"]) == ("unreachable", "nothing listens there")


@pytest.mark.parametrize("path", ["/health/providers/x", "/api/providers/x/stats", "/api/tags/x"])
def test_a_provider_that_nobody_knows_is_not_found_and_those_there_are_are_named(path: str) -> None:
    asked = house().ask("GET", path)
    assert asked.status == 404
    assert asked.json == {"error": "provider 'x' not found (there are: a, b, demo)", "type": "not_found"}


def test_providers_are_listed_with_their_models_and_figures() -> None:
    run = house()
    worked(run)
    told = get(run, "/api/providers")
    assert (told["total"], told["healthy"], told["routing_strategy"]) == (3, 2, "capability_based")
    first = told["providers"]["a"]
    assert (first["type"], first["endpoint"], first["hardware"]) == ("vllm", "http://a:1", "nvidia")
    assert first["models"] == ["m", "n"] and "completion" in first["capabilities"]
    assert told["providers"]["b"]["name"] == "The other" and told["providers"]["demo"]["endpoint"] is None


def test_the_figures_of_one_provider_are_its_requests_times_tokens_and_costs() -> None:
    run = house()
    worked(run)
    assert get(run, "/api/providers/a/stats") == {
        "provider": "a",
        "type": "vllm",
        "status": "healthy",
        "requests": 2,
        "errors": 1,
        "error_rate": 50.0,
        "success_rate": 50.0,
        "errors_by_kind": {"timeout": 1},
        "active_requests": 0,
        "average_response_time_ms": 2000,
        "average_first_token_ms": 250,
        "tokens": {"input": 1_000_000, "cached": 400_000, "output": 100_001, "reasoning": 1},
        "cost_usd": 1.200002,
        "energy_wh": 0.15,
        "last_request": "2026-01-02T03:00:55.25Z",
        "models": {"n": 2},
    }
    assert list(get(run, "/api/providers/vllm/stats")["providers"]) == ["a", "b"]


def test_a_provider_without_requests_has_no_averages() -> None:
    told = get(house(), "/api/providers/demo/stats")
    assert told["requests"] == 0 and told["average_response_time_ms"] is None and told["last_request"] is None


def test_tags_of_one_provider_are_an_ollamas_list_of_its_models_alone() -> None:
    run = house()
    asked = run.ask("GET", "/api/tags/a")
    run.pass_time(2)
    assert sorted(row["name"] for row in asked.json["models"]) == ["m:latest", "n:latest"]
    assert asked.json["models"][0]["model"] and asked.headers["x-ollamux"] == "this-one"
    asked = run.ask("GET", "/api/tags/demo")
    run.pass_time(2)
    assert [row["name"] for row in asked.json["models"]] == ["demo:latest"]


def test_backends_have_their_place_and_health_as_document_004_shows_them() -> None:
    told = get(house(), "/api/backends")
    assert told["a"] == {
        "info": {"backend_id": "a", "backend_type": "vllm", "base_url": "http://a:1"},
        "health": {
            "status": "healthy",
            "response_time_ms": 125,
            "models_available": 2,
            "last_checked": 1_767_322_800.125,
        },
    }
    assert told["b"]["health"]["error_message"] == "nothing listens there"


def test_models_are_listed_once_for_each_backend_that_has_them() -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.ask("GET", "/api/models")
    run.pass_time(2)
    rows = asked.json["models"]
    assert [(row["name"], row["backend_id"], row["backend_type"]) for row in rows] == [
        ("m", "a", "vllm"),
        ("m", "b", "vllm"),
    ]


def test_backends_are_described_as_document_000_describes_them() -> None:
    run = house()
    worked(run)
    first, second, _ = get(run, "/backends")["backends"]
    assert first == {
        "id": "a",
        "type": "vllm",
        "name": "a",
        "hardware": "nvidia",
        "status": {"state": "healthy", "message": "", "last_check_unix": 1_767_322_800},
        "capabilities": {
            "generate": True,
            "embed": "embedding" in run.gateway.catalog.find("m")[0].capabilities,
            "stream": True,
            "models": ["m", "n"],
            "max_context": None,
        },
        "metrics": {
            "avg_latency_ms": 2000,
            "requests_per_minute": pytest.approx(1.992),
            "error_rate": 50.0,
            "power_watts": 180.0,
            "loaded_models": ["m", "n"],
        },
    }
    assert second["status"]["state"] == "unreachable" and second["status"]["message"] == "nothing listens there"


def test_heat_is_told_of_devices_and_of_the_backends_that_run_on_them() -> None:
    run = driven(a={"type": "ollama", "hardware": "nvidia", "endpoint": "http://127.0.0.1:9"}, b="vllm")
    assert get(run, "/thermal")["devices"] == []
    device = Device(id="gpu-0", kind="nvidia", temperature=91.0, power=120.0)
    run.gateway.sensed(Readings(devices=(device,), hour=12), run.now)
    told = get(run, "/thermal")
    assert (told["devices"][0]["id"], told["devices"][0]["temperature_celsius"]) == ("gpu-0", 91.0)
    assert list(told["backends"]) == ["a"] and told["backends"]["a"]["excluded"]
    assert get(run, "/backends")["backends"][0]["metrics"]["power_watts"] == 120.0


def test_the_efficiency_mode_is_told_and_may_be_chosen() -> None:
    run = driven(a="vllm")
    told = get(run, "/efficiency")
    assert (told["current_mode"], told["effective_mode"]) == ("Balanced", "Balanced") and told["description"]
    asked = run.ask("POST", "/efficiency", {"mode": "quiet"})
    assert asked.status == 200 and asked.json["current_mode"] == "Quiet"
    run.ask("POST", "/efficiency", {"mode": "Auto"})
    run.gateway.sensed(Readings(battery=10.0, on_battery=True, hour=12), run.now)
    told = get(run, "/efficiency")
    assert (told["current_mode"], told["effective_mode"]) == ("Auto", "UltraEfficiency")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", 'expected a body like {"mode": "Quiet"}'),
        (b"[1]", 'expected a body like {"mode": "Quiet"}'),
        (b'{"mode": 3}', 'expected a body like {"mode": "Quiet"}'),
        (b'{"mode": "Loud"}', "there is no efficiency mode 'Loud': use one of Performance, Balanced"),
    ],
)
def test_a_mode_that_is_none_is_refused_and_nothing_changes(body: bytes, text: str) -> None:
    run = driven(a="vllm")
    asked = run.ask("POST", "/efficiency", body)
    assert asked.status == 400 and asked.json["error"].startswith(text) and asked.json["type"] == "bad_request"
    assert get(run, "/efficiency")["current_mode"] == "Balanced"


def test_to_choose_the_mode_takes_a_key_that_may_manage() -> None:
    run = driven({"server": {"keys": [KEY, BOSS]}}, a="vllm")
    for key, status in (("s3cret", 403), ("boss", 200)):
        asked = run.ask("POST", "/efficiency", {"mode": "Quiet"}, {"authorization": f"Bearer {key}"})
        assert asked.status == status


def test_a_backend_without_its_key_is_unhealthy_and_says_which() -> None:
    from msgspec.structs import replace

    from ollamux.gateway import Gateway

    config = driven(a="vllm").gateway.config
    assert config.backends
    backend = replace(config.backends[0], key_missing="the variable A is not set")
    told = get(Driven(Gateway(replace(config, backends=(backend,)))), "/health/providers/a")
    assert (told["healthy"], told["status"], told["reason"]) == (False, "unhealthy", "the variable A is not set")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_wants_a_key_where_there_are_keys(path: str) -> None:
    run = driven({"server": {"keys": [KEY]}}, a="vllm")
    assert run.ask("GET", path).status == 401
    asked = run.ask("GET", path, headers={"authorization": "Bearer s3cret"})
    run.pass_time(2)
    assert asked.status == 200


def test_no_page_shows_a_secret() -> None:
    run = driven(a={"type": "vllm", "headers": {"X-Team": "pass-word"}, "api_key": "sk-very-secret"})
    for path in PAGES:
        asked = run.ask("GET", path)
        run.pass_time(2)
        assert b"secret" not in asked.body and b"pass-word" not in asked.body
