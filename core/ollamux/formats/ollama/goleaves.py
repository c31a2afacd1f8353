"""The Go types of plain values, with what each takes, and its words for what it does not.

Owns strings, numbers and flags, values of any sort, and the types that decode themselves: think, keep_alive, images and
the type of a tool's property. Rules: see `gotypes`; a wrong value leaves what was there before; null leaves a plain
value as it is and unsets one behind a pointer.
"""

from __future__ import annotations

import binascii
import math
import re
from base64 import b64encode
from typing import Any

from ollamux.formats.ollama.durations import DurationError, parse_duration
from ollamux.formats.ollama.goscan import Node
from ollamux.formats.ollama.gotext import quote
from ollamux.formats.ollama.gotypes import GoType, Scope, TextFault, TypeFault, raw_of, text_of

__all__ = (
    "ANY",
    "BOOL",
    "FLAG",
    "FORMAT",
    "IMAGE",
    "INT",
    "KEEP_ALIVE",
    "PROPERTY_TYPE",
    "ROLE",
    "STRING",
    "THINK",
    "keep_alive_of",
    "plain_base64",
)

_LETTERS = re.compile(rb"[A-Za-z0-9+/]*+")
_THINK_LEVELS = ("high", "medium", "low", "max")
_GO_NAMES: dict[type[Any], str] = {bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


class _String(GoType):
    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind = node[0]
        if kind == "string":
            return text_of(scope.body, node)
        if kind != "null":
            scope.wrong(kind, "string")
        return old


class _Role(_String):
    """Written in whatever case, meant in small letters."""

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        role = super().take(scope, node, old)
        return role.lower() if isinstance(role, str) else role


class _Bool(GoType):
    """`pointer`: null sets it back to nothing, where it leaves a plain bool as it is."""

    def __init__(self, *, pointer: bool) -> None:
        super().__init__("bool")
        self._pointer = pointer

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind = node[0]
        if kind == "bool":
            return scope.body[node[1]] == ord("t")
        if kind != "null":
            scope.wrong(kind, "bool")
        elif self._pointer:
            return None
        return old


class _Integer(GoType):
    def __init__(self, name: str, low: int, high: int) -> None:
        super().__init__(name)
        self._low = low
        self._high = high

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind = node[0]
        if kind == "number":
            text = scope.body[node[1] : node[2]]
            # Nothing longer than 20 characters fits, for JSON has no leading zeros.
            if len(text) <= 20 and text.lstrip(b"-").isdigit() and self._low <= (value := int(text)) <= self._high:
                return value
            kind = f"number {text.decode()}"
        if kind != "null":
            scope.wrong(kind, self.name)
        return old


class _Any(GoType):
    """`interface {}`: the value in Python's types. A number out of float64's range is a fault."""

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        holder: list[Any] = []
        pending: list[tuple[Node, Any, str | None]] = [(node, holder, None)]
        while pending:
            (kind, start, end, children), target, key = pending.pop()
            value: Any = None
            if kind == "string":
                value = text_of(scope.body, (kind, start, end, None))
            elif kind == "number":
                value = _number(scope, start, end)
            elif kind == "bool":
                value = scope.body[start] == ord("t")
            elif children is not None:
                value = list[Any]() if kind == "array" else dict[str, Any]()
                if kind == "array":
                    pending.extend((child, value, None) for child in reversed(children))
                else:
                    pending.extend(
                        (children[place + 1], value, text_of(scope.body, children[place]))
                        for place in range(len(children) - 2, -1, -2)
                    )
            if key is None:
                target.append(value)
            else:
                target[key] = value
        return holder[0]


def _number(scope: Scope, start: int, end: int) -> int | float | None:
    text = scope.body[start:end]
    if text.lstrip(b"-").isdigit() and len(text) < 300:
        return int(text)
    value = float(text)
    if math.isinf(value):
        scope.wrong(f"number {text.decode()}", "float64")
        return None
    return value


class _Format(GoType):
    """`json.RawMessage`: whatever it is, unread."""

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        return None if node[0] == "null" else raw_of(scope.body, node)


class _Think(GoType):
    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind = node[0]
        if kind == "null":
            return None
        if kind == "bool":
            return scope.body[node[1]] == ord("t")
        if kind == "string":
            level = text_of(scope.body, node)
            if level in _THINK_LEVELS:
                return level
            raise TextFault(
                f'invalid think value: {quote(level)} (must be "high", "medium", "low", "max", true, or false)'
            )
        raise TextFault('think must be a boolean or string ("high", "medium", "low", "max", true, or false)')


class _KeepAlive(GoType):
    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        if node[0] == "null":
            return None
        inner = Scope(scope.body)
        value = ANY.take(inner, node, None)
        if inner.fault is not None:
            raise inner.fault
        try:
            return keep_alive_of(value)
        except ValueError as error:
            raise TextFault(str(error)) from None


def keep_alive_of(value: object) -> float:
    """Seconds for a keep_alive of JSON, infinite where it is negative. Raises ValueError with Ollama's words."""
    if isinstance(value, str):
        nanos = parse_duration(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not 0 <= value < 9.2e9:  # more than Go's durations hold
            return math.inf
        nanos = int(value * 1e9)
    else:
        raise DurationError(f"Unsupported type: '{_GO_NAMES[type(value)]}'")
    return math.inf if nanos < 0 else nanos / 1e9


class _Image(GoType):
    """`[]byte`: base64, or an array of numbers, which Go takes as well. The value is base64 without line breaks."""

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind, _, _, children = node
        if kind == "string":
            text = text_of(scope.body, node)
            place = _broken_base64(text)
            if place is None:
                return text.replace("\r", "").replace("\n", "")
            if scope.fault is None:
                scope.fault = TextFault(f"illegal base64 data at input byte {place}")
        elif kind == "array" and children is not None:
            return b64encode(bytes([_BYTE.take(scope, child, 0) for child in children])).decode()
        elif kind != "null":
            scope.wrong(kind, self.name)
        return ""


def plain_base64(text: str) -> bool:
    """Whether the text is base64 that Go takes, padded and without line breaks. False is no verdict."""
    try:
        binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return False
    # Python's strict mode takes padding that is not needed.
    return len(text) % 4 == 0 and not text.endswith("===")


def _broken_base64(text: str) -> int | None:
    """The place where Go's base64.StdEncoding stops, in bytes; None where the text is sound."""
    if plain_base64(text):
        return None
    data = text.encode()
    place, count = 0, 0
    while True:
        run_end = _span(data, place)
        count += run_end - place
        place = run_end
        if place < len(data) and data[place] in b"\r\n":
            place += 1
            continue
        break
    if place == len(data):
        # Go gives the place of the group that was not filled, as far as it had read of it.
        return None if count % 4 == 0 else place - count % 4
    if data[place] != ord("=") or count % 4 < 2:
        return place
    return _broken_padding(data, place + 1, count % 4)


def _broken_padding(data: bytes, place: int, filled: int) -> int | None:
    place = _unbroken(data, place)
    if filled == 2:
        if place == len(data):
            return len(data)
        if data[place] != ord("="):
            return place - 1
        place = _unbroken(data, place + 1)
    return None if place == len(data) else place


def _span(data: bytes, place: int) -> int:
    found = _LETTERS.match(data, place)
    return place if found is None else found.end()


def _unbroken(data: bytes, place: int) -> int:
    while place < len(data) and data[place] in b"\r\n":
        place += 1
    return place


class _PropertyType(GoType):
    """A string or an array of strings, tried in turn: the error is that of the second try."""

    def take(self, scope: Scope, node: Node, old: Any) -> Any:
        kind, _, _, children = node
        if kind == "string":
            return [text_of(scope.body, node)]
        if kind == "null":
            return [""]
        if kind != "array" or children is None:
            raise TypeFault(kind, "[]string")
        for child in children:
            if child[0] not in ("string", "null"):
                raise TypeFault(child[0], "string")
        return [text_of(scope.body, child) if child[0] == "string" else "" for child in children]


ROLE = _Role("string")
STRING = _String("string")
BOOL = _Bool(pointer=False)
FLAG = _Bool(pointer=True)
INT = _Integer("int", -(1 << 63), (1 << 63) - 1)
_BYTE = _Integer("uint8", 0, 255)
ANY = _Any("interface {}")
FORMAT = _Format("json.RawMessage")
THINK = _Think("api.ThinkValue")
KEEP_ALIVE = _KeepAlive("api.Duration")
IMAGE = _Image("api.ImageData")
PROPERTY_TYPE = _PropertyType("api.PropertyType")
