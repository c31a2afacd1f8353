"""Pictures, sounds and documents as Gemini's parts.

Rules: what came with the request is `inlineData`, what stands elsewhere `fileData`, with its type where it is known,
told or seen in the first bytes; a file that another provider keeps cannot be read.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from ollamux.conversation import Audio, Bytes, Document, FileId, Image
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.signatures import NAME, plain_base64

__all__ = ("media",)

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF", "application/pdf"),
    (b"ID3", "audio/mp3"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_ENDINGS: dict[str, str] = {
    "gif": "image/gif",
    "heic": "image/heic",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mp3": "audio/mp3",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "txt": "text/plain",
    "wav": "audio/wav",
    "webp": "image/webp",
}
_SOUNDS = {"audio/mpeg": "audio/mp3", "audio/x-wav": "audio/wav", "audio/wave": "audio/wav"}
_USUAL: dict[type, str] = {Image: "image/png", Audio: "audio/wav", Document: "application/pdf"}


def media(part: Image | Audio | Document) -> dict[str, Any]:
    """The part. Raises InvalidRequest."""
    source = part.source
    if isinstance(source, Bytes):
        mime = source.mime or (f"audio/{part.format}" if isinstance(part, Audio) and part.format else "")
        data = plain_base64(source.data)
        mime = mime or _seen(data) or _USUAL[type(part)]
        return {"inlineData": {"mimeType": _SOUNDS.get(mime, mime), "data": data}}
    if isinstance(source, FileId):
        if source.provider != NAME:
            raise InvalidRequest("this backend cannot read a file that another provider keeps")
        return {"fileData": {"fileUri": source.id}}
    ending = source.url.partition("?")[0].rpartition(".")[2].lower()
    mime = source.mime or _ENDINGS.get(ending, "")
    return {"fileData": {"mimeType": mime, "fileUri": source.url} if mime else {"fileUri": source.url}}


def _seen(data: str) -> str:
    """The type that the first bytes tell, empty where they tell none."""
    try:
        head = base64.b64decode(data[:24])
    except (binascii.Error, ValueError):
        return ""
    if head[:4] == b"RIFF":
        return "audio/wav" if head[8:12] == b"WAVE" else "image/webp"
    return next((mime for magic, mime in _MAGIC if head.startswith(magic)), "")
