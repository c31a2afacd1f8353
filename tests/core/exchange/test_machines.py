"""The machines that an exchange reads, by their types."""

from __future__ import annotations

import pytest
from tests.support.driving import driven

from ollamux.exchange.machines import Machines


def test_a_gateway_is_the_house_of_its_exchanges_with_every_machine_in_it() -> None:
    gateway = driven().gateway
    assert isinstance(gateway, Machines)
    machines = ("admission", "catalog", "clock", "feed", "guards", "ledger", "planner")
    assert not [name for name in machines if getattr(gateway, name) is None]
    assert gateway.queue_timeout > 0 and gateway.answer_limit > 0 and gateway.keep_alive is None


def test_a_backend_is_found_by_its_id_and_no_other_way() -> None:
    gateway = driven(a="vllm").gateway
    assert gateway.backend("a").id == "a"
    with pytest.raises(KeyError):
        gateway.backend("b")
