"""Environment variables: which one is which key, and Ollama's own way to read OLLAMA_HOST.

Strategy: every variable becomes the tree of one key, so that it is read, checked and refused just as in a file. Plain
names (NAMED) come first, a provider's own (`OLLAMA_URL`) next, `OLLAMUX_` and a path last: the more exact wins.

Rules: an empty variable is absent; a name that is not ours is not an error, one that begins with `OLLAMUX_`, holds `__`
and is no key is; a provider's variables refine the one backend of its type, and make one only where no backend is
configured. A model that names a vendor then makes one too: what is missing there is told when it is asked for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ollamux.config.backends import type_of
from ollamux.config.document import parse_value
from ollamux.config.kinds import flag
from ollamux.config.sections import ROOT
from ollamux.config.tree import Branch, Node, Problems, branch, empty, merge, tidy
from ollamux.config.types import VENDORS, Vendor, is_type, type_at, type_called
from ollamux.config.values import number, scalar

__all__ = ("ENDINGS", "NAMED", "Listen", "dotted_tree", "extra_files", "listen", "named_tree", "vendor_tree")

NAMED: Mapping[str, str] = {
    "HOST": "server.host",
    "PORT": "server.port",
    "OLLAMA_ORIGINS": "server.origins",
    "OLLAMA_MAX_QUEUE": "queue.size",
    "MAX_QUEUE_SIZE": "queue.size",
    "MAX_CONCURRENT_REQUESTS": "queue.concurrency",
    "ENABLE_PRIORITIZATION": "queue.prioritise",
    "HEALTH_CHECK_INTERVAL": "health.interval",
    "ROUTING_STRATEGY": "routing.strategy",
    "FALLBACK_STRATEGY": "routing.fallback",
    "ENABLE_LOAD_BALANCING": "routing.load_balancing",
    "LOG_LEVEL": "logging.level",
}
"""The key that each variable sets; where two set one, the later line wins."""


ENDINGS: Mapping[str, str] = {
    "BASE_URL": "endpoint",
    "URL": "endpoint",
    "API_KEY": "api_key",
    "TIMEOUT": "timeout",
    "PRIORITY": "priority",
    "MAX_CONCURRENT_REQUESTS": "max_concurrent_requests",
}

"""The key of a backend that each ending of a vendor's variables sets. `ENABLED=false` takes the vendor out; `URL` wins
over `BASE_URL`."""

_MAKERS = frozenset({"endpoint", "api_key", "access_key"})
_CLOUD_OLLAMA = "https://ollama.com"
_ROUTER = "ROUTER_"
_OURS = "OLLAMUX_"


class Listen(NamedTuple):
    """What OLLAMA_HOST says. `port` is None where it names none."""

    host: str
    port: int | None


def listen(text: str) -> Listen | None:
    """OLLAMA_HOST as Ollama reads it: quotes and space around it fall, http:// means port 80 and https:// 443, a bad
    port is the default one, no host is every address. None where there is nothing in it."""
    text = text.strip().strip("\"'").strip()
    if not text:
        return None
    scheme, found, rest = text.partition("://")
    default = {"http": 80, "https": 443}.get(scheme) if found else None
    address = (rest if found else text).partition("/")[0]
    host, port = _split(address)
    if port is None:
        return Listen(host or "127.0.0.1", default)
    valid = re.fullmatch(r"[+-]?\d{1,10}", port) is not None and 0 <= int(port) <= 65535
    return Listen(host or "0.0.0.0", int(port) if valid else default)


def _split(address: str) -> tuple[str, str | None]:
    """Host and port; no port where the address has none or cannot be split."""
    if match := re.fullmatch(r"\[([^\[\]]*)\]:([^:\[\]]*)|([^:\[\]]*):([^:\[\]]*)", address):
        return (match[1], match[2]) if match[2] is not None else (match[3], match[4])
    bare = address.strip("[]")
    try:
        return str(ipaddress.ip_address(bare)), None
    except ValueError:
        return address, None


def extra_files(env: Mapping[str, str]) -> tuple[str, ...]:
    """Files that variables name, to be read like any other, before the configuration's own."""
    path = env.get("MODEL_CONFIG_PATH", "").strip()
    return (path,) if path else ()


def named_tree(env: Mapping[str, str]) -> Node:
    """The tree of the variables in NAMED, of OLLAMA_HOST and of SERVICE_API_KEY, which is `server.keys` of its own."""
    found = empty()
    if (place := listen(env.get("OLLAMA_HOST", ""))) is not None:
        found = merge(found, branch("OLLAMA_HOST", ("server", "host"), place.host, place.host))
        if place.port is not None:
            found = merge(found, branch("OLLAMA_HOST", ("server", "port"), place.port, None))
    for name, path in NAMED.items():
        if text := env.get(name, "").strip():
            found = merge(found, branch(name, tuple(path.split(".")), scalar(text), text))
    return found


def vendor_tree(env: Mapping[str, str], tree: Node, notes: list[str]) -> tuple[Node, frozenset[str]]:
    """What providers' variables add to the tree, and the types that they switch off. What has no effect is noted."""
    found, off = empty(), set[str]()
    configured = (tree.branch or {}).get("backends")
    backends: Branch = (configured.branch or {}) if configured is not None else {}
    chosen, routed = _routed(env, notes)
    wanted = _wanted(tree) if configured is None else frozenset[str]()
    for kind, vendor in {**VENDORS, **({chosen: Vendor("")} if chosen and chosen not in VENDORS else {})}.items():
        said = {**(routed if kind == chosen else {}), **_said(vendor, env)}
        enabled = not vendor.prefix or _enabled(env.get(f"{vendor.prefix}ENABLED", ""))
        if not enabled:
            off.add(kind)
        if configured is None:
            if not enabled or not (said or kind in wanted):
                continue
            source = _maker(kind, vendor, said)
            if source is None and kind not in wanted and kind != chosen:
                if not said.keys() <= vendor.hints.keys():
                    missing = "URL" if vendor.needs_endpoint or not vendor.needs_key else "API_KEY"
                    notes.append(
                        f"{_both(said)}: no effect without {vendor.prefix}{missing} or a backend of type {kind}"
                    )
                continue
            name = kind
            source = source or ("ROUTER_PROVIDER" if kind == chosen else "models")
            found = merge(found, branch(source, ("backends", name, "type"), kind, None))
            if kind == "ollama" and "endpoint" not in said.values() and kind != chosen:
                found = merge(found, branch(source, ("backends", name, "endpoint"), _CLOUD_OLLAMA, None))
        else:
            names = [name for name, node in backends.items() if type_of(name, node) == kind]
            if len(names) != 1:
                if not said.keys() <= vendor.hints.keys():
                    why = "several backends are" if names else "no backend is"
                    notes.append(f"{_both(said)}: no effect, since {why} of type {kind}")
                continue
            name = names[0]
        for variable, key in said.items():
            text = env[variable].strip()
            value, raw = _order(text) if key == "priority" else (scalar(text), text)
            found = merge(found, branch(variable, ("backends", name, key), value, raw))
    return found, frozenset(off)


def _said(vendor: Vendor, env: Mapping[str, str]) -> dict[str, str]:
    """The variables of a vendor that are set, and the key that each one sets; the stronger later."""
    own = {vendor.prefix + ending: key for ending, key in ENDINGS.items()} if vendor.prefix else {}
    names = {**vendor.hints, **vendor.others, **own}
    return {name: key for name, key in names.items() if env.get(name, "").strip()}


def _maker(kind: str, vendor: Vendor, said: Mapping[str, str]) -> str | None:
    """The variable for which a vendor becomes a backend; None where none of them is reason enough."""
    makers = {name: key for name, key in said.items() if key in _MAKERS and name not in vendor.hints}
    places = [name for name, key in makers.items() if key == "endpoint"]
    if places:
        return places[-1]
    return None if vendor.needs_endpoint else next(iter(makers), None)


def _wanted(tree: Node) -> frozenset[str]:
    """The vendors that models name as their backends."""
    models = (tree.branch or {}).get("models")
    nodes = ((models.branch or {}) if models is not None else {}).values()
    told = ((node.branch or {}).get("backend") for node in nodes)
    kinds = (type_called(str(node.word)) for node in told if node is not None)
    return frozenset(kind for kind in kinds if kind in VENDORS and VENDORS[kind].needs_key)


def _routed(env: Mapping[str, str], notes: list[str]) -> tuple[str, dict[str, str]]:
    """The type that the variables of one backend for all (`ROUTER_`) are about, and the keys that they set."""
    word = env.get(f"{_ROUTER}PROVIDER", "").strip().lower()
    of_openai = {f"{_ROUTER}OPENAI_BASE_URL": "endpoint", f"{_ROUTER}OPENAI_API_KEY": "api_key"}
    of_others = {f"{_ROUTER}OLLAMA_URL": "endpoint"}
    if not word:
        told = [name for name in (*of_others, *of_openai) if env.get(name, "").strip()]
        word = "" if not told else "ollama" if told[0] in of_others else "openai"
    kind = type_called(word)
    if not kind:
        return "", {}
    if not is_type(kind):
        notes.append(f"{_ROUTER}PROVIDER: no effect, since {word!r} is no type of backend")
        return "", {}
    names = of_openai if kind in ("openai", "openai_compatible") else of_others
    if kind == "openai" and (place := env.get(f"{_ROUTER}OPENAI_BASE_URL", "").strip()):
        kind = type_at(place) or "openai_compatible"
    names = {**names, f"{_ROUTER}MODEL_PREFIX": "model_prefix"}
    return kind, {name: key for name, key in names.items() if env.get(name, "").strip()}


def _enabled(text: str) -> bool:
    try:
        return not text.strip() or flag(Node(value=text, source="", path=""))
    except ValueError:
        return True


def _order(text: str) -> tuple[Any, str | None]:
    """In variables 1 comes first; in the configuration the higher number does."""
    found = number(text)
    return (text, text) if found is None else (100 - found, None)


def _both(said: Mapping[str, str]) -> str:
    return " and ".join(said)


def dotted_tree(env: Mapping[str, str], tree: Node, problems: Problems) -> Node:
    """The tree of the variables `OLLAMUX_` and a path, its parts joined by two underscores. A part that is a name of
    the user's (a backend's id, a model) finds the one in the tree that differs in case and signs alone; a backend's may
    also be its number in the list."""
    found = empty()
    for variable in sorted(env, key=lambda name: (name.count("__"), name)):
        text = env[variable].strip()
        if not variable.startswith(_OURS) or not text:
            continue
        parts = tuple(variable[len(_OURS) :].split("__"))
        if len(parts) == 1 and parts[0].lower() not in ROOT.keys:
            continue  # another program's, or a key that the configuration names
        if not all(parts):
            problems.add(Node(value=None, source=variable, path=""), "a part between the underscores is empty")
            continue
        if (value := parse_value(text, variable)) is not None:
            found = merge(found, tidy(branch(variable, _path(parts, tree), value, text), problems))
    return found


def _path(parts: tuple[str, ...], tree: Node) -> tuple[str, ...]:
    path: list[str] = []
    at: Node | None = tree
    for part in parts:
        keys = (at.branch or {}) if at is not None else {}
        if path == ["backends"] and part.isdigit() and int(part) < len(keys):
            name = list(keys)[int(part)]
        else:
            name = next((key for key in keys if _plain(key) == _plain(part)), part.lower())
        path.append(name)
        at = keys.get(name)
    return tuple(path)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
