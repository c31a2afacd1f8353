"""Request bodies decoded as Go's encoding/json decodes them, quickly where that is no different from being strict.

Owns the choice between two ways. The fast one is msgspec with unknown fields forbidden: a body that it takes, and that
passes the schema's own check, means the same to Go. Everything else, right or wrong, goes the slow way (`goscan`,
`gotypes`), which is Go's to the letter: keys in any case, unknown fields, null for unset, bad UTF-8, what follows the
first value, and the words of every error. Rules: a body is decoded or GoJSONError is raised, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from ollamux.formats.ollama.goleaves import keep_alive_of
from ollamux.formats.ollama.goscan import EMPTY_BODY, GoJSONError, scan
from ollamux.formats.ollama.gotypes import GoType, run

__all__ = ("EMPTY_BODY", "GoJSONError", "Seconds", "decode", "decode_slowly", "register")

T = TypeVar("T", bound=msgspec.Struct)


class Seconds(float):
    """A keep_alive. A type of its own only so that the fast way can tell it from other numbers."""

    __slots__ = ()


class _Root(Generic[T]):
    __slots__ = ("accepts", "decode", "go", "make")

    def __init__(self, make: type[T], go: GoType, accepts: Callable[[T], bool]) -> None:
        self.make = make
        self.go = go
        self.accepts = accepts
        self.decode = msgspec.json.Decoder(make, dec_hook=_hook).decode


_ROOTS: dict[type[Any], _Root[Any]] = {}


def register(make: type[T], go: GoType, accepts: Callable[[T], bool] = lambda _: True) -> None:
    """Makes `make` decodable. `go` describes it to the slow way; `accepts` looks at what the fast way made, settles it,
    and says whether Go would have accepted it too."""
    _ROOTS[make] = _Root(make, go, accepts)


def decode(body: bytes, type_: type[T]) -> T:
    """The first JSON value of `body` as a registered struct. Raises GoJSONError, with Go's words."""
    root: _Root[T] = _ROOTS[type_]
    try:
        value: T = root.decode(body)
        if root.accepts(value) and (body.isascii() or body.decode()):
            return value
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass  # the slow way knows what, if anything, is wrong
    return _slowly(body, root)


def decode_slowly(body: bytes, type_: type[T]) -> T:
    """The same without the fast way, for whoever compares the two."""
    root: _Root[T] = _ROOTS[type_]
    return _slowly(body, root)


def _slowly(body: bytes, root: _Root[T]) -> T:
    value: T | None = run(body, scan(body), root.go)
    return root.make() if value is None else value


def _hook(type_: type[Any], value: object) -> object:
    if type_ is Seconds:
        return Seconds(keep_alive_of(value))
    raise TypeError(type_)
