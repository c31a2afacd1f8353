"""The command: `python -m bench [CASE...]`, from the root of the checkout.

It runs the cases that are named, or all of them, prints a table for each, and writes everything with `--json`. The
status is 0, 1 where a sample had a problem (a broken answer, a lost stream), 2 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bench import memory, requests, streams, thousand
from bench.harness import SERVE
from bench.load import BenchError
from bench.report import as_json, circumstances, describe, table
from bench.rounds import Options, Result

__all__ = ("main",)

_CASES: dict[str, tuple[str, Callable[[Options], list[Result]]]] = {
    "requests": (requests.SUMMARY, requests.run),
    "streams": (streams.SUMMARY, streams.run),
    "memory": (memory.SUMMARY, memory.run),
    "thousand": (thousand.SUMMARY, thousand.run),
}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures ollamux beside nginx, in front of a scripted upstream.",
        epilog="cases: " + "; ".join(f"{name}: {summary}" for name, (summary, _) in _CASES.items()),
    )
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"any of {', '.join(_CASES)}; all where none is named")
    parser.add_argument("--rounds", type=int, default=None, help="how often each is measured (9; 2 with --quick)")
    parser.add_argument("--seed", type=int, default=1, help="of the order within a round")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer requests: to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes circumstances and every sample")
    parser.add_argument("--nginx-only", action="store_true", help="leaves ollamux out")
    parser.add_argument(
        "--serve", default=SERVE, metavar="COMMAND", help="starts ollamux; {config} is its configuration"
    )
    return parser


def main() -> int:
    """Runs what the command line asks for."""
    parser = _arguments()
    asked = parser.parse_args()
    if unknown := [name for name in asked.case if name not in _CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    rounds = asked.rounds if asked.rounds is not None else 2 if asked.quick else 9
    if rounds < 1:
        parser.error("--rounds is at least 1")
    options = Options(
        rounds=rounds, seed=asked.seed, quick=asked.quick, ollamux=not asked.nginx_only, serve=asked.serve
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    known = circumstances(options)
    print(describe(known), flush=True)
    results: list[Result] = []
    status = 0
    for name in asked.case or _CASES:
        try:
            found = _CASES[name][1](options)
        except BenchError as error:
            print(f"{name}: {error}", file=sys.stderr)
            status = 2
            continue
        results += found
        for result in found:
            print(f"\n{table(result)}", flush=True)
    if asked.json is not None:
        asked.json.write_bytes(as_json(known, results))
    if not status and any(result.problems for result in results):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
