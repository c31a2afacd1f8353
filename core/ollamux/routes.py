"""The paths that ollamux serves beside those that call a model, and what Ollama's router answers to the rest.

Strategy: one table, path by path and method by method; a look-up that fails is the slow way, which knows trailing
slashes, wrong methods and unknown paths as Ollama's router does. What is exact comes first, then what has more behind
the part in braces, then what ends with anything.

Rules: the order of methods is the order in which Ollama lists them in Allow; a scope is what a key must have, empty for
any key, None for none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal
from urllib.parse import unquote

import msgspec

from ollamux.contract import ClientRequest
from ollamux.exchange import Exchange
from ollamux.formats import servings as all_servings
from ollamux.formats.base import NOWHERE, Place, Serving, ServingRoute

__all__ = ("Handler", "Match", "NoRoute", "Page", "Redirect", "Router", "Target")

Handler = Literal[
    "model",
    "root",
    "version",
    "status",
    "tags",
    "ps",
    "show",
    "forward",
    "blob",
    "recommendations",
    "models",
    "response",
    "response_input",
    "alive",
    "health",
    "ready",
    "health_detailed",
    "health_providers",
    "providers",
    "provider_stats",
    "tags_of",
    "api_backends",
    "api_models",
    "backends",
    "thermal",
    "efficiency",
    "efficiency_set",
    "page",
]
_METHODS = ("HEAD", "GET", "POST", "PUT", "DELETE")

_TABLE: tuple[tuple[str, str, Handler, str | None], ...] = (
    ("HEAD", "/", "root", None),
    ("GET", "/", "root", None),
    ("HEAD", "/api/version", "version", ""),
    ("GET", "/api/version", "version", ""),
    ("GET", "/api/status", "status", ""),
    ("HEAD", "/api/tags", "tags", ""),
    ("GET", "/api/tags", "tags", ""),
    ("GET", "/api/ps", "ps", ""),
    ("POST", "/api/show", "show", ""),
    ("POST", "/api/pull", "forward", "manage"),
    ("POST", "/api/push", "forward", "manage"),
    ("POST", "/api/create", "forward", "manage"),
    ("POST", "/api/copy", "forward", "manage"),
    ("DELETE", "/api/delete", "forward", "manage"),
    ("POST", "/api/me", "forward", "manage"),
    ("POST", "/api/signout", "forward", "manage"),
    ("POST", "/api/experimental/web_search", "forward", "inference"),
    ("POST", "/api/experimental/web_fetch", "forward", "inference"),
    ("GET", "/api/experimental/model-recommendations", "recommendations", ""),
    ("GET", "/v1/models", "models", ""),
    ("GET", "/v1beta/models", "models", ""),
    ("GET", "/models", "models", ""),
    ("GET", "/health", "health", None),
    ("GET", "/healthz", "alive", None),
    ("GET", "/readyz", "ready", None),
    ("GET", "/health/detailed", "health_detailed", ""),
    ("GET", "/health/providers", "health_providers", ""),
    ("GET", "/api/providers", "providers", ""),
    ("GET", "/api/backends", "api_backends", ""),
    ("GET", "/api/models", "api_models", ""),
    ("GET", "/backends", "backends", ""),
    ("GET", "/thermal", "thermal", ""),
    ("GET", "/efficiency", "efficiency", ""),
    ("POST", "/efficiency", "efficiency_set", "manage"),
)
_PREFIXES: tuple[tuple[str, str, Handler, str | None], ...] = (
    ("HEAD", "/api/blobs/", "blob", "manage"),
    ("POST", "/api/blobs/", "blob", "manage"),
    ("DELETE", "/api/user/keys/", "forward", "manage"),
    ("GET", "/v1/models/", "models", ""),
    ("GET", "/v1beta/models/", "models", ""),
    ("GET", "/models/", "models", ""),
    ("GET", "/v1/responses/", "response", "inference"),
    ("DELETE", "/v1/responses/", "response", "inference"),
    ("GET", "/responses/", "response", "inference"),
    ("DELETE", "/responses/", "response", "inference"),
    ("GET", "/health/providers/", "health_providers", ""),
    ("GET", "/api/tags/", "tags_of", ""),
)
_SLASHES = ("/v1/models/", "/v1beta/models/", "/models/")
"""What may have slashes behind it: names of models have some."""

_PATTERNS: tuple[tuple[str, str, Handler, str | None], ...] = (
    ("GET", "/v1/responses/{id}/input_items", "response_input", "inference"),
    ("GET", "/responses/{id}/input_items", "response_input", "inference"),
    ("GET", "/api/providers/{id}/stats", "provider_stats", ""),
)


Page = Callable[[ClientRequest, float], Exchange]
"""What answers a request for a page that somebody else brings."""


class Target:
    """What a method of a path does; `page` is what a front brought for it."""

    __slots__ = ("handler", "page", "place", "route", "scope", "serving")

    def __init__(
        self,
        handler: Handler,
        scope: str | None,
        serving: Serving | None = None,
        route: ServingRoute | None = None,
        place: Place = NOWHERE,
        page: Page | None = None,
    ) -> None:
        self.handler: Handler = handler
        self.scope = scope
        self.serving = serving
        self.route = route
        self.place = place
        self.page = page

    def placed(self, argument: str) -> Target:
        """The same for a path with this in its braces, or behind it."""
        return Target(self.handler, self.scope, self.serving, self.route, Place(argument), self.page)


class Match(msgspec.Struct, frozen=True):
    """A path that is served; `target` is None where it is not served with this method."""

    target: Target | None
    allow: str


class Redirect(msgspec.Struct, frozen=True):
    """The same path with or without its trailing slash is served."""

    path: str


class NoRoute(msgspec.Struct, frozen=True):
    """Nothing of that name."""


class Router:
    """Finds what a request is for. `servings` are the formats that clients may speak: all there are, unless told."""

    def __init__(self, servings: Iterable[Serving] | None = None) -> None:
        self._paths: dict[str, dict[str, Target]] = {}
        self._known: dict[tuple[str, str], Match] = {}
        self._patterns: dict[tuple[str, str], dict[str, Target]] = {}
        for method, path, handler, scope in _TABLE:
            self._add(method, path, Target(handler, scope))
        for serving in all_servings() if servings is None else servings:
            for route in serving.routes:
                self._add(route.method, route.path, Target("model", "inference", serving, route))
        for method, path, handler, scope in _PATTERNS:
            self._add(method, path, Target(handler, scope))
        self._prefixes: dict[str, dict[str, Target]] = {}
        for method, prefix, handler, scope in _PREFIXES:
            self._prefixes.setdefault(prefix, {})[method] = Target(handler, scope)

    def _add(self, method: str, path: str, target: Target) -> None:
        before, brace, rest = path.partition("{")
        if brace:
            self._patterns.setdefault((before, rest.partition("}")[2]), {})[method] = target
        else:
            self._paths.setdefault(path, {})[method] = target

    def mount(self, method: str, path: str, scope: str | None, page: Page) -> None:
        """Serves a path that is not in the table: an exact one."""
        target = Target("page", scope, page=page)
        self._known.clear()
        self._add(method, path, target)

    def hot(self, method: str, path: str) -> Target | None:
        """The target of a path spelled as it stands in the table."""
        methods = self._paths.get(path)
        return None if methods is None else methods.get(method)

    def find(self, method: str, path: str) -> Match | Redirect | NoRoute:
        """`path` without its query, still percent-encoded."""
        known = self._known.get((method, path))
        if known is not None:
            return known
        asked, path = path, unquote(path)
        methods = self._methods(path)
        if methods is None:
            other = path[:-1] if path.endswith("/") else path + "/"
            near = self._methods(other) if other else None
            if near is not None and method in near:
                return Redirect(other)
            return NoRoute()
        match = Match(methods.get(method), ", ".join([name for name in _METHODS if name in methods]))
        if self.hot(method, asked) is not None:
            self._known[method, asked] = match
        return match

    def serving(self, path: str) -> Serving | None:
        """The client format whose path this is, whatever the method."""
        methods = self._methods(unquote(path)) or {}
        return next((target.serving for target in methods.values() if target.serving is not None), None)

    def _methods(self, path: str) -> dict[str, Target] | None:
        exact = self._paths.get(path)
        if exact is not None:
            return exact
        for (before, after), methods in self._patterns.items():
            if path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after):
                return _placed(methods, path[len(before) : len(path) - len(after)])
        for prefix, methods in self._prefixes.items():
            rest = path.removeprefix(prefix)
            if rest != path and rest and ("/" not in rest or prefix in _SLASHES):
                return _placed(methods, rest)
        return None


def _placed(methods: dict[str, Target], argument: str) -> dict[str, Target]:
    return {method: target.placed(argument) for method, target in methods.items()}
