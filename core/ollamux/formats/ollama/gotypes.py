"""Decoding a JSON tree into a Go type: what encoding/json stores, and the error that it reports.

Owns the kinds of Go types that hold others, the memory of a decoder and the walk; `goleaves` has the plain values. A
schema is a tree of these, as data: each knows the name that errors give it. Strategy: leaves take a value at once; what
holds other values is a generator that yields the parts it wants decoded, and `run` keeps those on a list, so that no
depth of a body exhausts the stack.

Rules, all of them Go's: the first value of a wrong type is remembered, decoding goes on and reports it at the end; an
error that a type's own decoder returns ends everything at once and wins over what was remembered; such a decoder has
its own memory (`Scope`), and on its way out an error collects the path of each scope; unknown fields are not looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any, TypeAlias

import msgspec

from ollamux.formats.ollama.goscan import GoJSONError, Node

__all__ = (
    "GoType",
    "Map",
    "Ordered",
    "Own",
    "Scope",
    "Slice",
    "Struct",
    "TextFault",
    "TypeFault",
    "Verbatim",
    "raw_of",
    "run",
    "text_of",
)

Steps: TypeAlias = Generator[Generator[Any, Any, Any], Any, Any]

_LONE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FOUR_HEX = re.compile(rb"[0-9a-fA-F]{4}")


class TypeFault(Exception):
    """A value of the wrong type. `path` is kept innermost first, for scopes add theirs on the way out."""

    def __init__(self, value: str, type_name: str) -> None:
        super().__init__()
        self.value = value
        self.type_name = type_name
        self.struct = ""
        self.path: list[str] = []

    def text(self) -> str:
        target = f"struct field {self.struct}.{'.'.join(reversed(self.path))}" if self.struct else "value"
        return f"json: cannot unmarshal {self.value} into Go {target} of type {self.type_name}"


class TextFault(Exception):
    """An error of another sort, which no scope adds to."""


_Fault: TypeAlias = TypeFault | TextFault


class Scope:
    """What one call of Go's Unmarshal remembers: the first fault, and where in which struct it is."""

    __slots__ = ("body", "fault", "path", "struct")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.fault: _Fault | None = None
        self.struct = ""
        self.path: list[str] = []

    def wrong(self, value: str, type_name: str) -> None:
        """Remembers a value of the wrong type."""
        if self.fault is None:
            self.fault = self.placed(TypeFault(value, type_name))

    def placed(self, fault: _Fault) -> _Fault:
        """The fault, with where this scope is."""
        if self.struct and isinstance(fault, TypeFault):
            fault.struct = self.struct
            fault.path.extend(reversed(self.path))
        return fault


class GoType:
    """A Go type. `name` is what errors call it. Leaves override `take`, the others set `leaf` to False and override
    `steps`. `old` is what a repeated key finds in its place."""

    leaf = True

    def __init__(self, name: str) -> None:
        self.name = name

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        """The value of a leaf."""
        raise TypeError(self.name)

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        """The value of what holds others, in steps; each step yields the steps of a part."""
        raise TypeError(self.name)


def run(body: bytes, root: Node, type_: GoType) -> Any:
    """`root`, a tree over `body`, as a `type_`. Raises GoJSONError."""
    scope = Scope(body)
    try:
        value = type_.take(scope, root, None) if type_.leaf else _drive(type_.steps(scope, root, None))
        if scope.fault is not None:
            raise scope.fault
    except TypeFault as fault:
        if fault is not scope.fault:
            scope.placed(fault)
        raise GoJSONError(fault.text()) from None
    except TextFault as fault:
        raise GoJSONError(str(fault)) from None
    return value


def _drive(first: Steps) -> Any:
    waiting: list[Steps] = [first]
    value: Any = None
    fault: _Fault | None = None
    while waiting:
        try:
            child = waiting[-1].send(value) if fault is None else waiting[-1].throw(fault)
        except StopIteration as stop:
            waiting.pop()
            value, fault = stop.value, None
        except (TypeFault, TextFault) as raised:
            waiting.pop()
            value, fault = None, raised.with_traceback(None)
        else:
            waiting.append(child)
            value, fault = None, None
    if fault is not None:
        raise fault
    return value


def text_of(body: bytes, node: Node) -> str:
    """The text of a string."""
    inner = body[node[1] + 1 : node[2] - 1]
    text = _repaired(inner)
    if b"\\" in inner:
        text = json.loads(f'"{text}"')
        return text if text.isascii() else _SURROGATE.sub("\ufffd", text)
    return text


def _repaired(data: bytes) -> str:
    """UTF-8 with a U+FFFD for each byte that is wrong, one by one as Go does."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _SURROGATE.sub("\ufffd", data.decode("utf-8", "surrogateescape"))


def raw_of(body: bytes, node: Node) -> msgspec.Raw:
    """The bytes of a value; only what no JSON reader would take, bad UTF-8 and lone surrogates, is replaced."""
    data = body[node[1] : node[2]]
    if not data.isascii():
        data = _repaired(data).encode()
    if b"\\ud" in data or b"\\uD" in data:
        data = _LONE.sub(lambda match: match[0] if match[1] is None else b"\\ufffd", data)
    return msgspec.Raw(data)


class Slice(GoType):
    """`[]T`, a list."""

    leaf = False

    def __init__(self, element: GoType, name: str = "") -> None:
        super().__init__(name or f"[]{element.name}")
        self._element = element

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        kind, _, _, children = node
        if kind == "null":
            return None
        if children is None or kind != "array":
            scope.wrong(kind, self.name)
            return old
        element = self._element
        before: list[Any] = old or []
        values: list[Any] = []
        for place, child in enumerate(children):
            there = before[place] if place < len(before) else _zero(element)
            if element.leaf:
                values.append(element.take(scope, child, there))
            else:
                values.append((yield element.steps(scope, child, there)))
        return values


class Map(GoType):
    """`map[string]T`, a dict. A repeated map adds to the one before it."""

    leaf = False

    def __init__(self, element: GoType) -> None:
        super().__init__(f"map[string]{element.name}")
        self._element = element

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        kind, _, _, children = node
        if kind == "null":
            return None
        if children is None or kind != "object":
            scope.wrong(kind, self.name)
            return old
        element = self._element
        values: dict[str, Any] = old or {}
        for place in range(0, len(children), 2):
            child = children[place + 1]
            there = _zero(element)
            if element.leaf:
                value = element.take(scope, child, there)
            else:
                value = yield element.steps(scope, child, there)
            values[text_of(scope.body, children[place])] = value
        return values


class Struct(GoType):
    """A struct. `fields` maps the key to its type; `make` is the msgspec struct that takes those it has fields for, and
    is left out where a value is only to be checked."""

    leaf = False

    def __init__(self, name: str, fields: dict[str, GoType], make: type[msgspec.Struct] | None = None) -> None:
        super().__init__(f"api.{name}")
        self._struct = name
        self._make = make
        self._fields: dict[str, GoType] = {}
        self._folded: dict[str, tuple[str, GoType]] = {}
        for key, type_ in fields.items():
            self.add(key, type_)
        own = () if make is None else msgspec.structs.fields(make)
        self._attributes = {field.encode_name: field.name for field in own}

    def add(self, key: str, type_: GoType) -> None:
        """One field more, for structs that hold themselves."""
        self._fields[key] = type_
        self._folded[key.upper()] = (key, type_)

    def zero(self) -> Any:
        """The object with nothing set."""
        return None if self._make is None else self._make()

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        kind, _, _, children = node
        if kind == "null":
            return old
        target: Any = self.zero() if old is None else old
        if children is None or kind != "object":
            scope.wrong(kind, self.name)
            return target
        outer = scope.struct
        for place in range(0, len(children), 2):
            key = text_of(scope.body, children[place])
            type_ = self._fields.get(key)
            if type_ is None:
                key, type_ = self._folded.get(_folded(key), ("", None))
                if type_ is None:
                    continue
            child = children[place + 1]
            scope.struct = self._struct
            scope.path.append(key)
            attribute = self._attributes.get(key)
            there = None if attribute is None else getattr(target, attribute)
            if type_.leaf:
                value = type_.take(scope, child, there)
            else:
                value = yield type_.steps(scope, child, there)
            if attribute is not None:
                setattr(target, attribute, value)
            scope.path.pop()
            scope.struct = outer
        return target


def _folded(key: str) -> str:
    """The key as Go compares it: there are two letters beyond ASCII that count as ones within."""
    if not key.isascii():
        key = key.replace("\u017f", "S").replace("\u212a", "K")
        if not key.isascii():
            return ""
    return key.upper()


class Own(GoType):
    """A struct that decodes itself through another type, in a scope of its own."""

    leaf = False

    def __init__(self, inner: Struct, shown: str) -> None:
        super().__init__(f"api.{shown}")
        self._inner = inner

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        inner = Scope(scope.body)
        try:
            value = yield self._inner.steps(inner, node, None)
        except (TypeFault, TextFault) as fault:
            raise inner.placed(fault) from None
        if inner.fault is not None:
            raise inner.fault
        return self._inner.zero() if value is None else value


class Ordered(GoType):
    """An ordered map, read by a parser of its own: each value is decoded in its own scope, keys have their own errors.
    The result is the text it came as."""

    leaf = False

    def __init__(self, element: GoType, name: str) -> None:
        super().__init__(name)
        self._element = element

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        kind, _, _, children = node
        if kind == "null":
            return None
        if children is None or kind != "object":
            raise TextFault("Value looks like object, but can't find closing '}' symbol")
        element = self._element
        for place in range(0, len(children), 2):
            _check_key(scope.body[children[place][1] + 1 : children[place][2] - 1])
            inner = Scope(scope.body)
            try:
                if element.leaf:
                    element.take(inner, children[place + 1], None)
                else:
                    yield element.steps(inner, children[place + 1], None)
            except (TypeFault, TextFault) as fault:
                raise inner.placed(fault) from None
            if inner.fault is not None:
                raise inner.fault
        return raw_of(scope.body, node)


def _check_key(key: bytes) -> None:
    place = 0
    while (place := key.find(b"\\", place)) >= 0:
        length = 6 if key[place + 1 : place + 2] == b"u" else 2
        if length == 6 and 0xD800 <= int(key[place + 2 : place + 6], 16) <= 0xDFFF:
            # The parser trusts that another escape follows, and looks at its four digits alone.
            low = key[place + 8 : place + 12]
            if len(low) < 4 or not _FOUR_HEX.fullmatch(low) or int(low, 16) < 0xDC00:
                raise TextFault("Encountered an invalid escape sequence in a string")
            length = 12
        place += length
    try:
        key.decode()
    except UnicodeDecodeError as error:
        before = json.loads(b'"' + key[: error.start] + b'"').encode("utf-8", "replace")
        text = text_of(b'"' + key + b'"', ("string", 0, len(key) + 2, None))
        raise TextFault(f"not a valid UTF-8 string (at position {len(before)}): {text}") from None


class Verbatim(GoType):
    """A struct of which the text is kept, once it has been checked."""

    leaf = False

    def __init__(self, inner: Struct) -> None:
        super().__init__(inner.name)
        self._inner = inner

    def steps(self, scope: Scope, node: Node, old: Any) -> Steps:
        yield self._inner.steps(scope, node, None)
        return raw_of(scope.body, node) if node[0] == "object" else old


def _zero(type_: GoType) -> Any:
    """What an element is before it is decoded: null leaves it so."""
    if isinstance(type_, Struct):
        return type_.zero()
    return _ZEROS.get(type_.name)


_ZEROS: dict[str, Any] = {"string": "", "bool": False, "int": 0, "uint8": 0}
