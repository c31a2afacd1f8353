"""The parts of a message that are no text: pictures, sounds and files, out of the shapes in which clients send them.

Strategy: one table, a part's `type` to what reads it. A `data:` URI is content, everything else stands elsewhere; the
first bytes of content say what it is, whatever its label claims.

Rules: what cannot be read is refused with the message that it stands in; a file that OpenAI keeps stays OpenAI's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, cast

from ollamux.conversation import Audio, Bytes, Document, FileId, Image, Part, Reasoning, Refusal, Text, Url
from ollamux.errors import InvalidRequest

__all__ = ("part_of",)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF", "application/pdf"),
)
_HEAD = 24  # characters of base64, enough for every magic
_SAME = {"image/jpg": "image/jpeg"}


def part_of(part: dict[str, Any], place: int) -> Part:
    """A part of the message at `place`. Raises InvalidRequest."""
    kind = part.get("type", "text")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    found = read(part) if read is not None else None
    if found is None:
        raise InvalidRequest(
            f"messages[{place}] has a part of type {kind!r} that cannot be read", param=f"messages[{place}]"
        )
    return found


def _text(part: dict[str, Any]) -> Part | None:
    text = part.get("text")
    return Text(text or "") if text is None or isinstance(text, str) else None


def _refusal(part: dict[str, Any]) -> Part | None:
    text = part.get("refusal")
    return Refusal(text or "") if text is None or isinstance(text, str) else None


def _thinking(part: dict[str, Any]) -> Part | None:
    told = part.get("thinking")
    if isinstance(told, list):
        pieces = [cast(dict[str, Any], piece) for piece in cast(list[object], told) if isinstance(piece, dict)]
        told = "".join(str(piece.get("text") or "") for piece in pieces)
    return Reasoning(told) if isinstance(told, str) else None


def _image(part: dict[str, Any]) -> Part | None:
    told = part.get("image_url")
    detail = part.get("detail")
    if isinstance(told, dict):
        inner = cast(dict[str, Any], told)
        told, detail = inner.get("url"), inner.get("detail")
    if not isinstance(told, str):
        return None
    source = _source(told)
    mime = source.mime if isinstance(source, Bytes) else ""
    if mime.startswith("audio/"):
        return Audio(source, mime.partition("/")[2])
    if mime and not mime.startswith("image/"):
        return Document(source)
    return Image(source, detail if isinstance(detail, str) else None)


def _audio(part: dict[str, Any]) -> Part | None:
    told = part.get("input_audio")
    inner = cast(dict[str, Any], told) if isinstance(told, dict) else {}
    data, form = inner.get("data"), inner.get("format") or "wav"
    if not isinstance(data, str) or not isinstance(form, str):
        return None
    return Audio(Bytes(data, f"audio/{form}"), form)


def _file(part: dict[str, Any]) -> Part | None:
    told = part.get("file")
    inner = cast(dict[str, Any], told) if isinstance(told, dict) else part
    name = inner.get("filename")
    name = name if isinstance(name, str) else ""
    data, file_id, url = inner.get("file_data"), inner.get("file_id"), inner.get("file_url")
    if isinstance(data, str) and data:
        source = _source(data) if data[:5].lower() == "data:" else Bytes(data, _sniffed(data, ""))
        mime = source.mime
        return Image(source) if mime.startswith("image/") else Document(source, name)
    if isinstance(url, str) and url:
        return Document(_source(url), name)
    return Document(FileId("openai", file_id), name) if isinstance(file_id, str) and file_id else None


_READERS: dict[str, Callable[[dict[str, Any]], Part | None]] = {
    "file": _file,
    "image_url": _image,
    "input_audio": _audio,
    "input_file": _file,
    "input_image": _image,
    "input_text": _text,
    "output_text": _text,
    "refusal": _refusal,
    "text": _text,
    "thinking": _thinking,
}


def _source(url: str) -> Bytes | Url:
    """A data: URI is content, whatever parameters it has; everything else stands elsewhere."""
    if url[:5].lower() != "data:":
        return Url(url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise InvalidRequest("content in a data: URI must be base64")
    mime = head.partition(";")[0].lower()
    return Bytes(data, _sniffed(data, _SAME.get(mime, mime)))


def _sniffed(data: str, label: str) -> str:
    """What the content is by its first bytes, else what its label says."""
    try:
        head = base64.b64decode(data[:_HEAD])
    except (binascii.Error, ValueError):
        return label
    if head[:4] == b"RIFF" and head[8:12] in (b"WEBP", b"WAVE"):
        return "image/webp" if head[8:12] == b"WEBP" else "audio/wav"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), label)
