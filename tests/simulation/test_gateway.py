"""The whole gateway in virtual time, among backends that fail in every way and clients that do not care.

What must hold whatever happens is in `tests.support.simulating`. A seed that fails can be run again by its number; more
seeds than these are run with SIMULATION_SEEDS=5000.
"""

from __future__ import annotations

import os

import pytest
from tests.support.simulating import Simulation

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "150"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_every_request_ends_once_and_gives_back_what_it_took(seed: int) -> None:
    simulation = Simulation(seed)
    try:
        simulation.run()
    except Exception as error:
        story = "\n".join(simulation.transcript[-40:])
        error.add_note(f"{story}\nTo run it again: pytest tests/simulation/test_gateway.py -k '[{seed}]'")
        raise


def test_the_same_seed_gives_the_same_run() -> None:
    assert Simulation(7).run() == Simulation(7).run()


def test_different_seeds_give_different_runs() -> None:
    assert Simulation(7).run() != Simulation(8).run()
