"""Where the layers meet: files, environment and flags become one `Config`, or one error with every problem.

Strategy: each layer becomes a tree, the trees are merged from the weakest to the strongest (files in order, variables,
flags), and the result is read once. What concerns several keys is checked last.

Rules: pure; whoever calls has read the files, with those that `includes_of` and `extra_files` name before them, and has
put the `.env` into `env`, under what was there. Secrets are read by `resolve_keys`, in `keys`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from ollamux.config.backends import read_backends
from ollamux.config.document import Layer
from ollamux.config.environment import dotted_tree, named_tree, vendor_tree
from ollamux.config.kinds import keep_alive
from ollamux.config.read import read_keys, suggestion
from ollamux.config.schema import BackendConfig, Config, KeyConfig, Secret, ServerConfig, ThermalConfig
from ollamux.config.sections import ROOT
from ollamux.config.tree import Node, Problems, branch, empty, layer_tree, merge, tidy
from ollamux.config.types import type_called
from ollamux.config.values import scalar
from ollamux.errors import ConfigError

__all__ = ("load",)

_SERVICE = "SERVICE_API_KEY"
_WAYS = ("key", "key_env", "key_file", "key_sha256")


def load(files: Sequence[Layer], env: Mapping[str, str], flags: Mapping[str, Any] | None = None) -> Config:
    """The configuration of these layers: `flags` (dotted path or nested, None is absent) over `env` over `files`, a
    later file over an earlier one. Raises ConfigError with everything that is wrong."""
    problems, notes = Problems(), list[str]()
    tree = empty()
    if env.get("ENVIRONMENT", "").strip().lower() == "production":
        tree = branch("ENVIRONMENT", ("logging", "format"), "json", None)
    for layer in files:
        tree = merge(tree, layer_tree(layer, env, problems))
    exact = dotted_tree(env, tree, problems)
    vendors, off = vendor_tree(env, merge(tree, exact), notes)
    for stronger in (named_tree(env), vendors, exact, *_flag_trees(flags or {}, problems)):
        tree = merge(tree, stronger)
    top = dict(tree.branch or {})
    given = top.pop("backends", None)
    found = read_keys(ROOT, Node(value=top, source=tree.source, path=""), problems) or {}
    for key in ("include", "features"):
        found.pop(key, None)
    backends = None if given is None else read_backends(given, problems, found.get("retry"))
    found["server"] = _server(found.get("server", ServerConfig()), top.get("server"), env, problems)
    _check_models(top.get("models"), given, backends, problems)
    _check_aliases(top.get("aliases"), found.get("models", {}), problems)
    _check_thermal(top.get("thermal"), found.get("thermal", ThermalConfig()), problems)
    alive = _keep_alive(env, problems)
    if problems.lines:
        raise ConfigError(*problems.lines)
    return Config(backends=backends, keep_alive=alive, switched_off=off, notes=tuple(notes), **found)


def _flag_trees(flags: Mapping[str, Any], problems: Problems) -> list[Node]:
    trees: list[Node] = []
    for path, value in flags.items():
        if value is None:
            continue
        source = "--" + path.rpartition(".")[2].replace("_", "-")
        value, raw = (scalar(value), value) if isinstance(value, str) else (value, None)
        trees.append(tidy(branch(source, tuple(path.split(".")), value, raw), problems))
    return trees


def _server(server: ServerConfig, node: Node | None, env: Mapping[str, str], problems: Problems) -> ServerConfig:
    """The server with SERVICE_API_KEY among its keys, every key complete and under a name of its own."""
    keys = (node.branch or {}) if node is not None else {}
    listed = keys.get("keys")
    seen: set[str] = set()
    for item in (listed.items or []) if listed is not None else []:
        fields = item.branch or {}
        told = [way for way in _WAYS if way in fields]
        if len(told) != 1:
            problems.add(item, f"needs one of {', '.join(_WAYS)}{' and no more' if told else ''}")
        name = fields["name"].value if "name" in fields else None
        if isinstance(name, str):
            if name in seen:
                problems.add(fields["name"], f"the name {name} is taken by another key")
            seen.add(name)
    found = {key.name: key for key in server.keys}
    if text := env.get(_SERVICE, "").strip():
        if not text.isascii() or not text.isprintable():
            problems.add(Node(value=None, source=_SERVICE, path=""), "expected a key of visible ASCII characters")
        found["service"] = KeyConfig(name="service", key=Secret(text), scopes=frozenset({"inference", "manage"}))
    return replace(server, keys=tuple(found.values()), port_given="port" in keys)


def _check_models(
    models: Node | None, given: Node | None, backends: tuple[BackendConfig, ...] | None, problems: Problems
) -> None:
    """A model's backend is a backend's id, or the provider of one."""
    if backends is None or given is None:
        return
    ids = tuple(given.branch or ())
    types = {backend.type for backend in backends}
    for node in ((models.branch or {}) if models is not None else {}).values():
        told = (node.branch or {}).get("backend")
        name = told.word if told is not None else None
        if told is not None and isinstance(name, str) and name not in ids and type_called(name) not in types:
            problems.add(told, f"no backend has the id or the type {name}{suggestion(name, ids)}")


def _check_aliases(aliases: Node | None, models: Mapping[str, Any], problems: Problems) -> None:
    """An alias leads to a model at last, and hides none."""
    keys = (aliases.branch or {}) if aliases is not None else {}
    targets = {name: node.word for name, node in keys.items()}
    for name, node in keys.items():
        if name in models:
            problems.add(node, f"{name} is the name of a model as well")
        seen, at = {name}, targets[name]
        while isinstance(at, str) and at in targets and at not in seen:
            seen.add(at)
            at = targets[at]
        if at == name:
            problems.add(node, "leads back to itself")


def _check_thermal(node: Node | None, thermal: ThermalConfig, problems: Problems) -> None:
    """Limits of heat are in their order."""
    if node is None:
        return
    kinds = ((node.branch or {}).get("hardware") or node).branch or {}
    for kind in ("", *thermal.hardware):
        warning, critical, shutdown = thermal.of(kind)
        if not warning < critical <= shutdown:
            at = kinds.get(kind, node) if kind else node
            problems.add(at, "`warning` must be below `critical`, and `critical` not above `shutdown`")
            return


def _keep_alive(env: Mapping[str, str], problems: Problems) -> str | None:
    text = env.get("OLLAMA_KEEP_ALIVE", "").strip().strip("\"'")
    if not text:
        return None
    node = Node(value=text, source="OLLAMA_KEEP_ALIVE", path="")
    try:
        keep_alive(node)
    except ValueError as error:
        problems.add(node, f"expected {error}")
    return text
