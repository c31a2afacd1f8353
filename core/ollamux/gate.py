"""Who may ask what: the Origin and Host checks of Ollama, API keys and their scopes.

Strategy: all that can be decided when the configuration loads is decided then; a request without an Origin, with a Host
that was seen before and with no keys configured costs two look-ups.

Rules: an Origin that is not allowed is 403 on every path; the Host check (against DNS rebinding) holds on every bind
and is skipped for a request with a valid key; keys are compared by their SHA-256 in constant time. What was found to
be a key is known by its text from then on, and nothing else ever is: who guesses learns from no time that is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from urllib.parse import parse_qs

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.errors import Forbidden, Unauthorized

__all__ = ("Gate", "IssuedKey")

_LOCAL = ("localhost", "127.0.0.1", "0.0.0.0")
_APPS = ("app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*")
_DEFAULT_ORIGINS = (
    *(f"{scheme}://{host}{port}" for scheme in ("http", "https") for host in _LOCAL for port in ("", ":*")),
    *_APPS,
)
_NAME_SUFFIXES = (".localhost", ".local", ".internal")
_PREFLIGHT: HeaderPairs = (
    (
        "Access-Control-Allow-Headers",
        "Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,X-Stainless-Async,"
        "X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,"
        "X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,"
        "X-Stainless-Runtime-Version,X-Stainless-Timeout",
    ),
    ("Access-Control-Allow-Methods", "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"),
)
_VARY: HeaderPairs = (
    ("Vary", "Origin"),
    ("Vary", "Access-Control-Request-Method"),
    ("Vary", "Access-Control-Request-Headers"),
)
_REMEMBERED = 256
_KEY_HEADERS = ("x-api-key", "x-goog-api-key", "api-key")


class IssuedKey(msgspec.Struct, frozen=True):
    """A key that callers may present: its name, the SHA-256 of its text, and its scopes (`inference`, `manage`)."""

    name: str
    sha256: bytes
    scopes: frozenset[str]


class Gate:
    """The checks before any route. `guarded` says whether keys are asked for."""

    def __init__(
        self,
        *,
        keys: Iterable[IssuedKey] = (),
        origins: Iterable[str] = (),
        allowed_hosts: Iterable[str] = (),
        hostname: str = "",
        addresses: Iterable[str] = (),
    ) -> None:
        self._keys = tuple(keys)
        self._shown: dict[str, IssuedKey] = {}  # at most as many as there are keys
        self._authorized: dict[str, IssuedKey] = {}  # the same with the scheme before it, however that is spelled
        self.guarded = bool(self._keys)
        patterns = (*origins, *_DEFAULT_ORIGINS)
        self._any_origin = "*" in patterns
        self._origins = re.compile("|".join(re.escape(p).replace(r"\*", ".*") for p in patterns))
        self._hosts = {host.lower() for host in allowed_hosts} | {"localhost", "", hostname.lower()}
        self._addresses = frozenset(addresses)
        self._seen_hosts: dict[str, bool] = {}

    def cors(self, origin: str | None, host: str) -> HeaderPairs | None:
        """The headers that answer this Origin; None where it is not allowed."""
        if not origin or origin in (f"http://{host}", f"https://{host}"):
            return ()
        if self._any_origin:
            return (("Access-Control-Allow-Origin", "*"),)
        if self._origins.fullmatch(origin) is None:
            return None
        return (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))

    def preflight(self, origin: str) -> HeaderPairs:
        """The headers of the 204 to an OPTIONS request from an allowed Origin."""
        if self._any_origin:
            return (*_PREFLIGHT, ("Access-Control-Allow-Origin", "*"), ("Access-Control-Max-Age", "43200"))
        allowed = ("Access-Control-Allow-Origin", origin)
        return (*_PREFLIGHT, allowed, ("Access-Control-Max-Age", "43200"), *_VARY)

    def knows_host(self, host: str) -> bool:
        """Whether a Host header may name this server."""
        known = self._seen_hosts.get(host)
        if known is None:
            known = self._judge(_without_port(host).lower())
            if len(self._seen_hosts) < _REMEMBERED:
                self._seen_hosts[host] = known
        return known

    def names_a_host(self, host: str) -> bool:
        """Whether an allowed Host is a name, not an address: Ollama answers OPTIONS to names alone."""
        return _address(_without_port(host)) is None

    def admit(self, headers: Mapping[str, str], query: str, scope: str) -> str:
        """The name of the key. Raises Unauthorized without a valid one, Forbidden where it lacks the scope. An empty
        scope asks for any key."""
        key = self.presented(headers, query)
        if key is None:
            raise Unauthorized("invalid or missing API key")
        if scope and scope not in key.scopes:
            raise Forbidden(f"this API key does not have the scope '{scope}'")
        return key.name

    def presented(self, headers: Mapping[str, str], query: str) -> IssuedKey | None:
        """The issued key that a request carries, in whichever way its protocol does."""
        if not self._keys:
            return None
        authorization = headers.get("authorization")
        if authorization:
            found = self._authorized.get(authorization)
            if found is None:
                scheme, _, token = authorization.partition(" ")
                found = self._issued(token.strip()) if scheme.lower() in ("bearer", "token") else None
                if found is not None and len(self._authorized) < _REMEMBERED:
                    self._authorized[authorization] = found
            if found is not None:
                return found
        for name in _KEY_HEADERS:
            found = self._issued(headers.get(name, ""))
            if found is not None:
                return found
        for token in parse_qs(query).get("key", ()) if query else ():
            found = self._issued(token)
            if found is not None:
                return found
        return None

    def _issued(self, text: str) -> IssuedKey | None:
        """The key that this text is, if it is one."""
        found = self._shown.get(text)
        if found is None and text:
            digest = sha256(text.encode("utf-8", "surrogateescape")).digest()
            for key in self._keys:
                if compare_digest(digest, key.sha256) and found is None:
                    found = key
            if found is not None:
                self._shown[text] = found
        return found

    def _judge(self, host: str) -> bool:
        if host in self._hosts or host.endswith(_NAME_SUFFIXES):
            return True
        address = _address(host)
        if address is None:
            return False
        parsed = ip_address(address)
        return parsed.is_loopback or parsed.is_private or parsed.is_unspecified or address in self._addresses


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _address(host: str) -> str | None:
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:
        return None
