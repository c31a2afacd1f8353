"""Where a key goes in a call: one table row for each kind of `auth`.

Rules: a kind that is no key in a header (`query`, `oauth2`, `sigv4`, `none`) gives no header here; a key in the query
is percent-encoded whole, so that no sign of it can end it."""

from __future__ import annotations

from urllib.parse import quote

from ollamux.contract import HeaderPairs

__all__ = ("key_headers", "key_query", "with_query")

_SCHEMES = {"bearer": "Bearer", "token": "token"}


def key_headers(auth: str, key: str) -> HeaderPairs:
    """The headers that show this key: `bearer` and `token` in Authorization, `header:NAME` in that header."""
    kind, _, name = auth.partition(":")
    if not key:
        return ()
    if kind == "header":
        return ((name, key),)
    return (("Authorization", f"{_SCHEMES[kind]} {key}"),) if kind in _SCHEMES else ()


def key_query(auth: str, key: str) -> str:
    """What `query:NAME` adds to a URL, without the sign before it; empty for every other kind."""
    kind, _, name = auth.partition(":")
    return f"{quote(name, safe='')}={quote(key, safe='')}" if kind == "query" and key else ""


def with_query(url: str, query: str) -> str:
    """The URL with this added to its query."""
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url
