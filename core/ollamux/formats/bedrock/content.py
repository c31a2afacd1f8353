"""Single parts of a message as Converse's content blocks.

Strategy: one `Content` for a request, since documents must have names that differ in the whole of it. What bytes are is
read from the bytes where they tell, else from the media type or the file's name.

Rules: blank texts make no block, Converse refuses them; what cannot be read by the model at all is refused, what merely
has no place here is dropped and named in one warning.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    FileId,
    Image,
    Part,
    Refusal,
    Source,
    Text,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.bedrock.models import Model

__all__ = ("Content", "cache_point")

_MAGIC = ((b"\x89PNG", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))
_IMAGES = {"gif": "gif", "jpeg": "jpeg", "jpg": "jpeg", "png": "png", "webp": "webp"}
_SOUNDS = {
    "aac": "aac", "flac": "flac", "m4a": "m4a", "mka": "mka", "mkv": "mkv", "mp3": "mp3", "mp4": "mp4", "mpeg": "mp3",
    "ogg": "ogg", "opus": "opus", "pcm": "pcm", "wav": "wav", "wave": "wav", "webm": "webm", "x-wav": "wav",
}  # fmt: skip
_DOCUMENTS = {
    "application/csv": "csv",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/csv": "csv",
    "text/html": "html",
    "text/markdown": "md",
    "text/x-markdown": "md",
}
_FILES = frozenset(("csv", "doc", "docx", "html", "md", "pdf", "txt", "xls", "xlsx"))
_SPACE = re.compile(r"\s+")
_UNNAMEABLE = re.compile(r"[^a-zA-Z0-9 ()\[\]-]+")
_LONGEST_NAME = 200


def cache_point(ttl: str) -> dict[str, Any]:
    """What asks to keep the prompt up to here; five minutes are the default."""
    return {"cachePoint": {"type": "default"} if ttl == "5m" else {"type": "default", "ttl": ttl}}


class Content:
    """Makes the blocks of one request. `dropped` names what was left out, once each, in order."""

    __slots__ = ("_model", "_names", "dropped")

    def __init__(self, model: Model) -> None:
        self._model = model
        self._names: set[str] = set()
        self.dropped: dict[str, None] = {}

    def drop(self, what: str) -> None:
        """Remembers that this was left out."""
        self.dropped[what] = None

    def text(self, part: Text | Refusal) -> list[dict[str, Any]]:
        """A text, and where its cache ends; nothing where it is blank."""
        if not part.text.strip():
            return []
        return [{"text": part.text}, *self.cached(part.cache if isinstance(part, Text) else None)]

    def cached(self, ttl: str | None) -> list[dict[str, Any]]:
        """A cache point, where one is asked for and the model has them."""
        if not ttl:
            return []
        if not self._model.caches:
            self.drop("cache points")
            return []
        return [cache_point(ttl)]

    def attachment(self, part: Part) -> list[dict[str, Any]]:
        """A picture, a sound or a document."""
        if isinstance(part, Image):
            form, source = _form(part.source, _IMAGES, "pictures", "png, jpeg, gif and webp")
            return [{"image": {"format": form, "source": source}}, *self.cached(part.cache)]
        if isinstance(part, Audio):
            if part.format in _SOUNDS and isinstance(part.source, Bytes):
                source = {"bytes": _data(part.source)}
                return [{"audio": {"format": _SOUNDS[part.format], "source": source}}]
            form, source = _form(part.source, _SOUNDS, "sounds", "wav, mp3, flac, ogg and the like")
            return [{"audio": {"format": form, "source": source}}]
        if isinstance(part, Document):
            return [self._document(part), *self.cached(part.cache)]
        return []

    def result(self, result: ToolResult, call: str) -> list[dict[str, Any]]:
        """What a tool answered to the call with this id."""
        blocks: list[dict[str, Any]] = []
        for part in result.parts:
            if isinstance(part, (Text, Refusal)):
                if part.text.strip():
                    blocks.append({"text": part.text})
            elif isinstance(part, (Image, Document)):
                blocks.append(self.attachment(part)[0])
            else:
                self.drop("sounds in what a tool answered")
        built: dict[str, Any] = {"toolUseId": call, "content": blocks}
        if result.is_error:
            if self._model.caches:
                built["status"] = "error"
            else:
                self.drop("the word that a tool failed")
        return [{"toolResult": built}, *self.cached(result.cache)]

    def _document(self, part: Document) -> dict[str, Any]:
        source = part.source
        stem, dot, ending = part.name.rpartition(".")
        ending = ending.lower()
        if not dot or ending not in _FILES:
            stem, ending = part.name, ""
        mime = "" if isinstance(source, FileId) else source.mime.partition(";")[0].strip().lower()
        form = _DOCUMENTS.get(mime) or ending
        if not form and mime.startswith("text/"):
            form = "txt"
        if not form and isinstance(source, Bytes):
            form = "pdf" if source.data.startswith("JVBER") else ""
        if not form and isinstance(source, Url):
            form = _ending(source.url) if _ending(source.url) in _FILES else ""
        if not form:
            raise InvalidRequest(f"this backend takes {', '.join(sorted(_FILES))} documents, not {mime or 'this one'}")
        return {"document": {"format": form, "name": self._name(stem), "source": _source(source, "documents")}}

    def _name(self, wanted: str) -> str:
        """A name that Converse takes and that no other document of the request has."""
        plain = _SPACE.sub(" ", _UNNAMEABLE.sub("-", _SPACE.sub(" ", wanted))).strip(" -")[:_LONGEST_NAME].rstrip()
        plain = plain or "document"
        name = plain
        count = 1
        while name.lower() in self._names:
            count += 1
            ending = f" ({count})"
            name = plain[: _LONGEST_NAME - len(ending)].rstrip() + ending
        self._names.add(name.lower())
        return name


def _form(source: Source, known: dict[str, str], what: str, which: str) -> tuple[str, dict[str, Any]]:
    """The format that these bytes are in, and where they are."""
    found = _source(source, what)
    if isinstance(source, Bytes):
        form = _sniffed(source.data) if known is _IMAGES else ""
        form = form or known.get(source.mime.partition(";")[0].rpartition("/")[2].strip().lower(), "")
    else:
        assert isinstance(source, Url)
        form = known.get(source.mime.rpartition("/")[2].lower(), "") or known.get(_ending(source.url), "")
    if not form:
        raise InvalidRequest(f"this backend takes {which} as {what}")
    return form, found


def _sniffed(data: str) -> str:
    try:
        head = base64.b64decode(data[:24], validate=True)
    except (ValueError, binascii.Error):
        return ""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((form for magic, form in _MAGIC if head.startswith(magic)), "")


def _source(source: Source, what: str) -> dict[str, Any]:
    if isinstance(source, Bytes):
        return {"bytes": _data(source)}
    if isinstance(source, Url) and source.url.startswith("s3://"):
        return {"s3Location": {"uri": source.url}}
    if isinstance(source, FileId):
        raise InvalidRequest("this backend cannot read a file that another provider keeps")
    raise InvalidRequest(f"this backend takes {what} only as data in the request, or from S3")


def _data(source: Bytes) -> str:
    """The data, which must not be empty."""
    if not source.data:
        raise InvalidRequest("a picture, sound or document of the request is empty")
    return source.data


def _ending(url: str) -> str:
    return url.partition("?")[0].rpartition(".")[2].lower()
