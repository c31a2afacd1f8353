"""From a tree to values, by a description of what may stand where; all that is wrong is found, not only the first.

Strategy: a `Section` names its keys and what each is; walking it gives the struct it makes. A key that it does not name
is a mistake, told with the nearest key that there is. What could not be read is left out, so that the default stands in
and the walk goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ollamux.config.kinds import SILENT, Kind
from ollamux.config.tree import Node, Problems

__all__ = ("UNREAD", "Items", "Section", "Spec", "Table", "read", "read_keys", "suggestion")


class _Unread:
    """What could not be read; the problem is told already."""

    def __bool__(self) -> bool:
        return False


UNREAD: Final = _Unread()


class Section(NamedTuple):
    """A mapping with known keys. `make` takes their values as keywords; `needed` must be there."""

    make: Callable[..., Any]
    keys: Mapping[str, Spec]
    needed: tuple[str, ...] = ()


class Items(NamedTuple):
    """A list of the same."""

    item: Spec


class Table(NamedTuple):
    """A mapping from names that the user chose. `named` says whether a name is one, `expected` what it must be."""

    value: Spec
    named: Callable[[str], bool] = bool
    expected: str = "a name that is not empty"


Spec: TypeAlias = Kind | Section | Items | Table


def read(spec: Spec, node: Node, problems: Problems) -> Any:
    """The value of a node, or UNREAD."""
    if isinstance(spec, Section):
        found = read_keys(spec, node, problems)
        return UNREAD if found is None else spec.make(**found)
    if isinstance(spec, Items):
        if node.items is None:
            return _wrong(node, "a list", _shape(node), problems)
        values = [read(spec.item, item, problems) for item in node.items]
        return tuple(value for value in values if value is not UNREAD)
    if isinstance(spec, Table):
        return _read_table(spec, node, problems)
    return _read_value(spec, node, problems)


def read_keys(spec: Section, node: Node, problems: Problems) -> dict[str, Any] | None:
    """The values of a section's keys, those alone that are there and right. None where nothing can be made of it."""
    branch = node.branch
    if branch is None:
        _wrong(node, "a mapping of keys", _shape(node), problems)
        return None
    found: dict[str, Any] = {}
    known = spec.keys
    for key, item in branch.items():
        if key in known:
            value = read(known[key], item, problems)
            if value is not UNREAD:
                found[key] = value
        else:
            there = f"expected one of {', '.join(sorted(known))}" if known else "there is none in this version"
            problems.add(item, f"unknown key{suggestion(key, known) or f'; {there}'}")
    missing = [key for key in spec.needed if key not in branch]
    if missing:
        problems.add(node, f"needs {' and '.join(f'`{key}`' for key in missing)}")
    return None if any(key not in found for key in spec.needed) else found


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing where there is nothing like it."""
    lower = {name.lower(): name for name in known}
    from difflib import get_close_matches  # nobody needs it whose keys are right

    close = get_close_matches(word.lower(), lower, 1, 0.6)
    return f"; did you mean `{lower[close[0]]}`?" if close else ""


def _got(node: Node) -> str:
    """What stood there, short: `, got 99999`. Nothing where it could be a secret."""
    if node.branch is not None or node.items is not None:
        return _shape(node)
    shown = "true" if node.word is True else "false" if node.word is False else repr(node.word)
    return "" if node.hidden or len(shown) > 60 else f", got {shown}"


def _shape(node: Node) -> str:
    """What sort of thing stood there; where a mapping or a list belongs, a text may be a secret."""
    words = ((Mapping, "a mapping"), (list, "a list"), (str, "text"), (bool, "a truth value"))
    return f", got {next((word for sort, word in words if isinstance(node.word, sort)), 'a number')}"


def _wrong(node: Node, expected: str, got: str, problems: Problems) -> Any:
    problems.add(node, f"expected {expected}{got}")
    return UNREAD


def _read_table(spec: Table, node: Node, problems: Problems) -> Any:
    branch = node.branch
    if branch is None:
        return _wrong(node, "a mapping", _shape(node), problems)
    found: dict[str, Any] = {}
    for key, item in branch.items():
        if not spec.named(key):
            problems.add(item, f"expected {spec.expected}")
        value = read(spec.value, item, problems)
        if value is not UNREAD:
            found[key] = value
    return found


def _read_value(kind: Kind, node: Node, problems: Problems) -> Any:
    try:
        return kind(node)
    except ValueError as error:
        return _wrong(node, str(error), "" if kind in SILENT else _got(node), problems)
