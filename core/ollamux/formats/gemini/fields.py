"""Reads JSON objects as Google's servers do: a field goes by its name in camel case or in snake case, mixed at will.

Strategy: one level is decoded at a time and what is below stays raw, so that schemas, arguments and results, which are
the user's own, are never looked into and keep their bytes.

Rules: null is absent; a number may be a string, as in protobuf's JSON, and a list of one may stand without its
brackets; what does not fit is InvalidRequest in Google's manner, with the place where it stands.
"""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from ollamux.errors import InvalidRequest

__all__ = ("Fields", "camel", "root")

_UNDERSCORE = re.compile(r"_+([a-zA-Z0-9])")
_NULL = b"null"
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_decode_flag = msgspec.json.Decoder(bool).decode
_decode_number = msgspec.json.Decoder(int | float | str).decode


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """A field's name in camel case, whichever way it was written."""
    return _UNDERSCORE.sub(lambda found: found.group(1).upper(), name) if "_" in name[1:] else name


class Fields:
    """One JSON object. `place` says where it stands, for errors."""

    __slots__ = ("_members", "place")

    def __init__(self, members: dict[str, msgspec.Raw], place: str) -> None:
        self._members = {camel(name): raw for name, raw in members.items() if bytes(raw) != _NULL}
        self.place = place

    def names(self) -> list[str]:
        """The names of what is there, in camel case."""
        return list(self._members)

    def has(self, name: str) -> bool:
        """Whether it is there, and not null."""
        return name in self._members

    def raw(self, name: str) -> msgspec.Raw | None:
        """The JSON text as it came."""
        return self._members.get(name)

    def text(self, name: str) -> str | None:
        """A string."""
        raw = self._members.get(name)
        if raw is None:
            return None
        try:
            return _decode_text(raw)
        except ValueError:
            raise self.bad(name, "a string") from None

    def flag(self, name: str) -> bool | None:
        """A boolean."""
        raw = self._members.get(name)
        if raw is None:
            return None
        try:
            return _decode_flag(raw)
        except ValueError:
            raise self.bad(name, "a boolean") from None

    def number(self, name: str) -> float | None:
        """A number."""
        raw = self._members.get(name)
        if raw is None:
            return None
        try:
            return float(_decode_number(raw))
        except (msgspec.DecodeError, ValueError, OverflowError):
            raise self.bad(name, "a number") from None

    def integer(self, name: str) -> int | None:
        """A whole number, also as `3.0` or `"3"`."""
        raw = self._members.get(name)
        if raw is None:
            return None
        try:
            found = _decode_number(raw)
            whole = int(found)
        except (msgspec.DecodeError, ValueError, OverflowError):
            raise self.bad(name, "an integer") from None
        if not isinstance(found, str) and whole != found:
            raise self.bad(name, "an integer")
        return whole

    def texts(self, name: str) -> list[str]:
        """Strings; empty where there are none."""
        found: list[str] = []
        for raw in self._items(name):
            try:
                found.append(_decode_text(raw))
            except ValueError:
                raise self.bad(name, "a list of strings") from None
        return found

    def fields(self, name: str) -> Fields | None:
        """An object."""
        raw = self._members.get(name)
        return None if raw is None else self._object(raw, self._below(name))

    def each(self, name: str) -> list[Fields]:
        """Objects; empty where there are none."""
        place = self._below(name)
        return [self._object(raw, f"{place}[{at}]") for at, raw in enumerate(self._items(name))]

    def bad(self, name: str, wanted: str) -> InvalidRequest:
        """The error for a value that does not fit."""
        place = self._below(name)
        return InvalidRequest(f"Invalid value at '{place}': {wanted} is expected", param=place)

    def _items(self, name: str) -> list[msgspec.Raw]:
        raw = self._members.get(name)
        if raw is None:
            return []
        return _decode_items(raw) if bytes(raw)[:1] == b"[" else [raw]

    def _object(self, raw: msgspec.Raw, place: str) -> Fields:
        try:
            return Fields(_decode_members(raw), place)
        except ValueError:
            raise InvalidRequest(f"Invalid value at '{place}': an object is expected", param=place) from None

    def _below(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def root(body: bytes) -> Fields:
    """A request's body. Raises InvalidRequest."""
    try:
        body.decode()  # what stays raw is not looked into by the decoder
        return Fields(_decode_members(body), "")
    except UnicodeDecodeError:
        raise InvalidRequest("Invalid JSON payload received. The body is not valid UTF-8.") from None
    except msgspec.ValidationError:
        raise InvalidRequest("Invalid JSON payload received. The body must be an object.") from None
    except ValueError as error:
        text = str(error) if body.strip() else "the body is empty"
        raise InvalidRequest(f"Invalid JSON payload received. {text}") from None
