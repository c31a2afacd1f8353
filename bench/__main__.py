"""The command: `python -m bench [CASE...]`, from the root of the checkout.

It runs the cases that are named, or all of them, prints a table for each, and writes everything with `--json`, anew
after each case. The status is 0, 1 where a sample had a problem (a broken answer, a lost stream, a bar that does not
hold), 2 where nothing could be measured.
"""

from __future__ import annotations

import argparse
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import features, latency, memory, paced, peer_cases, requests, scale, sizes, soak, startup, streams, workers
from bench.circumstances import circumstances, describe
from bench.failures import case as failures
from bench.harness import SERVE
from bench.load import BenchError
from bench.report import as_json, table
from bench.rounds import Options, Result

__all__ = ("main",)

_CASES: dict[str, tuple[str, Callable[[Options], list[Result]]]] = {
    "requests": (requests.SUMMARY, requests.run),
    "latency": (latency.SUMMARY, latency.run),
    "streams": (streams.SUMMARY, streams.run),
    "startup": (startup.SUMMARY, startup.run),
    "features": (features.SUMMARY, features.run),
    "workers": (workers.SUMMARY, workers.run),
    "sizes": (sizes.SUMMARY, sizes.run),
    "memory": (memory.SUMMARY, memory.run),
    "thousand": (scale.SUMMARIES["thousand"], scale.thousand),
    "eight_thousand": (scale.SUMMARIES["eight_thousand"], scale.eight_thousand),
    "soak": (soak.SUMMARY, soak.run),
    "failures": (failures.SUMMARY, failures.run),
    "peers": (peer_cases.SUMMARY, peer_cases.run),
    "paced": (paced.SUMMARY, paced.run),
}


def _parser() -> argparse.ArgumentParser:
    said = "\n".join(f"  {name:15} {summary}" for name, (summary, _) in _CASES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures ollamux beside nginx, in front of a scripted upstream.",
        epilog=f"cases, with how long nine rounds take:\n{said}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("case", nargs="*", metavar="CASE", help=f"any of {', '.join(_CASES)}; all where none is named")
    parser.add_argument("--rounds", type=int, default=None, help="how often each is measured (9; 2 with --quick)")
    parser.add_argument("--seed", type=int, default=1, help="of the order within a round")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer requests: to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes circumstances and every sample")
    parser.add_argument("--nginx-only", action="store_true", help="leaves ollamux out")
    parser.add_argument("--requests", type=int, default=None, help="how many the soak sends (a million)")
    parser.add_argument(
        "--peers",
        default="",
        metavar="FOLDER",
        help="where other gateways are installed (OLLAMUX_BENCH_PEERS, else the user's cache)",
    )
    parser.add_argument(
        "--serve", default=SERVE, metavar="COMMAND", help="starts ollamux; {config} is its configuration"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what the command line asks for."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    if unknown := [name for name in asked.case if name not in _CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")
    rounds = asked.rounds if asked.rounds is not None else 2 if asked.quick else 9
    if rounds < 1:
        parser.error("--rounds is at least 1")
    options = Options(
        rounds=rounds,
        seed=asked.seed,
        quick=asked.quick,
        ollamux=not asked.nginx_only,
        serve=asked.serve,
        peers=asked.peers,
        requests=asked.requests,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended, too
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))  # inherited by all: a stream is two of a server's files
    known = circumstances(options)
    print(describe(known), flush=True)
    results: list[Result] = []
    status = 0
    for name in asked.case or _CASES:
        began = time.monotonic()
        try:
            found = _CASES[name][1](options)
        except (BenchError, OSError, subprocess.SubprocessError) as error:  # the other cases go on
            print(f"{name}: {error}", file=sys.stderr)
            status = 2
            continue
        results += found
        for result in found:
            print(f"\n{table(result)}", flush=True)
        print(f"{name}: {(time.monotonic() - began) / 60:.1f} minutes", file=sys.stderr)
        if asked.json is not None:
            asked.json.write_bytes(as_json(known, results))
    if not status and any(result.problems for result in results):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
