"""Reads what stands at the head of a GGUF file: enough to say whether it is one, and how to load it.

Strategy: the key-value pairs are read in order, one at a time, and skipped unless they are wanted; reading stops where
the tokenizer begins, for what is wanted stands before it and a vocabulary is long.

Rules: a file comes from anywhere, so every length is checked against the size of the file; whatever is wrong is
`NotGguf` with a text for the person who named the file.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

import msgspec

__all__ = ("GgufHeader", "NotGguf", "file_problem", "read_header")

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALARS: dict[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_LONGEST_KEY = 65_535
_MOST_PAIRS = 100_000


class NotGguf(ValueError):
    """The file is not a model that can be loaded; the text says why."""


class GgufHeader(msgspec.Struct, frozen=True):
    """What a model's file tells of itself; `pooling` is set for models that are made for embeddings."""

    architecture: str = ""
    name: str = ""
    context_length: int | None = None
    pooling: int | None = None


def file_problem(path: str) -> str | None:
    """Why this file cannot be served, or None where it looks as if it could."""
    try:
        read_header(path)
    except NotGguf as error:
        return str(error)
    return None


def read_header(path: str) -> GgufHeader:
    """Reads the head of the file. Raises NotGguf for a file that is missing, unreadable or something else."""
    try:
        with open(path, "rb") as file:
            return _read(file, path, os.fstat(file.fileno()).st_size)
    except FileNotFoundError:
        raise NotGguf(f"{path}: there is no such file") from None
    except OSError as error:
        raise NotGguf(f"{path}: cannot be read: {error.strerror}") from None
    except struct.error:
        raise NotGguf(f"{path}: the file ends too early; is the download complete?") from None


def _read(file: BinaryIO, path: str, size: int) -> GgufHeader:
    if file.read(4) != _MAGIC:
        raise NotGguf(f"{path}: not a GGUF file")
    version, _tensors, pairs = struct.unpack("<IQQ", file.read(20))
    if not 2 <= version <= 0xFFFF:
        raise NotGguf(f"{path}: GGUF of version {version} cannot be read")
    if pairs > _MOST_PAIRS:
        raise NotGguf(f"{path}: the file is damaged: it claims {pairs} keys")
    found: dict[str, object] = {}
    for _ in range(pairs):
        key = _string(file, path, _LONGEST_KEY)
        if key.startswith("tokenizer."):
            break
        (kind,) = struct.unpack("<I", file.read(4))
        found[key] = _value(file, path, kind, size)
    architecture = _text(found.get("general.architecture"))
    return GgufHeader(
        architecture=architecture,
        name=_text(found.get("general.name")),
        context_length=_whole(found.get(f"{architecture}.context_length")),
        pooling=_whole(found.get(f"{architecture}.pooling_type")),
    )


def _value(file: BinaryIO, path: str, kind: int, size: int) -> object:
    if kind == _STRING:
        return _string(file, path, size)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", file.read(12))
        if count > size:
            raise NotGguf(f"{path}: the file is damaged: an array claims {count} values")
        if inner == _STRING:
            for _ in range(count):
                _string(file, path, size)
        else:
            file.seek(struct.calcsize(_layout(inner, path)) * count, os.SEEK_CUR)
        return None
    layout = _layout(kind, path)
    (value,) = struct.unpack(layout, file.read(struct.calcsize(layout)))
    return value


def _layout(kind: int, path: str) -> str:
    layout = _SCALARS.get(kind)
    if layout is None:
        raise NotGguf(f"{path}: the file is damaged: it holds a value of the unknown kind {kind}")
    return layout


def _string(file: BinaryIO, path: str, longest: int) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > longest:
        raise NotGguf(f"{path}: the file is damaged: a text claims {length} bytes")
    data = file.read(length)
    if len(data) < length:
        raise struct.error
    return data.decode("utf-8", "replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
