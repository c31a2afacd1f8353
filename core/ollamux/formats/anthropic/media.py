"""Pictures and documents as blocks of this format.

Strategy: what kind of file it is, its first bytes say, since clients label them wrongly or not at all.

Rules: data stays base64 text; a plain text goes as text; what the API cannot read is refused, for to leave it out would
change what is asked.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ollamux.conversation import Bytes, FileId, Source, Url
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.signatures import FORMAT

__all__ = ("document_of", "picture_of")

_PDF = "application/pdf"
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", _PDF),
)


def picture_of(source: Source) -> dict[str, Any]:
    """An image block; a document where the data is one after all. Raises InvalidRequest."""
    if isinstance(source, Bytes):
        kind = _sniffed(source.data) or source.mime or "image/png"
        if kind == _PDF:
            return document_of(source, "")
        return {"type": "image", "source": {"type": "base64", "media_type": kind, "data": source.data}}
    return {"type": "image", "source": _elsewhere(source)}


def document_of(source: Source, name: str) -> dict[str, Any]:
    """A document block. Raises InvalidRequest for what is neither PDF nor plain text."""
    block: dict[str, Any] = {"type": "document"}
    if not isinstance(source, Bytes):
        block["source"] = _elsewhere(source)
    elif (kind := _sniffed(source.data) or source.mime) == _PDF:
        block["source"] = {"type": "base64", "media_type": _PDF, "data": source.data}
    elif kind.startswith("image/"):
        return picture_of(source)
    else:
        block["source"] = {"type": "text", "media_type": "text/plain", "data": _plain(source)}
    if name:
        block["title"] = name
    return block


def _plain(source: Bytes) -> str:
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("this backend reads documents only as PDF or as plain text") from None


def _elsewhere(source: Url | FileId) -> dict[str, Any]:
    if isinstance(source, Url):
        return {"type": "url", "url": source.url}
    if source.provider != FORMAT:
        raise InvalidRequest("this backend cannot read a file that another provider keeps")
    return {"type": "file", "file_id": source.id}


def _sniffed(data: str) -> str:
    try:
        head = base64.b64decode(data[:24], validate=True)
    except (binascii.Error, ValueError):
        return ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), "")
