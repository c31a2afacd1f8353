"""The command: `python -m bench.simulation --seeds 10000`, from the root of the checkout.

`--seed N --trace` plays one seed and tells its story; `--shrink` first leaves out whatever is not needed to fail.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from bench.simulation.invariants import Violation
from bench.simulation.playing import again, play, play_many, smallest
from bench.simulation.scene import scene

__all__ = ("main",)


def main() -> int:
    """Plays what the command line asks for; 1 where something did not hold."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.simulation", description="Plays the gateway in virtual time."
    )
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="tell its story")
    parser.add_argument("--shrink", action="store_true", help="leave out what is not needed to fail")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one(asked.seed, tracing=asked.trace, shrinking=asked.shrink)
    return _many(range(asked.first, asked.first + asked.seeds), asked.jobs)


def _one(seed: int, *, tracing: bool, shrinking: bool) -> int:
    played = scene(seed)
    if shrinking:
        played = smallest(played)
    if tracing:
        for host in played.hosts:
            print(host)
        print(played.sections, flush=True)
    try:
        world = play(played, tracing=tracing)
    except Violation as violation:
        print("\n".join(violation.story))
        print(f"seed {seed}: {violation}")
        return 1
    print("\n".join(world.story) or f"seed {seed}: all holds")
    return 0


def _many(seeds: range, jobs: int) -> int:
    began = time.perf_counter()
    plays = requests = failures = 0
    for count, asked, failed in play_many(seeds, jobs):
        plays += count
        requests += asked
        failures += len(failed)
        for seed, name, text in failed:
            print(f"seed {seed}: {name}: {text[:300]}\n    {again(seed)}", flush=True)
    seconds = time.perf_counter() - began
    print(f"{plays:,} seeds, {requests:,} requests in {seconds:.0f} s on {jobs} processes: {failures} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
