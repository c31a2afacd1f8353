"""The command: `python -m bench.routing`, from the root of the checkout. It prints the tables of bench/README.md.

First what a decision takes, by the build that runs; then, for each size of fleet and each way of arriving, what comes
of every strategy at 80 percent load, beside a clairvoyant rule and the power of two choices.
"""

from __future__ import annotations

import argparse
import sys

from bench.routing import decisions
from bench.routing.compare import compare
from ollamux._build import EXTENSIONS, describe
from ollamux.routing.strategies import names

__all__ = ("main",)

_SIZES = {10: 20_000, 1000: 60_000, 10_000: 60_000}
_QUICK = {10: 3000, 100: 3000}


def main() -> int:
    """Runs what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description="Measures the choice of a backend.")
    parser.add_argument("--quick", action="store_true", help="small fleets and few requests: to see that it runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--load", type=float, default=0.8, help="share of all places that is busy on average")
    parser.add_argument("--strategy", action="append", help="one of them alone; may be repeated")
    asked = parser.parse_args()
    built = describe([name for name in EXTENSIONS if name.startswith("ollamux.routing.")])
    print(f"routing is {built}\n\n{decisions.table(quick=asked.quick)}", flush=True)
    for size, count in (_QUICK if asked.quick else _SIZES).items():
        for bursty in (False, True):
            how = "bursts" if bursty else "Poisson"
            print(f"\n{size:,} backends, {count:,} requests, {how}, {asked.load:.0%} load", flush=True)
            for line in compare(size, count, asked.load, asked.seed, bursty, asked.strategy or names()):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
