"""Pictures, sounds and documents."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ollamux.conversation import Audio, Bytes, Document, FileId, Image, Url
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.media import media

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def inline(mime: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime, "data": data}}


@pytest.mark.parametrize(
    ("part", "made"),
    [
        (Image(Bytes("AAAA", "image/webp")), inline("image/webp", "AAAA")),
        (Image(Bytes(PNG)), inline("image/png", PNG)),
        (Image(Bytes("AAAA")), inline("image/png", "AAAA")),
        (Image(Bytes("-_8", "image/png")), inline("image/png", "+/8=")),
        (Audio(Bytes("AAAA", "audio/mpeg"), "mp3"), inline("audio/mp3", "AAAA")),
        (Audio(Bytes("AAAA"), "wav"), inline("audio/wav", "AAAA")),
        (Audio(Bytes(base64.b64encode(b"RIFF0000WAVEfmt ").decode())), inline("audio/wav", "UklGRjAwMDBXQVZFZm10IA==")),
        (Document(Bytes("JVBERi0x")), inline("application/pdf", "JVBERi0x")),
        (Document(Bytes("!", "text/plain")), inline("text/plain", "!===")),
        (Image(Url("https://x/a.PNG?b=c")), {"fileData": {"mimeType": "image/png", "fileUri": "https://x/a.PNG?b=c"}}),
        (Image(Url("gs://b/o", "image/jpeg")), {"fileData": {"mimeType": "image/jpeg", "fileUri": "gs://b/o"}}),
        (Document(Url("https://x/y")), {"fileData": {"fileUri": "https://x/y"}}),
        (Image(FileId("gemini", "https://g/files/1")), {"fileData": {"fileUri": "https://g/files/1"}}),
    ],
)
def test_content_goes_inline_and_what_stands_elsewhere_by_its_address(part: Any, made: dict[str, Any]) -> None:
    assert media(part) == made


def test_a_file_that_another_provider_keeps_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        media(Document(FileId("openai", "file-1")))
