"""Seeds played: one with its story, many on all processors, and a failing one made as small as it goes.

Rules: what failed is told with the command that plays it again; a scene is made smaller only while the same invariant
does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from bench.simulation.invariants import Violation
from bench.simulation.scene import Scene, scene
from bench.simulation.world import World

__all__ = ("Failed", "again", "play", "play_many", "smallest")

Failed = tuple[int, str, str]
"""A seed, the invariant that does not hold, and how."""

_AT_ONCE = 20
_MOST_TRIES = 400


def again(seed: int) -> str:
    """The command that plays a seed again."""
    return f"python -m bench.simulation --seed {seed} --trace"


def play(played: Scene | int, *, tracing: bool = False) -> World:
    """Plays a scene, or the one of a seed. Raises Violation, with the command that plays it again and its story."""
    found = scene(played) if isinstance(played, int) else played
    world = World(found, tracing=tracing)
    try:
        return world.run()
    except Violation as violation:
        violation.add_note(f"To play it again: {again(found.seed)}")
        violation.story = world.story
        raise


def play_many(seeds: Iterable[int], jobs: int) -> Iterator[tuple[int, int, list[Failed]]]:
    """Plays seeds in several processes; for each batch how many plays and requests it had, and which failed."""
    wanted = list(seeds)
    batches = [wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE)]
    if jobs < 2:
        yield from map(_batch, batches)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_batch, batches)


def smallest(failing: Scene) -> Scene:
    """The smallest scene found that breaks what this one breaks."""
    name = _breaks(failing)
    tries = 0
    found = True
    while name and found and tries < _MOST_TRIES:
        found = False
        for make in failing.smaller():
            tries += 1
            smaller = make()
            if _breaks(smaller) == name:
                failing, found = smaller, True
                break
    return failing


def _breaks(played: Scene) -> str:
    try:
        play(played)
    except Violation as violation:
        return violation.name
    return ""


def _batch(seeds: list[int]) -> tuple[int, int, list[Failed]]:
    requests = 0
    failed: list[Failed] = []
    for seed in seeds:
        try:
            requests += len(play(seed).all)
        except Violation as violation:
            failed.append((seed, violation.name, violation.text))
    return len(seeds), requests, failed
