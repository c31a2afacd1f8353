"""What a gateway derives from its configuration."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import pytest
from tests.support.driving import configured, driven

from ollamux.derived import guards, issued_keys, keep_alive, machine
from ollamux.hardware.readings import Device


def test_keys_are_kept_as_digests_and_one_that_could_not_be_read_is_none() -> None:
    digest = hashlib.sha256(b"one").hexdigest()
    keys = [
        {"name": "a", "key_sha256": digest},
        {"name": "b", "key": "two", "scopes": ["manage"]},
        {"name": "c", "key_env": "NOT_READ"},
    ]
    first, second = issued_keys(configured({"server": {"keys": keys}}))
    assert (first.name, first.sha256.hex(), first.scopes) == ("a", digest, frozenset({"inference"}))
    assert (second.sha256, second.scopes) == (hashlib.sha256(b"two").digest(), frozenset({"manage"}))


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("5m", 300.0), (30, 30.0), ("30", 30.0), (-1, math.inf), ("1000000000h", math.inf)],
)
def test_models_stay_loaded_for_as_long_as_the_configuration_says(told: Any, seconds: float) -> None:
    assert keep_alive(configured({"response_optimization": {"keep_alive": told}})) == seconds


def test_ollamas_own_variable_wins_and_without_a_word_there_is_no_default() -> None:
    settings = {"response_optimization": {"keep_alive": "5m"}}
    assert keep_alive(configured(settings, {"OLLAMA_KEEP_ALIVE": "90"})) == 90.0
    assert keep_alive(configured({})) is None


def test_the_machine_has_the_mode_and_the_limits_of_heat_that_were_chosen() -> None:
    made = machine(configured({"routing": {"efficiency": "Quiet"}, "thermal": {"warning": 50, "critical": 60}}))
    assert made.efficiency.current == "Quiet"
    limits = made.thermal.limits_for(Device(id="cpu", kind="cpu"))
    assert (limits.warning, limits.critical, limits.shutdown) == (50.0, 60.0, 95.0)


def test_whom_there_is_to_choose_from_is_as_configured() -> None:
    run = driven(
        {"routing": {"regions": ["EU"]}},
        learn=False,
        a={"type": "openai", "api_key": "k", "weight": 3, "region": "eu", "endpoint": "https://a.example/v1"},
        b={"type": "anthropic", "api_key": "k", "region": "us", "endpoint": "https://b.example"},
        demo="demo",
    )
    fleet = run.gateway.fleet
    assert [(station.id, station.weight, station.local) for station in fleet.stations.values()] == [
        ("a", 3.0, False), ("b", 1.0, False), ("demo", 1.0, True)
    ]  # fmt: skip
    run.learn(a=["gpt-5"], b=["gpt-5"])
    first, second = fleet.field(run.gateway.catalog.find("gpt-5")).standings
    assert (first.home, first.blocked) == (True, False)
    assert (second.home, second.blocked) == (False, True)
    assert first.native == fleet.mask(["format:openai_chat", "format:openai_responses"])


def test_what_to_do_after_failures_follows_the_configuration_and_a_backends_own_where_it_has_one() -> None:
    run = driven(
        {"retry": {"attempts": 4, "on": [500], "base": "2s"}, "routing": {"fallback": "retry_same"}},
        a={"type": "vllm", "retry": {"attempts": 2}},
        b="vllm",
    )
    policy, own = (run.gateway.guards.policy_of(name) for name in ("b", "a"))
    assert (policy.mode, policy.attempts, policy.backoff.base) == ("retry_same", 4, 2.0)
    assert policy.on == frozenset({500})
    assert (own.mode, own.attempts) == ("retry_same", 2)


def test_quotas_have_those_with_a_limit_and_those_that_are_on_no_machine_of_ours() -> None:
    run = driven(
        a="vllm",
        b={"type": "vllm", "rate_limit": {"tokens": "1000/min"}},
        c={"type": "openai", "endpoint": "https://api.openai.com/v1", "api_key": "k"},
    )
    gateway = run.gateway
    assert set(guards(gateway.config, gateway.backends(), "x").quotas) == {"b", "c"}


@pytest.mark.parametrize(("enabled", "fallback"), [(True, "next_available"), (False, "next_available"), (True, "none")])
def test_hedging_is_off_unless_asked_for_and_without_fallback(enabled: bool, fallback: str) -> None:
    settings = {"hedging": {"enabled": enabled, "percentile": 90}, "routing": {"fallback": fallback}}
    hedging = guards(configured(settings), (), "x").hedging
    assert (hedging.percentile if hedging is not None else None) == (90 if enabled and fallback != "none" else None)
