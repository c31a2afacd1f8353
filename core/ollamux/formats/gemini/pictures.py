"""What a model draws or says aloud, carried in the text of clients that have no other place for it.

Strategy: a picture is one of Markdown's, with its data in its address, which chats show and every client keeps; when it
comes back in what the model said, it becomes the model's own picture again, so that it can go on with it.

Rules: nothing is lost on the way there and back; a text in which no such thing stands is not looked through.
"""

from __future__ import annotations

import re
from typing import Any

from ollamux.formats.gemini.schema import Part
from ollamux.formats.gemini.signatures import plain_base64

__all__ = ("parts_of", "pointed", "said", "shown")

_WORDS = {"image": "![image]", "audio": "[audio]", "video": "[video]"}
_CUE = "](data:"
_CARRIED = re.compile(r"!?\[(?:image|audio|video|file)\]\(data:([\w.+/;=-]+?);base64,([A-Za-z0-9+/=]+)\)")


def said(part: Part) -> str:
    """What a part of an answer says or shows, as text."""
    if part.text:
        return part.text
    blob = part.inline_data or part.file_data
    if blob is None:
        return ""
    mime = blob.mime_type or ""
    if blob.data:
        return shown(mime, blob.data)
    return pointed(mime, blob.file_uri) if blob.file_uri else ""


def shown(mime: str, data: str) -> str:
    """Content of this type (base64) as text."""
    return f"{_word(mime)}(data:{mime or 'application/octet-stream'};base64,{plain_base64(data)})"


def pointed(mime: str, uri: str) -> str:
    """Content of this type that stands elsewhere."""
    return f"{_word(mime)}({uri})"


def parts_of(text: str) -> list[dict[str, Any]]:
    """A text as parts: what `shown` made of content is content again."""
    if _CUE not in text:
        return [{"text": text}] if text else []
    made: list[dict[str, Any]] = []
    at = 0
    for found in _CARRIED.finditer(text):
        if found.start() > at:
            made.append({"text": text[at : found.start()]})
        made.append({"inlineData": {"mimeType": found[1], "data": found[2]}})
        at = found.end()
    if at < len(text):
        made.append({"text": text[at:]})
    return made


def _word(mime: str) -> str:
    return _WORDS.get(mime.partition("/")[0], "[file]")
