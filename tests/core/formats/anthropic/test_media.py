"""Pictures and documents."""

from __future__ import annotations

import base64

import pytest

from ollamux.conversation import Bytes, FileId, Source, Url
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.media import document_of, picture_of


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0....", "image/jpeg"),
        (b"GIF89a..........", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
@pytest.mark.parametrize("labelled", ["", "image/png", "application/octet-stream"])
def test_a_picture_is_what_its_first_bytes_say(content: bytes, kind: str, labelled: str) -> None:
    assert picture_of(Bytes(data(content), labelled)) == {
        "type": "image",
        "source": {"type": "base64", "media_type": kind, "data": data(content)},
    }


def test_a_picture_that_nobody_knows_is_what_its_client_says() -> None:
    assert picture_of(Bytes(data(b"BM......"), "image/bmp"))["source"]["media_type"] == "image/bmp"
    assert picture_of(Bytes("!", ""))["source"]["media_type"] == "image/png"


def test_a_pdf_that_came_as_a_picture_is_a_document() -> None:
    assert picture_of(Bytes(data(b"%PDF-1.7...."), "application/pdf"))["type"] == "document"
    assert document_of(Bytes(data(b"\x89PNG\r\n\x1a\n...."), ""), "x")["type"] == "image"
    assert document_of(Bytes(data(b"%PDF-1.7...."), ""), "a.pdf") == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": data(b"%PDF-1.7....")},
        "title": "a.pdf",
    }


def test_a_plain_text_goes_as_text() -> None:
    found = document_of(Bytes(data("für".encode()), "text/markdown"), "")
    assert found == {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "für"}}


@pytest.mark.parametrize("source", [Bytes(data(b"PK\x03\x04\xff"), "application/zip"), Bytes("!!", "text/plain")])
def test_a_document_of_another_kind_is_refused(source: Source) -> None:
    with pytest.raises(InvalidRequest):
        document_of(source, "")


def test_what_stands_elsewhere_is_pointed_to() -> None:
    assert picture_of(Url("https://x/y.png"))["source"] == {"type": "url", "url": "https://x/y.png"}
    assert document_of(FileId("anthropic", "file_1"), "")["source"] == {"type": "file", "file_id": "file_1"}
    with pytest.raises(InvalidRequest):
        picture_of(FileId("openai", "file_1"))
