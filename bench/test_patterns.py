"""What it costs to find the pattern that a model's name belongs to, among ten and among five thousand of them.

pytest bench/test_patterns.py --benchmark-columns=median
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from ollamux.routing.patterns import PatternTable

FAMILIES = ("llama", "qwen", "mistral", "gemma", "phi", "gpt-", "claude-", "deepseek", "granite", "command-")
SHAPES = ("{0}{1}", "{0}{1}*", "*-{0}{1}", "*{1}x{0}*", "{0}*:{1}b")
NAMES = ("llama17", "qwen33-instruct:7b", "my-gemma41", "an-unknown-model:70b", "x-88xphi-y", "claude-3-opus:101b")


def patterns(count: int) -> list[str]:
    return [SHAPES[n % 5].format(FAMILIES[n // 5 % 10], n // 50) for n in range(count)]


@pytest.mark.parametrize("count", [10, 100, 5000])
def test_six_names_are_looked_up(benchmark: BenchmarkFixture, count: int) -> None:
    table = PatternTable((pattern, 1) for pattern in patterns(count))
    find = table.find
    benchmark(lambda: [find(name) for name in NAMES])


@pytest.mark.parametrize("count", [10, 100, 5000])
def test_six_names_are_tried_on_each_pattern_in_turn(benchmark: BenchmarkFixture, count: int) -> None:
    every = patterns(count)
    benchmark(lambda: [any(fnmatchcase(name, pattern) for pattern in every) for name in NAMES])
