"""From the text of a file to a `Layer`: YAML or JSON, and the lines of a `.env`.

Strategy: YAML is composed to its nodes and read from them, not constructed, so that scalars mean what YAML 1.2 says
(`on` as a key is a word, a date is text), a key that stands twice is an error, and every error has its line.

Rules: what is wrong raises ConfigError naming the source and the line; no error repeats a value, which may be a secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ollamux.config.values import scalar
from ollamux.errors import ConfigError

if TYPE_CHECKING:
    import yaml

__all__ = ("Layer", "includes_of", "parse_document", "parse_dotenv", "parse_value")

_DEEPEST = 32
_MARKS = {
    "alias": "an alias that nothing defines; a text that begins with `*` is put in quotes",
    "tag": "a tag means nothing here; a text that begins with `!` is put in quotes",
}
_TAGS = "tag:yaml.org,2002:"
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*(.*)", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)\"""", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class Layer(msgspec.Struct, frozen=True):
    """One source of configuration: what to call it in an error (`ollamux.yaml`, `--port`) and its keys, nested."""

    source: str
    data: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Layer({self.source!r})"  # the data may hold keys


def parse_document(text: bytes, source: str) -> Layer:
    """A configuration file. JSON where the name ends in `.json` or the text opens with a brace and is JSON, else YAML;
    an empty file is an empty mapping. Raises ConfigError."""
    try:
        decoded = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{source}: line {line}: this is not UTF-8") from None
    data = _parse(decoded, source)
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise ConfigError(f"{source}: line 1: expected a mapping of keys, such as `server:` and `backends:`")
    return Layer(source, cast("Mapping[str, Any]", data))


def parse_value(text: str, source: str) -> Any:
    """A value in a variable, as YAML: a scalar, `[a, b]` or `{a: b}`. What is no YAML is plain text."""
    try:
        return _parse_yaml(text, source)
    except ConfigError:
        return text


def includes_of(layer: Layer) -> tuple[str, ...]:
    """The files that its `include` names, in order. Raises ConfigError."""
    value = layer.data.get("include")
    listed: object = [] if value is None else [value] if isinstance(value, str) else value
    paths = cast("list[object]", listed) if isinstance(listed, list) else [None]
    found = tuple(path for path in paths if isinstance(path, str) and path)
    if len(found) != len(paths):
        raise ConfigError(f"{layer.source}: include: expected a list of files")
    return found


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env`: NAME=value, `export` before it or not, in single quotes (as it stands), in double
    quotes (`\\n` and the like mean what they say, lines may go on) or plain (up to ` #`). Raises ConfigError."""
    found: dict[str, str] = {}
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index].strip()
        index += 1
        if not line or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            raise ConfigError(f".env: line {number}: expected NAME=value")
        name, value = match[1], match[2]
        if value[:1] in ("'", '"'):
            while (quoted := _QUOTED.match(value)) is None and index < len(lines):
                value += "\n" + lines[index]
                index += 1
            rest = value[quoted.end() :].strip() if quoted else ""
            if quoted is None or (rest and not rest.startswith("#")):
                raise ConfigError(f".env: line {number}: the quote of {name} is not closed where its value ends")
            value = quoted[1] if quoted[1] is not None else _unescape(quoted[2])
        else:
            value = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
        found[name] = value
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text, flags=re.DOTALL)


def _parse(text: str, source: str) -> Any:
    named_json = source.lower().endswith(".json")
    if named_json or text.lstrip().startswith("{"):
        try:
            return _parse_json(text, source) if text.strip() else None
        except json.JSONDecodeError as error:
            if named_json:
                raise ConfigError(f"{source}: line {error.lineno}: {error.msg}") from None
        except RecursionError:
            raise ConfigError(f"{source}: nested too deeply") from None
    return _parse_yaml(text, source)


def _parse_json(text: str, source: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ConfigError(f"{source}: the key {twice!r} stands twice in one place")
        return found

    return json.loads(text, object_pairs_hook=unique)


def _parse_yaml(text: str, source: str) -> Any:
    import yaml  # nobody needs it whose settings are JSON, or flags

    try:
        compose = cast("Callable[..., yaml.Node | None]", yaml.compose)  # pyright: ignore[reportUnknownMemberType]
        root = compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{source}: line {line}: {_unquoted(error.problem or '')}") from None
    except yaml.reader.ReaderError as error:
        line_number = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{source}: line {line_number}: a character that YAML does not allow") from None
    except RecursionError:
        raise ConfigError(f"{source}: nested too deeply") from None
    return None if root is None else _value(root, source, 0)


def _unquoted(problem: str) -> str:
    """A problem in YAML without the text that YAML took for an alias or a tag: it may be a password."""
    return next((said for word, said in _MARKS.items() if f"undefined {word}" in problem), problem)


def _value(node: yaml.Node, source: str, depth: int) -> Any:
    import yaml

    def wrong(at: yaml.Node, problem: str) -> ConfigError:
        return ConfigError(f"{source}: line {at.start_mark.line + 1}: {problem}")

    if depth > _DEEPEST:
        raise wrong(node, "nested too deeply")
    if not node.tag.startswith(_TAGS):
        raise wrong(node, _MARKS["tag"])
    if isinstance(node, yaml.ScalarNode):
        return scalar(node.value) if node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, source, depth + 1) for item in node.value]
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key, item in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise wrong(key, "a key must be a word")
        value = _value(item, source, depth + 1)
        if key.value == "<<" and key.style is None:
            others: list[Any] = value if isinstance(item, yaml.SequenceNode) else [value]
            for other in others:
                if not isinstance(other, dict):
                    raise wrong(item, "`<<` takes a mapping, or a list of them")
                merged = {**cast("dict[str, Any]", other), **merged}
            continue
        if key.value in found:
            raise wrong(key, f"the key {key.value!r} stands twice in one place")
        found[key.value] = value
    return {**merged, **found}
