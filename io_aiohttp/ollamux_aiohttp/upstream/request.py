"""Turns a call into the bytes of an HTTP/1.1 request head, and its URL into an origin.

Strategy: everything but the length of a body is encoded once for each (method, URL, headers) and kept by the client.
What could split a request (control characters, spaces in a target) is refused here, before anything is dialled.

Rules: framing belongs to this layer. Connection, Transfer-Encoding and the like are dropped from a call's headers;
Content-Length is the body's own, and is believed only for an upload whose length nobody else knows.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from ollamux.contract import HeaderPairs

__all__ = ("Address", "RequestHead", "check_headers", "encode_head", "parse_url")

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_UNSAFE_IN_URL: Final = re.compile(r"[\x00-\x20\x7f]")
_UNSAFE_IN_VALUE: Final = re.compile(r"[\x00\r\n]")
_OURS: Final = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_PORTS: Final = {"http": 80, "https": 443}


class Address(msgspec.Struct, frozen=True):
    """An origin. `host` is a name or an address, without brackets."""

    scheme: str
    host: str
    port: int


class RequestHead(msgspec.Struct, frozen=True):
    """Request line and headers, up to the end of the last line; the framing header and the empty line are missing.
    `length`: the Content-Length that the call's headers announce, or None."""

    encoded: bytes
    length: int | None


def parse_url(url: str) -> tuple[Address, str, str]:
    """Origin, Host header and request target of an absolute URL. ValueError, without the URL in it."""
    if _UNSAFE_IN_URL.search(url):
        raise ValueError("the URL has spaces or control characters in it")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname or ""
        host.encode("ascii") if ":" in host else host.encode("idna")
    except ValueError:
        raise ValueError("the URL is not valid") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("the URL is not an absolute http or https one")
    if "@" in parts.netloc:
        raise ValueError("the URL has credentials in it")
    if port == 0:
        raise ValueError("the URL has port 0")
    if ":" in host:
        host = host.replace("%25", "%", 1)
        shown = f"[{host.partition('%')[0]}]"
    else:
        host = shown = host.encode("idna").decode("ascii")
    address = Address(parts.scheme, host, port or _PORTS[parts.scheme])
    if address.port != _PORTS[parts.scheme]:
        shown = f"{shown}:{address.port}"
    target = parts.path or "/"
    if not target.startswith("/"):
        target = "/" + target
    if parts.query:
        target = f"{target}?{parts.query}"
    return address, shown, target if target.isascii() else quote(target, safe="!#$%&'()*+,/:;=?@[]~")


def check_headers(method: str, headers: HeaderPairs) -> None:
    """ValueError where a method, a name or a value could break out of its place; the text never holds a value."""
    if not _TOKEN.fullmatch(method):
        raise ValueError("the method is not valid")
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise ValueError("a header's name is not valid")
        if _UNSAFE_IN_VALUE.search(value):
            raise ValueError(f"the header {name} has a line break in it")


def encode_head(method: str, host: str, target: str, headers: HeaderPairs) -> RequestHead:
    """The head of a request to `target` at `host`, which is the Host header unless the headers bring their own."""
    check_headers(method, headers)
    lines = [f"{method} {target} HTTP/1.1\r\n"]
    length: int | None = None
    own_host = False
    for name, value in headers:
        lowered = name.lower()
        if lowered == "content-length":
            if not (value.isascii() and value.isdigit()):
                raise ValueError("Content-Length is not a number")
            length = int(value)
        elif lowered not in _OURS:
            own_host = own_host or lowered == "host"
            lines.append(f"{name}: {value}\r\n")
    if not own_host:
        lines.insert(1, f"Host: {host}\r\n")
    return RequestHead("".join(lines).encode("utf-8", "surrogateescape"), length)
