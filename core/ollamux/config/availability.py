"""Which keys belong to a feature that does not exist yet: one table, and it shrinks as features arrive.

A row is a path (`[*]` for every item, `.*` for every name), the kind of its value, and the values that ask for nothing:
those that switch the feature off, and the stated default. Such a value is accepted, any other is refused by name; an
empty value asks for nothing anywhere. CHOICES is the same for values of keys that exist.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ollamux.config.kinds import Kind, anything, choice, count, duration, flag, number, positive, rate

__all__ = ("CHOICES", "LATER", "Later", "asks_for_nothing", "keys_below")


class Later(NamedTuple):
    """The kind of a key's value, and the values that ask for nothing."""

    kind: Kind
    off: tuple[Any, ...] = ()


LATER: Mapping[str, Later] = {
    "server.workers": Later(positive, (1,)),
    "server.tls": Later(anything),
    "backends[*].weight": Later(number, (1.0,)),
    "backends[*].rate_limit": Later(anything),
    "backends[*].retry": Later(anything),
    "response_optimization.stream": Later(flag, (True,)),
    "routing.load_balancing": Later(flag, (True,)),
    "routing.regions": Later(anything),
    "routing.context_overflow": Later(choice("reject", "larger_model", "warn"), ("reject",)),
    "routing.efficiency": Later(
        choice("Performance", "Balanced", "Efficiency", "Quiet", "UltraEfficiency", "Auto"), ("Balanced",)
    ),
    "retry.base": Later(duration, (1.0, 0.0)),
    "retry.factor": Later(number, (2.0,)),
    "retry.max": Later(duration, (60.0,)),
    "retry.jitter": Later(number, (0.2, 0.0)),
    "retry.budget": Later(number, (0.2,)),
    "breaker.failures": Later(count, (5, 0)),
    "breaker.window": Later(duration, (60.0,)),
    "breaker.recovery": Later(duration, (60.0,)),
    "breaker.successes": Later(count, (3,)),
    "breaker.slow": Later(duration, (60.0, 0.0)),
    "queue.prioritise": Later(flag, (True, False)),
    "rate_limit.per_key": Later(rate, (0.0,)),
    "rate_limit.per_address": Later(rate, (0.0,)),
    "rate_limit.global": Later(rate, (0.0,)),
    "thermal.warning": Later(number, (70.0,)),
    "thermal.critical": Later(number, (85.0,)),
    "thermal.shutdown": Later(number, (95.0,)),
    "thermal.interval": Later(duration, (5.0,)),
    "hedging.enabled": Later(flag, (False,)),
    "hedging.percentile": Later(number, (95.0,)),
    "features.*": Later(flag, (False,)),
}

CHOICES: Mapping[str, tuple[str, ...]] = {
    "routing.strategy": (
        "model_based", "cost_optimized", "round_robin", "least_loaded", "fastest_response", "power_efficient",
        "balanced", "prefix_affinity",
    ),
    "routing.fallback": ("retry_same", "best_alternative"),
}  # fmt: skip
"""For a key that exists, the values that do not yet. One with more behind a colon (`query:NAME`) counts as its word."""


def keys_below(path: str) -> tuple[str, ...]:
    """The keys that the table has right below this path."""
    prefix = f"{path}." if path else ""
    rows = (row[len(prefix) :] for row in LATER if row.startswith(prefix))
    return tuple(key for key in dict.fromkeys(re.split(r"[.\[]", row)[0] for row in rows) if key != "*")


def asks_for_nothing(row: Later, value: Any) -> bool:
    """Whether a value can be accepted though there is nothing yet that would act on it."""
    return value in ("", (), [], {}) or any(value == off and type(value) is type(off) for off in row.off)
