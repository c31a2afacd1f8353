"""Limits of heat and memory as they are configured."""

from __future__ import annotations

from typing import Any

from tests.support.driving import configured, driven

from ollamux.config import ThermalConfig
from ollamux.derived import machine
from ollamux.hardware.readings import Device


def test_a_kind_of_hardware_has_its_own_limits_and_the_common_ones_where_it_has_none() -> None:
    heat = configured({"thermal": {"critical": 80, "hardware": {"npu": {"warning": 50, "shutdown": 90}}}}).thermal
    assert isinstance(heat, ThermalConfig)
    assert heat.of("npu") == (50.0, 80.0, 90.0)
    assert heat.of("nvidia") == heat.of("") == (70.0, 80.0, 95.0)


def test_the_machine_keeps_the_limits_that_are_configured() -> None:
    told = {
        "thermal": {"cooldown": "10s", "hardware": {"npu": {"warning": 50, "critical": 60}}},
        "vram": {"strategy": "largest", "reserve": "1GiB", "pinned": ["a*"], "assumed_size": "2GiB", "threshold": 85},
    }
    made = machine(configured(told))
    limits = made.thermal.limits_for(Device(id="n", kind="npu"))
    assert (limits.warning, limits.critical, limits.shutdown, limits.cooldown) == (50.0, 60.0, 95.0, 10.0)
    assert made.thermal.limits_for(Device(id="c", kind="cpu")).critical == 85.0
    policy = made.vram.policy
    assert (policy.strategy, policy.reserve, policy.pinned) == ("largest", 1024**3, ("a*",))
    assert (policy.assumed_size, policy.threshold) == (2 * 1024**3, 85.0)


def test_energy_has_a_price_where_one_is_configured() -> None:
    backends: dict[str, Any] = {
        name: {
            "type": "vllm",
            "characteristics": {"power_watts": watts, "avg_latency_ms": first, "max_tokens_per_second": 100},
        }
        for name, watts, first in (("hot", 400, 10), ("cool", 39, 3000))
    }
    for price, chosen in ((0, "hot"), (0.4, "cool")):
        told = {"routing": {"kwh_price": price, "strategy": "cost_optimized"}}
        assert driven(told, **backends).chat().asked == [chosen]
