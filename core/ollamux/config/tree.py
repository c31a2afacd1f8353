"""Layers as trees whose every node knows where it was written, and the merge of them.

Strategy: a layer becomes nodes once, in one shape whatever the spelling (backends as a mapping by id, one name for each
key that has several); then merging is key by key, the stronger layer last, and a reader never asks where a value is
from. Mappings merge, anything else replaces; so a later file adds backends and refines those with the same id.

Rules: `null` is absent and overrides nothing; ways to tell a backend's key exclude one another, so a stronger layer's
way removes a weaker one's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

import msgspec

from ollamux.config.document import Layer
from ollamux.config.values import interpolate, scalar

__all__ = ("Branch", "Node", "Problems", "Scalar", "branch", "empty", "layer_tree", "merge", "tidy")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_DEEPEST = 64
_EXCLUSIVE = (
    frozenset({"api_key", "api_key_env", "api_key_file", "api_keys"}),
    *(
        frozenset({name, f"{name}_env", f"{name}_file"})
        for name in ("access_key", "secret_key", "session_token", "client_secret")
    ),
)
_BACKEND_NAMES = {"base_url": "endpoint", "url": "endpoint"}
_MODEL_NAMES = {"model": "api_model"}


Scalar: TypeAlias = str | int | float | bool | None
Branch: TypeAlias = "dict[str, Node]"


class Node(msgspec.Struct, kw_only=True):
    """A value and its place. `value` is a scalar, a list of nodes or a `Branch`; `raw` the text where a string was to
    be read as YAML would (a variable, an interpolated string); `hidden` that an error must not repeat it."""

    value: Scalar | list[Node] | Branch
    source: str
    path: str
    raw: str | None = None
    hidden: bool = False

    @property
    def place(self) -> str:
        """As an error names it: `ollamux.yaml: backends[1].endpoint`."""
        return f"{self.source}: {self.path}" if self.path else self.source

    @property
    def word(self) -> Scalar | list[Node] | Branch:
        """The value, or the text that it was read from where there is one."""
        return self.value if self.raw is None else self.raw

    @property
    def branch(self) -> Branch | None:
        """Its keys, where it is a mapping."""
        return self.value if isinstance(self.value, dict) else None

    @property
    def items(self) -> list[Node] | None:
        """Its items, where it is a list."""
        return self.value if isinstance(self.value, list) else None


class Problems:
    """Everything that is wrong, in the order in which it was found, each once."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, node: Node, problem: str) -> None:
        """What is wrong at this place."""
        told = f"{node.place}: {problem}"
        line = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in told)
        if line not in self.lines:
            self.lines.append(line)


def empty() -> Node:
    """A mapping without keys."""
    return Node(value={}, source="", path="")


def branch(source: str, path: tuple[str, ...], leaf: Any, raw: str | None) -> Node:
    """The tree of a single key."""
    at = ""
    places = [at := _join(at, key) for key in path]
    node = _build(leaf, source, places[-1], 0, None, Problems())
    node.raw = raw
    for key, place in zip(reversed(path), ["", *places[:-1]][::-1], strict=True):
        node = Node(value={key: node}, source=source, path=place)
    return node


def layer_tree(layer: Layer, env: Mapping[str, str], problems: Problems) -> Node:
    """A file's tree: `${NAME}` put in, in one shape. What cannot be is among the problems."""
    root = _build(layer.data, layer.source, "", 0, env, problems)
    return tidy(root, problems)


def merge(weaker: Node, stronger: Node) -> Node:
    """Both, the stronger one's word where both have one. Neither is changed."""
    below, above = weaker.branch, stronger.branch
    if below is None or above is None:
        return stronger
    found = dict(below)
    for group in _EXCLUSIVE:
        if not group.isdisjoint(above):
            for key in group:
                found.pop(key, None)
    for key, node in above.items():
        found[key] = merge(found[key], node) if key in found else node
    kept = weaker if weaker.source else stronger
    return Node(value=found, source=kept.source, path=kept.path)


def tidy(root: Node, problems: Problems) -> Node:
    """One layer in the one shape: backends by id, and each key under its own name."""
    top = root.branch
    if top is None:
        return root
    if (backends := top.get("backends")) is not None:
        top["backends"] = _by_id(backends, problems)
        for node in (top["backends"].branch or {}).values():
            _rename(node, _BACKEND_NAMES, problems)
            _unfold_auth(node)
            _check_exclusive(node, problems)
            if (oauth2 := (node.branch or {}).get("oauth2")) is not None:
                _check_exclusive(oauth2, problems)
    if (models := top.get("models")) is not None:
        for node in (models.branch or {}).values():
            _rename(node, _MODEL_NAMES, problems)
    return root


def _unfold_auth(node: Node) -> None:
    """`auth: {oauth2: {...}}` is `auth: oauth2` with the rest beside it."""
    keys = node.branch or {}
    told = keys.get("auth")
    inner = (told.branch or {}) if told is not None else {}
    if told is not None and list(inner) == ["oauth2"] and "oauth2" not in keys:
        keys["oauth2"] = inner["oauth2"]
        keys["auth"] = Node(value="oauth2", source=told.source, path=told.path)


def _check_exclusive(node: Node, problems: Problems) -> None:
    for group in _EXCLUSIVE:
        said = sorted(group.intersection(node.branch or ()))
        if len(said) > 1:
            problems.add(node, f"only one of {' and '.join(said)} can be meant")


def _build(
    value: object, source: str, path: str, depth: int, env: Mapping[str, str] | None, problems: Problems
) -> Node:
    node = Node(value=None, source=source, path=path)
    if depth > _DEEPEST:
        problems.add(node, "nested too deeply")
    elif isinstance(value, Mapping):
        built = {
            str(key): _build(item, source, _join(path, str(key)), depth + 1, env, problems)
            for key, item in cast("Mapping[object, object]", value).items()
            if item is not None
        }
        node.value = {key: item for key, item in built.items() if item.raw != ""}  # `${NAME:-}`
    elif isinstance(value, list | tuple):
        node.value = [
            _build(item, source, f"{path}[{index}]", depth + 1, env, problems)
            for index, item in enumerate(cast("Sequence[object]", value))
        ]
    elif env is not None and isinstance(value, str) and "${" in value:
        try:
            node.raw = interpolate(value, env)
        except ValueError as error:
            problems.add(node, str(error))
            node.raw = ""
        node.value, node.hidden = scalar(node.raw), True
    elif value is None or isinstance(value, str | int | float):
        node.value = value
    else:
        problems.add(node, f"a configuration holds no {type(value).__name__}")
    return node


def _join(path: str, key: str) -> str:
    if not _PLAIN_KEY.fullmatch(key):
        return f'{path}["{key}"]'
    return f"{path}.{key}" if path else key


def _by_id(backends: Node, problems: Problems) -> Node:
    """A list of backends as a mapping by id. One without an id keeps its place as its name, so that reading goes on."""
    found: Branch = {}
    if (listed := backends.items) is not None:
        for index, node in enumerate(listed):
            keys = node.branch
            if keys is None:
                problems.add(node, "expected a mapping of keys, such as `id:` and `type:`")
                continue
            told = keys.pop("id", None)
            name = told.word if told is not None else None
            if isinstance(name, str) and _ID.fullmatch(name) and name not in found:
                found[name] = node
                continue
            found[f"[{index}]"] = node
            if told is None:
                problems.add(node, "every backend needs an `id`")
            elif isinstance(name, str) and name in found:
                problems.add(told, f"the id {name} is taken by {found[name].path}")
            else:
                problems.add(told, _BAD_ID)
        return Node(value=found, source=backends.source, path=backends.path)
    for name, node in (backends.branch or {}).items():
        told = (node.branch or {}).pop("id", None)
        if told is not None and told.word != name:
            problems.add(told, f"the backend is called {name} already")
        if not _ID.fullmatch(name):
            problems.add(node, _BAD_ID)
    return backends


_BAD_ID = "an id is letters, digits, `.`, `_` and `-`, the first a letter or a digit"


def _rename(node: Node, names: Mapping[str, str], problems: Problems) -> None:
    keys = node.branch
    if keys is None:
        return
    for spelled, name in names.items():
        if spelled in keys:
            value = keys.pop(spelled)
            if name in keys:
                problems.add(value, f"{keys[name].path} says the same; only one of them can be meant")
            else:
                keys[name] = value
