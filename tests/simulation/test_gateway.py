"""The whole gateway in virtual time, among backends that fail in every way and clients that do not care.

What must hold whatever happens is in `bench.simulation.invariants` and `verdicts`. A seed that fails tells the command
that plays it again; many more of them are played with `python -m bench.simulation --seeds 10000`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bench.simulation.invariants import Violation
from bench.simulation.playing import again, play, play_many, smallest
from bench.simulation.scene import scene
from bench.simulation.world import World

from ollamux.exchange import Exchange

SEEDS = 300
EACH = 10


@pytest.mark.parametrize("first", range(0, SEEDS, EACH))
def test_whatever_happens_all_that_must_hold_does(first: int) -> None:
    for seed in range(first, first + EACH):
        play(seed)


def test_the_seeds_bring_every_kind_of_scene_and_of_trouble() -> None:
    scenes = [scene(seed) for seed in range(SEEDS)]
    moods = {trouble.mood for one in scenes for host in one.hosts for trouble in host.troubles}
    assert {one.kind for one in scenes} == {"storm", "flood", "calm", "recovery"}
    assert moods == {"slow", "gone", "silent", "brown", "limited", "garbled", "cut", "faulty", "denied"}
    assert {len(one.hosts) for one in scenes} >= {1, 2, 3, 4, 6}
    assert any(one.leaps for one in scenes) and any(one.shifts for one in scenes)


STORY = """
import sys
from bench.simulation.playing import play
print(*play(int(sys.argv[1]), tracing=True).story, sep="\\n")
"""


def test_a_seed_plays_alike_in_every_process(root: Path) -> None:
    def told(chance: str) -> str:
        paths = os.pathsep.join([str(root), *sys.path])
        env = {**os.environ, "PYTHONHASHSEED": chance, "PYTHONPATH": paths}
        ran = subprocess.run([sys.executable, "-c", STORY, "4"], env=env, capture_output=True, text=True, check=True)
        return ran.stdout

    assert told("1") == told("2") == "\n".join(play(4, tracing=True).story) + "\n"


class Deaf(Exchange):
    """An exchange that never answers."""


def deaf(exchange: Exchange) -> Exchange:
    return Deaf()


def test_what_does_not_hold_is_told_with_the_command_that_plays_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.simulation.playing.World", lambda played, **more: World(played, disturb=deaf, **more))
    with pytest.raises(Violation) as caught:
        play(3)
    assert caught.value.__notes__ == [f"To play it again: {again(3)}"]
    (count, _, failed), *_ = play_many([3], 1)
    assert count == 1 and failed == [(3, "who_waits_has_a_wake", caught.value.text)]


def test_a_scene_that_fails_is_made_as_small_as_it_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.simulation.playing.World", lambda played, **more: World(played, disturb=deaf, **more))
    found = smallest(scene(3))
    assert len(found.guests) == 1 and not any(host.troubles for host in found.hosts)


@pytest.mark.parametrize("seed", [777, 2070, 2724])
def test_nobody_is_left_in_the_line_for_a_rate_who_went_elsewhere(seed: int) -> None:
    play(seed)
