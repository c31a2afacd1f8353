"""What a single value of the configuration may be: one function for each kind.

Strategy: a kind takes a node and gives the value, or raises ValueError whose text completes "expected ...". Values from
variables and interpolated strings arrive as YAML would read them, their text beside it, so that a number in a variable
can be a port here and a password there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ollamux.config.pacing import Rate
from ollamux.config.schema import Secret
from ollamux.config.tree import Node
from ollamux.config.values import duration as parse_duration
from ollamux.config.values import number as parse_number
from ollamux.config.values import rate as parse_rate
from ollamux.config.values import size as parse_size

__all__ = (
    "SILENT",
    "Kind",
    "amount",
    "anything",
    "auth",
    "choice",
    "choices",
    "count",
    "duration",
    "factor",
    "flag",
    "header_value",
    "host",
    "hosts",
    "is_header_name",
    "keep_alive",
    "level",
    "loose_text",
    "number",
    "origins",
    "percent",
    "percentile",
    "period",
    "port",
    "positive",
    "proxy",
    "rate",
    "secret",
    "secrets",
    "sha256",
    "share",
    "size",
    "statuses",
    "text",
    "texts",
    "url",
    "variable",
    "weight",
)

Kind: TypeAlias = Callable[[Node], Any]

_GO_DURATION = re.compile(r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_STATUS = re.compile(r"([1-5])xx", re.IGNORECASE)
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_LEVELS = {
    "trace": "debug", "debug": "debug", "info": "info", "warn": "warning", "warning": "warning",
    "error": "error", "critical": "error", "fatal": "error",
}  # fmt: skip


def text(node: Node) -> str:
    """A text that is not empty."""
    value = node.word
    if not isinstance(value, str):
        raise ValueError("text (a number or a word such as true is put in quotes)")
    if not value:
        raise ValueError("a text that is not empty")
    return value


def loose_text(node: Node) -> str:
    """A text, or nothing."""
    return "" if node.value == "" or node.raw == "" else text(node)


def texts(node: Node) -> tuple[str, ...]:
    """A list of texts; in a variable also one text, or several with commas between."""
    if node.items is not None:
        return tuple(text(item) for item in node.items)
    if node.raw is not None:
        return tuple(part for part in (piece.strip() for piece in node.raw.split(",")) if part)
    return (text(node),)


def flag(node: Node) -> bool:
    """True or false."""
    if isinstance(node.value, bool):
        return node.value
    word = str(node.word).strip().lower()
    if node.raw is not None or isinstance(node.value, str):
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
    raise ValueError("true or false")


def number(node: Node) -> float:
    """A finite number."""
    found = None if isinstance(node.value, str) and node.raw is None else parse_number(node.value)
    if found is None:
        raise ValueError("a number")
    return found


def amount(node: Node) -> float:
    """A number from 0."""
    found = number(node)
    if found < 0:
        raise ValueError("a number, 0 or more")
    return found


def share(node: Node) -> float:
    """A part of a whole."""
    found = number(node)
    if not 0 <= found <= 1:
        raise ValueError("a share from 0 to 1")
    return found


def factor(node: Node) -> float:
    """A number that something is multiplied by, and does not become less."""
    found = number(node)
    if found < 1:
        raise ValueError("a number, 1 or more")
    return found


def weight(node: Node) -> float:
    """A part relative to that of others; one without any would never have its turn."""
    found = number(node)
    if found <= 0:
        raise ValueError("a number above 0")
    return found


def percent(node: Node) -> float:
    """A percentage from 0 to 100."""
    found = number(node)
    if not 0 <= found <= 100:
        raise ValueError("a percentage from 0 to 100")
    return found


def percentile(node: Node) -> float:
    """Percent of what was seen, and never all of it."""
    found = number(node)
    if not 0 < found < 100:
        raise ValueError("a percentage above 0 and below 100")
    return found


def period(node: Node) -> float:
    """Seconds, and more than none."""
    found = duration(node)
    if found <= 0:
        raise ValueError("a duration above 0")
    return found


def count(node: Node) -> int:
    """A whole number from 0."""
    return _whole(node, 0)


def positive(node: Node) -> int:
    """A whole number from 1."""
    return _whole(node, 1)


def port(node: Node) -> int:
    """A port; 0 is any that is free."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 65535:
        raise ValueError("a port from 0 to 65535")
    return value


def _whole(node: Node, least: int) -> int:
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53:
        raise ValueError(f"a whole number, {least} or more")
    return value


def duration(node: Node) -> float:
    """Seconds."""
    return parse_duration(node.value)


def size(node: Node) -> int:
    """Bytes."""
    return parse_size(node.value)


def rate(node: Node) -> Rate | None:
    """So many events in so much time; None for no limit."""
    return parse_rate(node.value)


def choice(*words: str) -> Kind:
    """One of these words."""

    def read(node: Node) -> str:
        word = node.word
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return str(word)

    return read


def choices(*words: str) -> Kind:
    """Several of these words."""

    def read(node: Node) -> tuple[str, ...]:
        found = texts(node)
        if not set(found) <= set(words):
            raise ValueError(f"a list of some of {', '.join(words)}")
        return found

    return read


def level(node: Node) -> str:
    """A log level, in the words of other programs too."""
    found = _LEVELS.get(str(node.value).strip().lower())
    if found is None:
        raise ValueError("one of debug, info, warning, error")
    return found


def host(node: Node) -> str:
    """A host's name or address, without scheme, port or brackets."""
    found = text(node).strip()
    if found.startswith("[") and found.endswith("]"):
        found = found[1:-1]
    if not _HOST.fullmatch(found) or (found.count(":") == 1):
        raise ValueError("a host's name or address, without a scheme or a port")
    return found


def hosts(node: Node) -> tuple[str, ...]:
    """Several of them, in lower case."""
    return tuple(host(Node(value=name, source=node.source, path=node.path)).lower() for name in texts(node))


def origins(node: Node) -> tuple[str, ...]:
    """Origins, `*` in them standing for anything."""
    found = texts(node)
    if any("://" not in origin and "*" not in origin for origin in found):
        raise ValueError("origins such as https://app.example, or with a `*` in them")
    return found


def url(node: Node) -> str:
    """The URL of an http server, without a slash at its end; a bare host gets `http://`."""
    found = text(node).strip()
    if "://" not in found:
        found = "http://" + found
    if not _is_url(found) or urlsplit(found).query or urlsplit(found).fragment:
        raise ValueError("a URL such as http://127.0.0.1:8080")
    if "@" in urlsplit(found).netloc:
        raise ValueError("a URL without a name and a password in it (`api_key` and `headers` carry those)")
    return found.rstrip("/")


def proxy(node: Node) -> str:
    """The URL of a proxy, or `environment` for what HTTP_PROXY and the like say."""
    found = text(node).strip()
    if found != "environment" and not _is_url(found):
        raise ValueError("a URL such as http://127.0.0.1:3128, or `environment`")
    return found


def _is_url(found: str) -> bool:
    if _CONTROL.search(found) or " " in found:
        return False
    try:
        parts = urlsplit(found)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def secret(node: Node) -> Secret:
    """A text that is never shown."""
    try:
        found = text(node).strip()
    except ValueError:
        raise ValueError("text (a key that is all digits is put in quotes)") from None
    if not found or not found.isascii() or _CONTROL.search(found):
        raise ValueError("a key of visible ASCII characters")
    return Secret(found)


def variable(node: Node) -> str:
    """The name of an environment variable."""
    found = text(node)
    if not _NAME.fullmatch(found):
        raise ValueError("the name of an environment variable, not the key itself")
    return found


def sha256(node: Node) -> str:
    """A hash in hexadecimal digits."""
    found = str(node.word).lower()
    if not re.fullmatch(r"[0-9a-f]{64}", found):
        raise ValueError("64 hexadecimal digits")
    return found


def secrets(node: Node) -> tuple[Secret, ...]:
    """Several texts that are never shown; in a variable with commas between. What is empty is left out."""
    if node.items is not None:
        return tuple(secret(item) for item in node.items if item.word != "")
    if node.raw is not None:
        parts = [part for part in (piece.strip() for piece in node.raw.split(",")) if part]
        return tuple(secret(Node(value=part, source=node.source, path=node.path)) for part in parts)
    return (secret(node),)


def auth(node: Node) -> str:
    """How a backend is shown its key."""
    if node.branch is not None:
        raise ValueError(_AUTH)
    found = text(node)
    kind, _, name = found.partition(":")
    named = kind in ("header", "query") and _TOKEN.fullmatch(name)
    if found not in ("bearer", "token", "oauth2", "sigv4", "none") and not named:
        raise ValueError(_AUTH)
    return found


_AUTH = "bearer, token, header:NAME, query:NAME, oauth2, sigv4 or none"


def header_value(node: Node) -> str:
    """What stands behind a header's name."""
    value = node.word
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.isascii() or _CONTROL.search(value):
        raise ValueError("a line of ASCII text")
    return value.strip()


def is_header_name(name: str) -> bool:
    """Whether it can be sent and is not one that the connection itself needs."""
    own = {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
    return _TOKEN.fullmatch(name) is not None and name.lower() not in own


def statuses(node: Node) -> frozenset[int]:
    """HTTP statuses: 429, or 5xx for all of a hundred."""
    found: set[int] = set()
    for item in node.items if node.items is not None else [node]:
        many = _STATUS.fullmatch(item.value) if isinstance(item.value, str) else None
        if many:
            found.update(range(int(many[1]) * 100, int(many[1]) * 100 + 100))
        elif isinstance(item.value, int) and 100 <= item.value <= 599:
            found.add(item.value)
        else:
            raise ValueError("a list of HTTP statuses, such as [429, 5xx]")
    return frozenset(found)


def keep_alive(node: Node) -> str | float:
    """How long a model stays in memory, as Ollama reads it: `5m`, or seconds; below 0 is for ever."""
    word = node.word
    found = parse_number(word) if isinstance(word, str | int | float) else None
    if found is not None:
        return found
    if not isinstance(word, str) or not _GO_DURATION.fullmatch(word):
        raise ValueError("a duration such as 5m or 1h30m, or a number of seconds")
    return word


def anything(node: Node) -> Any:
    """Whatever a file can hold, for what is passed on as it stands."""
    if node.branch is not None:
        return {key: anything(item) for key, item in node.branch.items()}
    if node.items is not None:
        return [anything(item) for item in node.items]
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise ValueError("a number that is finite")
    return node.value


SILENT: frozenset[Kind] = frozenset({anything, header_value, proxy, secret, secrets, sha256, url, variable})
"""Kinds whose values an error does not repeat."""
