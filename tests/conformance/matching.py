"""Whether an answer is the one that a real Ollama gave, and if not, where it differs.

A recorded case is a request, and the answer that Ollama 0.33 gave to it. What is compared: the status, the media type
with its charset, the headers that steer a client, the framing, and the body value by value. Both bodies are walked
together, so that a difference is told by its place.

Rules: keys have their order and may not come twice; 3 and 3.0 are two things, but in a list of numbers; what must
differ between two runs (an id, a moment, a duration, a version, a `context`) is compared by its kind; a case with a
`shape` has no recorded body, and its answer has the keys and kinds that the shape names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.support.running import Answered

__all__ = ("differences",)

_STEERING = re.compile("allow|location|access-control-.+")
_MOMENT = re.compile(r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_MADE_ID = re.compile(r"(call_|toolu_|req_|msg_|resp_|chatcmpl-|cmpl-).+", re.DOTALL)
_VERSION = re.compile(r"\d+\.\d+\.\d+(-\w+)?")


def _is_int(value: object) -> bool:
    return type(value) is int


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_moment(value: object) -> bool:
    return isinstance(value, str) and _MOMENT.fullmatch(value) is not None


_KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda value: True,
    "bool": lambda value: isinstance(value, bool),
    "hex64": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
    "int": _is_int,
    "number": _is_number,
    "text": lambda value: isinstance(value, str),
    "time": _is_moment,
}
"""The words of a shape."""

_BY_KIND: dict[str, Callable[[Any], bool]] = {
    "context": lambda value: isinstance(value, list) and bool(value) and all(map(_is_int, value)),
    "created_at": _is_moment,
    "expires_at": _is_moment,
    "load_duration": lambda value: _is_int(value) and value > 0,
    "modified_at": _is_moment,
    "total_duration": lambda value: _is_int(value) and value > 0,
    "version": lambda value: isinstance(value, str) and _VERSION.fullmatch(value) is not None,
}
"""The keys whose values are not the recorded ones."""


def differences(case: dict[str, Any], answer: Answered) -> list[str]:
    """One line for each difference; none where the answer matches."""
    return [*_head(case, answer), *_body(case, answer)]


def _head(case: dict[str, Any], answer: Answered) -> Iterator[str]:
    if answer.status != case["status"]:
        yield f"the status is {answer.status}, not {case['status']}"
    kind = answer.header("content-type") or ""
    if kind.lower() != case["content_type"]:
        yield f"the content type is {kind!r}, not {case['content_type']!r}"
    wanted = {name.lower(): [value] for name, value in case["response_headers"].items()}
    found: dict[str, list[str]] = {}
    for name, value in answer.headers:
        found.setdefault(name, []).append(value)
    for name in sorted(filter(_STEERING.fullmatch, wanted.keys() | found.keys())):
        if found.get(name) != wanted.get(name):
            yield f"{name} is {found.get(name)}, not {wanted.get(name)}"


def _body(case: dict[str, Any], answer: Answered) -> Iterator[str]:
    try:
        text = answer.body.decode()
        if "shape" in case:
            yield from _unshaped("body", case["shape"], _parsed(text))
            yield from (f"{listed} is not listed" for listed in case.get("lists", ()) if listed not in text)
        elif "json" in case["content_type"] and case["response"]:
            ndjson = "ndjson" in case["content_type"]
            wanted, found = (_lines(body) if ndjson else [body] for body in (case["response"], text))
            if len(wanted) != len(found):
                yield f"the body has {len(found)} lines, not {len(wanted)}: {text!r}"
            for at, (recorded, line) in enumerate(zip(wanted, found, strict=False)):
                yield from _unlike(f"line {at}", "", _parsed(recorded), _parsed(line))
        elif text != case["response"]:
            yield f"the body is {text!r}, not {case['response']!r}"
    except ValueError as error:
        yield f"the body cannot be read, {error}: {answer.body!r}"


def _lines(body: str) -> list[str]:
    """The lines of NDJSON. Raises ValueError for a blank one, and where the last has no end."""
    lines = body.split("\n")
    if lines.pop():
        raise ValueError("the last line has no newline")
    if not all(line.strip() for line in lines):
        raise ValueError("a line is blank")
    return lines


def _parsed(text: str) -> Any:
    if text != text.strip():
        raise ValueError("there is white space around the value")
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _unlike(place: str, key: str, wanted: Any, found: Any) -> Iterator[str]:
    if key in _BY_KIND:
        if not _BY_KIND[key](found):
            yield f"{place} is {found!r}, not of its kind"
    elif isinstance(wanted, dict) and isinstance(found, dict):
        if list(wanted) != list(found):
            yield f"{place} has the keys {list(found)}, not {list(wanted)}"
        for name in wanted.keys() & found.keys():
            yield from _unlike(f"{place}.{name}", name, wanted[name], found[name])
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{place} has {len(found)} items, not {len(wanted)}"
        if all(map(_is_number, wanted)) and all(map(_is_number, found)):
            if wanted != found:
                yield f"{place} is {found}, not {wanted}"
            return
        for at, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _unlike(f"{place}[{at}]", "", one, other)
    elif key == "id" and (made := _MADE_ID.fullmatch(str(wanted))) is not None:
        if not isinstance(found, str) or not _MADE_ID.fullmatch(found) or not found.startswith(made[1]):
            yield f"{place} is {found!r}, not an id like {wanted!r}"
    elif type(wanted) is not type(found) or wanted != found:
        yield f"{place} is {found!r}, not {wanted!r}"


def _unshaped(place: str, shape: Any, found: Any) -> Iterator[str]:
    """A shape is a kind's word, a list of one shape for every item, or an object: `key?` may be absent, and `...`
    allows keys that are not named."""
    if isinstance(shape, str):
        if not _KINDS[shape](found):
            yield f"{place} is {found!r}, not {shape}"
    elif isinstance(shape, list):
        if isinstance(found, list):
            for at, item in enumerate(found):
                yield from _unshaped(f"{place}[{at}]", shape[0], item)
        else:
            yield f"{place} is no list"
    elif not isinstance(found, dict):
        yield f"{place} is no object"
    else:
        named = {key.removesuffix("?"): key for key in shape if key != "..."}
        missing = [name for name, key in named.items() if name == key and name not in found]
        if missing:
            yield f"{place} lacks {missing}"
        others = [name for name in found if name not in named]
        if others and "..." not in shape:
            yield f"{place} has {others} too"
        if [name for name in found if name in named] != [name for name in named if name in found]:
            yield f"{place} has its keys in the order {list(found)}"
        for name in named.keys() & found.keys():
            yield from _unshaped(f"{place}.{name}", shape[named[name]], found[name])
