"""Makes up the smallest JSON value that a JSON schema allows, out of the words of a message.

It owns the rules by which the demo backend fills in a tool's arguments and a structured answer. Strategy: `const`,
`enum` and `default` decide where they stand, then the first alternative that can be satisfied, then the type; of an
object only what is required is written, of an array only what `minItems` asks for. A reference that is being expanded
already counts as an alternative that cannot be satisfied, so a list of nodes ends with its `null`.

Rules: deterministic; a schema comes from a client, so the number of values and the length of texts are bounded, and
`pattern` is never run. What cannot be satisfied within the bounds is `InvalidRequest`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from ollamux.errors import InvalidRequest

__all__ = ("Sampler",)

_LIMIT_VALUES = 2000
_LIMIT_TEXT = 10_000
_LIMIT_REFERENCES = 16
_FORMATS: dict[str, str] = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T12:00:00Z",
    "duration": "PT1S",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
_WHOLE_MESSAGE = frozenset({"content", "input", "message", "prompt", "query", "question", "search", "text"})
_KEYWORDS: tuple[tuple[str, str], ...] = (
    ("properties", "object"),
    ("required", "object"),
    ("items", "array"),
    ("prefixItems", "array"),
    ("minItems", "array"),
    ("minimum", "number"),
    ("maximum", "number"),
)
"""What a schema without `type` is taken for, by the first keyword that it holds."""
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,15}(?:\.\d{1,15})?(?![\w.])")
_WORD = re.compile(r"[^\W\d_][\w'-]*")


class _Unsatisfied(Exception):
    """This branch of the schema has no value within the bounds."""


class Sampler:
    """Draws values from a message: its numbers in their order, and its words where a text is asked for."""

    def __init__(self, message: str) -> None:
        self._message = " ".join(message[:_LIMIT_TEXT].split())
        self._numbers = [float(number) for number in _NUMBER.findall(self._message)]
        self._word = _telling_word(self._message)
        self._root: Mapping[str, Any] = {}
        self._left = 0

    def sample(self, schema: object) -> Any:
        """A value of the decoded `schema`. Raises InvalidRequest where none is found."""
        self._root = _mapping(schema)
        self._left = _LIMIT_VALUES
        try:
            return self._value(schema, "", ())
        except (_Unsatisfied, RecursionError):
            raise InvalidRequest("the demo backend finds no value for this JSON schema") from None

    def _value(self, schema: object, name: str, active: tuple[str, ...]) -> Any:
        self._left -= 1
        if self._left < 0 or schema is False:
            raise _Unsatisfied
        rules = _mapping(schema)
        if not rules:
            return self._word
        reference = rules.get("$ref")
        if isinstance(reference, str):
            if reference in active:
                raise _Unsatisfied
            return self._value(self._resolve(reference), name, (*active, reference))
        if "const" in rules:
            return rules["const"]
        choices = _items(rules.get("enum"))
        if choices:
            return choices[0]
        if "default" in rules:
            return rules["default"]
        for keyword in ("anyOf", "oneOf"):
            if isinstance(rules.get(keyword), list):
                return self._first(rules, keyword, name, active)
        if isinstance(rules.get("allOf"), list):
            return self._value(self._merged(rules), name, active)
        return self._typed(rules, name, active)

    def _first(self, rules: dict[str, Any], keyword: str, name: str, active: tuple[str, ...]) -> Any:
        common = {key: value for key, value in rules.items() if key != keyword}
        for branch in rules[keyword]:
            both = branch if branch is False else _join(common, _mapping(branch))
            try:
                return self._value(both, name, active)
            except _Unsatisfied:
                continue
        raise _Unsatisfied

    def _merged(self, rules: dict[str, Any]) -> dict[str, Any]:
        whole = {key: value for key, value in rules.items() if key != "allOf"}
        for branch in map(_mapping, rules["allOf"]):
            for _ in range(_LIMIT_REFERENCES):
                if not isinstance(branch.get("$ref"), str):
                    break
                branch = _mapping(self._resolve(branch["$ref"]))
            whole = _join(whole, branch)
        return whole

    def _typed(self, rules: dict[str, Any], name: str, active: tuple[str, ...]) -> Any:
        kind: object = next(iter(_items(rules.get("type"))), rules.get("type"))
        if kind is None:
            kind = next((meant for keyword, meant in _KEYWORDS if keyword in rules), "string")
        match kind:
            case "object":
                return self._object(rules, active)
            case "array":
                return self._array(rules, name, active)
            case "integer" | "number":
                return self._number(rules, whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self._text(rules, name)

    def _object(self, rules: dict[str, Any], active: tuple[str, ...]) -> dict[str, Any]:
        properties = _mapping(rules.get("properties"))
        wanted = [key for key in _items(rules.get("required")) if isinstance(key, str)]
        least = _integer(rules.get("minProperties"))
        wanted += [key for key in properties if key not in wanted][: max(0, least - len(wanted))]
        rest = rules.get("additionalProperties", True)
        return {key: self._value(properties.get(key, rest), key, active) for key in dict.fromkeys(wanted)}

    def _array(self, rules: Mapping[str, Any], name: str, active: tuple[str, ...]) -> list[Any]:
        first = _items(rules.get("prefixItems"))
        rest: object = rules.get("items", True)
        least = min(_integer(rules.get("minItems")), _LIMIT_VALUES + 1)
        kinds = [*first[:least], *[rest] * (least - len(first))]
        return [self._value(kind, name, active) for kind in kinds]

    def _number(self, rules: dict[str, Any], *, whole: bool) -> int | float:
        low, high = _bound(rules, "minimum", "exclusiveMinimum", 1), _bound(rules, "maximum", "exclusiveMaximum", -1)
        step = _float(rules.get("multipleOf")) or (1.0 if whole else None)
        for number in (*self._numbers[:1], 1.0, 0.0, low, high, (low + high) / 2):
            if not math.isfinite(number):
                continue
            if step:
                number = math.ceil(number / step) * step
            if not (low <= number <= high) or (whole and number != int(number)):
                continue
            if self._numbers and number == self._numbers[0]:
                self._numbers.pop(0)
            return int(number) if number == int(number) else number
        raise _Unsatisfied

    def _text(self, rules: dict[str, Any], name: str) -> str:
        text = _FORMATS.get(str(rules.get("format")), "")
        if text:
            return text
        text = self._message if name.lower() in _WHOLE_MESSAGE and self._message else self._word
        least = _integer(rules.get("minLength"))
        if least > _LIMIT_TEXT:
            raise _Unsatisfied
        text = text.ljust(least, ".")
        return text[: _integer(rules["maxLength"])] if "maxLength" in rules else text

    def _resolve(self, reference: str) -> object:
        if not reference.startswith("#"):
            raise _Unsatisfied
        found: object = self._root
        for step in reference[1:].split("/")[1:]:
            inside = _mapping(found)
            key = step.replace("~1", "/").replace("~0", "~")
            if key not in inside:
                raise _Unsatisfied
            found = inside[key]
        return found


def _telling_word(message: str) -> str:
    """The word a caller most likely means: the last capitalised one that opens no sentence, else the last of all."""
    words = [(found.group(), found.start()) for found in _WORD.finditer(message)]
    named = [word for word, at in words if word[0].isupper() and at > 0 and message[at - 2] not in ".!?:"]
    return (named or [word for word, _ in words] or ["demo"])[-1]


def _join(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    both = {**left, **right}
    for key in ("properties", "$defs"):
        if key in both:
            both[key] = {**_mapping(left.get(key)), **_mapping(right.get(key))}
    if "required" in both:
        both["required"] = [*_items(left.get("required")), *_items(right.get("required"))]
    return both


def _mapping(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _items(value: object) -> Sequence[Any]:
    return cast("Sequence[Any]", value) if isinstance(value, list) else ()


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _integer(value: object) -> int:
    return max(0, int(_float(value) or 0))


def _bound(rules: dict[str, Any], inclusive: str, exclusive: str, away: int) -> float:
    """The closest value that the rules allow on one side; `away` points to the inside of the range."""
    outside = _float(rules.get(exclusive))
    if outside is not None:
        other = _float(rules.get("exclusiveMaximum" if away > 0 else "exclusiveMinimum"))
        span = abs(other - outside) if other is not None else 2.0
        return outside + away * (1.0 if span > 1 else span / 2)
    inside = _float(rules.get(inclusive))
    return inside if inside is not None else -away * math.inf
