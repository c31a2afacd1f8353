"""Which keys belong to a feature that does not exist yet: one table, and it shrinks as features arrive.

A row is a path (`[*]` for every item, `.*` for every name), the kind of its value, and the values that ask for nothing:
those that switch the feature off, and the stated default. Such a value is accepted, any other is refused by name; an
empty value asks for nothing anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ollamux.config.kinds import Kind, anything, flag, positive

__all__ = ("LATER", "Later", "asks_for_nothing", "keys_below")


class Later(NamedTuple):
    """The kind of a key's value, and the values that ask for nothing."""

    kind: Kind
    off: tuple[Any, ...] = ()


LATER: Mapping[str, Later] = {
    "server.workers": Later(positive, (1,)),
    "server.tls": Later(anything),
    "response_optimization.stream": Later(flag, (True,)),
    "features.*": Later(flag, (False,)),
}


def keys_below(path: str) -> tuple[str, ...]:
    """The keys that the table has right below this path."""
    prefix = f"{path}." if path else ""
    rows = (row[len(prefix) :] for row in LATER if row.startswith(prefix))
    return tuple(key for key in dict.fromkeys(re.split(r"[.\[]", row)[0] for row in rows) if key != "*")


def asks_for_nothing(row: Later, value: Any) -> bool:
    """Whether a value can be accepted though there is nothing yet that would act on it."""
    return value in ("", (), [], {}) or any(value == off and type(value) is type(off) for off in row.off)
