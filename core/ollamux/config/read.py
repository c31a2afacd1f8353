"""From a tree to values, by a description of what may stand where; all that is wrong is found, not only the first.

Strategy: a `Section` names its keys and what each is; walking it gives the struct it makes. A key that it does not name
is either one whose feature does not exist yet (`availability`) or a mistake, told with the nearest key that there is.
What could not be read is left out, so that the default stands in and the walk goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, TypeAlias

from ollamux.config.availability import LATER, Later, asks_for_nothing, keys_below
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


def read(spec: Spec, node: Node, path: str, problems: Problems) -> Any:
    """The value of a node, or UNREAD. `path` is where it stands in the description, as `availability` spells it."""
    if isinstance(spec, Section):
        found = read_keys(spec, node, path, problems)
        return UNREAD if found is None else spec.make(**found)
    if isinstance(spec, Items):
        if node.items is None:
            return _wrong(node, "a list", _shape(node), problems)
        values = [read(spec.item, item, f"{path}[*]", problems) for item in node.items]
        return tuple(value for value in values if value is not UNREAD)
    if isinstance(spec, Table):
        return _read_table(spec, node, path, problems)
    return _read_value(spec, node, problems)


def read_keys(spec: Section, node: Node, path: str, problems: Problems) -> dict[str, Any] | None:
    """The values of a section's keys, those alone that are there and right. None where nothing can be made of it."""
    branch = node.branch
    if branch is None:
        _wrong(node, "a mapping of keys", _shape(node), problems)
        return None
    found: dict[str, Any] = {}
    known = tuple(dict.fromkeys((*spec.keys, *keys_below(path))))
    for key, item in branch.items():
        below = f"{path}.{key}" if path else key
        if key in spec.keys:
            value = read(spec.keys[key], item, below, problems)
            if value is not UNREAD:
                found[key] = value
        elif (row := LATER.get(below) or LATER.get(f"{path}.*")) is not None:
            _refuse(row, item, below, problems)
        elif key in known:
            read(_LATER_SECTION, item, below, problems)
        else:
            hint = suggestion(key, known) or f"; expected one of {', '.join(sorted(known))}"
            problems.add(item, f"unknown key{hint}")
    missing = [key for key in spec.needed if key not in branch]
    if missing:
        problems.add(node, f"needs {' and '.join(f'`{key}`' for key in missing)}")
    return None if any(key not in found for key in spec.needed) else found


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing where there is nothing like it."""
    lower = {name.lower(): name for name in known}
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


def _read_table(spec: Table, node: Node, path: str, problems: Problems) -> Any:
    branch = node.branch
    if branch is None:
        return _wrong(node, "a mapping", _shape(node), problems)
    found: dict[str, Any] = {}
    for key, item in branch.items():
        if not spec.named(key):
            problems.add(item, f"expected {spec.expected}")
        value = read(spec.value, item, f"{path}.*", problems)
        if value is not UNREAD:
            found[key] = value
    return found


def _read_value(kind: Kind, node: Node, problems: Problems) -> Any:
    try:
        return kind(node)
    except ValueError as error:
        return _wrong(node, str(error), "" if kind in SILENT else _got(node), problems)


def _refuse(row: Later, node: Node, path: str, problems: Problems) -> None:
    value = read(row.kind, node, path, problems)
    if value is not UNREAD and not asks_for_nothing(row, value):
        problems.later(node)


_LATER_SECTION = Section(dict, {})
