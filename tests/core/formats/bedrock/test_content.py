"""Parts of messages as content blocks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.aws import checked

from ollamux.chat import ChatRequest
from ollamux.conversation import Audio, Bytes, Document, FileId, Image, Message, Part, Text, ToolCall, ToolResult, Url
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.bedrock.building import build_chat

CLAUDE, LLAMA = "anthropic.claude-opus-4-6-v1", "meta.llama3-70b-instruct-v1:0"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\x00" * 8).decode()
JPEG = base64.b64encode(b"\xff\xd8\xff\xe0" + b"\x00" * 8).decode()
WEBP = base64.b64encode(b"RIFF\x00\x00\x00\x00WEBPVP8 ").decode()
PDF = base64.b64encode(b"%PDF-1.7\n").decode()
DATA = base64.b64encode(b"some data").decode()


def blocks(*parts: Part, model: str = CLAUDE) -> list[dict[str, Any]]:
    body = checked(build_chat(ChatRequest("m", [Message("user", list(parts))]), model, Dialect()), model)
    found: list[dict[str, Any]] = body["messages"][0]["content"]
    return found


@pytest.mark.parametrize(
    ("source", "form"),
    [
        (Bytes(PNG), "png"),
        (Bytes(JPEG, "image/png"), "jpeg"),  # what the bytes say counts
        (Bytes(WEBP, ""), "webp"),
        (Bytes(base64.b64encode(b"GIF89a").decode(), "image/gif"), "gif"),
        (Bytes(DATA, "image/jpg"), "jpeg"),
        (Bytes(DATA, "image/webp; q=1"), "webp"),
    ],
)
def test_a_picture_has_the_format_that_its_bytes_are_in(source: Bytes, form: str) -> None:
    assert blocks(Image(source)) == [{"image": {"format": form, "source": {"bytes": source.data}}}]


@pytest.mark.parametrize("url", ["s3://bucket/pictures/cat.PNG", "s3://bucket/cat.png"])
def test_a_picture_may_stand_in_s3(url: str) -> None:
    assert blocks(Image(Url(url))) == [{"image": {"format": "png", "source": {"s3Location": {"uri": url}}}}]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (Image(Url("https://example.com/cat.png")), "only as data in the request"),
        (Image(FileId("openai", "file-1")), "another provider keeps"),
        (Image(Bytes(DATA, "image/bmp")), "takes png, jpeg, gif and webp"),
        (Image(Bytes("", "image/png")), "is empty"),
        (Image(Bytes("***")), "takes png"),
        (Audio(Bytes(DATA, "audio/x-unheard")), "takes wav"),
        (Document(Bytes(DATA, "application/zip"), "a.zip"), "not application/zip"),
        (Document(FileId("anthropic", "f"), "a.pdf"), "another provider keeps"),
        (Document(Url("https://example.com/a.pdf"), "a.pdf"), "only as data in the request"),
        (Document(Bytes(DATA)), "not this one"),
    ],
)
def test_what_the_model_could_not_see_is_refused(part: Part, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        blocks(part)


@pytest.mark.parametrize(
    ("part", "form"),
    [
        (Audio(Bytes(DATA), "mp3"), "mp3"),
        (Audio(Bytes(DATA, "audio/x-wav")), "wav"),
        (Audio(Bytes(DATA, "audio/mpeg")), "mp3"),
    ],
)
def test_a_sound_has_a_format(part: Audio, form: str) -> None:
    assert blocks(part) == [{"audio": {"format": form, "source": {"bytes": DATA}}}]


@pytest.mark.parametrize(
    ("document", "form", "name"),
    [
        (Document(Bytes(PDF, "application/pdf"), "report.pdf"), "pdf", "report"),
        (Document(Bytes(PDF)), "pdf", "document"),
        (Document(Bytes(DATA, "text/plain; charset=utf-8"), "notes_v1.2.txt"), "txt", "notes-v1-2"),
        (Document(Bytes(DATA, "text/x-python"), "a.py"), "txt", "a-py"),
        (Document(Bytes(DATA), "Q1  [draft] (2).docx"), "docx", "Q1 [draft] (2)"),
        (Document(Bytes(DATA, "text/markdown"), "\u5206\u6790"), "md", "document"),
        (Document(Url("s3://bucket/a/b.csv"), "x" * 300), "csv", "x" * 200),
    ],
)
def test_a_document_has_a_format_and_a_name_that_is_allowed(document: Document, form: str, name: str) -> None:
    found = blocks(Text("read"), document)[1]["document"]
    assert (found["format"], found["name"]) == (form, name)


def test_no_two_documents_of_a_request_have_one_name() -> None:
    files = [Document(Bytes(PDF), name) for name in ("a.pdf", "A.pdf", "a", "", "")]
    request = ChatRequest("m", [Message("user", [Text("x"), part]) for part in files])
    content = checked(build_chat(request, CLAUDE, Dialect()), CLAUDE)["messages"][0]["content"]
    names = [block["document"]["name"] for block in content if "document" in block]
    assert names == ["a", "A (2)", "a (3)", "document", "document (2)"]


@given(st.lists(st.text(max_size=250), max_size=4))
def test_whatever_documents_are_called_their_names_are_allowed(names: list[str]) -> None:
    parts: list[Part] = [Text("x"), *(Document(Bytes(PDF), name) for name in names)]
    given_names = [block["document"]["name"] for block in blocks(*parts) if "document" in block]
    assert len({name.lower() for name in given_names}) == len(names)
    for name in given_names:
        assert 0 < len(name) <= 200 and "  " not in name
        assert name.isascii() and all(sign.isalnum() or sign in " -()[]" for sign in name)


def test_a_document_has_a_text_beside_it_since_the_service_wants_one() -> None:
    assert blocks(Document(Bytes(PDF), "report.pdf"))[1] == {"text": "report"}
    assert len(blocks(Document(Bytes(PDF), "report.pdf"), Text("sum it up"))) == 2


def test_a_cache_ends_behind_its_part_where_the_model_has_caches() -> None:
    found = blocks(Text("a", cache="5m"), Image(Bytes(PNG), cache="1h"), Document(Bytes(PDF), cache="5m"))
    points = [block["cachePoint"] for block in found if "cachePoint" in block]
    assert points == [{"type": "default"}, {"type": "default", "ttl": "1h"}, {"type": "default"}]
    assert [next(iter(block)) for block in found][:4] == ["text", "cachePoint", "image", "cachePoint"]
    outgoing = build_chat(ChatRequest("m", [Message("user", [Text("a", cache="5m")])]), LLAMA, Dialect())
    assert outgoing.warnings == ("the backend does not take these: cache points",)
    assert checked(outgoing, LLAMA)["messages"][0]["content"] == [{"text": "a"}]


def answered(*parts: Part, model: str = CLAUDE, **rest: Any) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    call = Message("assistant", [ToolCall("c", "f", "{}")])
    result = Message("tool", [ToolResult("c", list(parts), **rest)])
    outgoing = build_chat(ChatRequest("m", [Message("user", [Text("x")]), call, result]), model, Dialect())
    found: list[dict[str, Any]] = checked(outgoing, model)["messages"][2]["content"]
    return found, outgoing.warnings


def test_a_tool_answers_with_texts_pictures_and_documents() -> None:
    parts: list[Part] = [Text("a"), Text(" "), Image(Bytes(PNG), cache="5m"), Document(Bytes(PDF))]
    (block,), warnings = answered(*parts, Audio(Bytes(DATA), "wav"))
    assert [next(iter(inner)) for inner in block["toolResult"]["content"]] == ["text", "image", "document"]
    assert "status" not in block["toolResult"]
    assert warnings == ("the backend does not take these: sounds in what a tool answered",)


def test_a_tool_may_answer_nothing() -> None:
    (block,), _ = answered()
    assert block == {"toolResult": {"toolUseId": "c", "content": []}}


def test_a_tool_that_failed_says_so_where_the_model_knows_the_word() -> None:
    (block,), warnings = answered(Text("no"), is_error=True)
    assert block["toolResult"]["status"] == "error" and warnings == ()
    (block,), warnings = answered(Text("no"), model=LLAMA, is_error=True)
    assert "status" not in block["toolResult"] and "that a tool failed" in warnings[0]


def test_a_cache_may_end_behind_what_a_tool_answered() -> None:
    found, _ = answered(Text("a"), cache="5m")
    assert found[1] == {"cachePoint": {"type": "default"}}
