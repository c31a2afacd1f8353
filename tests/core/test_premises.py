"""The machines of a gateway, as whoever tells them of the world sees them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.support.driving import driven

from ollamux.models import Inventory, ModelInfo

TINY: dict[str, Any] = {"type": "llama_cpp"}


def test_what_a_backend_tells_of_its_slots_is_what_the_queue_and_the_plans_know() -> None:
    run = driven(a=TINY, b=TINY)
    gateway = run.gateway
    for slots in (2, 1, None):
        gateway.stock(gateway.backend("a"), Inventory(models=(ModelInfo(name="m"),), slots=slots), run.now)
        assert gateway.fleet.stations["a"].slots == (slots or 0)
        taken = 0
        while taken < 5 and gateway.admission.take("a"):
            taken += 1
        assert taken == (slots or 5)
        for _ in range(taken):
            gateway.admission.give_back("a")


def test_a_limit_that_is_configured_stands_whatever_a_backend_tells() -> None:
    run = driven(a={**TINY, "max_concurrent_requests": 3})
    run.gateway.stock(run.gateway.backend("a"), Inventory(models=(ModelInfo(name="m"),), slots=1), run.now)
    assert run.gateway.fleet.stations["a"].slots == 3


def test_those_who_manage_models_are_named_with_the_well_and_the_important_first() -> None:
    ollama = {"type": "ollama"}
    run = driven(a=ollama, b={**ollama, "priority": 90}, c="vllm", d={**ollama, "priority": 95})
    for _ in range(3):
        run.gateway.backend("d").health.bad("gone", run.now)
    assert [backend.id for backend in run.gateway.managers()] == ["b", "a", "d"]
    assert [backend.id for backend in run.gateway.backends()] == ["a", "b", "c", "d"]


def test_who_waits_is_asked_anew_when_anything_changes_that_a_plan_rests_on() -> None:
    run = driven(a={**TINY, "max_concurrent_requests": 1}, b={**TINY, "max_concurrent_requests": 1})
    gateway = run.gateway
    for _ in range(3):
        run.chat()
    assert gateway.admission.waiting == 1 and not gateway.has_ready()
    anew = Inventory(models=(ModelInfo(name="m"),))
    changes: list[Callable[[], None]] = [
        lambda: gateway.locate("b", "http://elsewhere:1"),
        lambda: gateway.stock(gateway.backend("b"), anew, run.now),
        lambda: gateway.notice(gateway.backend("b"), run.now),
    ]
    for change in changes:
        for _ in range(3):
            gateway.backend("b").health.bad("gone", run.now)
        change()
        assert gateway.admission.has_room()
        assert gateway.ready(run.now) == []
        gateway.hurry = False
        assert not gateway.has_ready()
