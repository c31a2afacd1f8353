"""The parts of a message that are no text."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import Audio, Bytes, Document, FileId, Image, Reasoning, Refusal, Text, Url
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_chat.attachments import part_of


def b64(data: bytes) -> str:
    return base64.b64encode(data + bytes(40)).decode()


JPEG, PNG, PDF, WAV, WEBP = (
    b64(head) for head in (b"\xff\xd8\xff", b"\x89PNG", b"%PDF-1.7", b"RIFF1234WAVE", b"RIFF1234WEBP")
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (f"data:image/png;base64,{JPEG}", Image(Bytes(JPEG, "image/jpeg"))),
        (f"data:;base64,{PNG}", Image(Bytes(PNG, "image/png"))),
        (f"DATA:image/JPG;x=y;BASE64,{WEBP}", Image(Bytes(WEBP, "image/webp"))),
        (f"data:application/pdf;base64,{PDF}", Document(Bytes(PDF, "application/pdf"))),
        (f"data:image/png;base64,{PDF}", Document(Bytes(PDF, "application/pdf"))),
        (f"data:;base64,{WAV}", Audio(Bytes(WAV, "audio/wav"), "wav")),
        ("data:image/svg+xml;base64,AA==", Image(Bytes("AA==", "image/svg+xml"))),
        ("https://x/a.png", Image(Url("https://x/a.png"))),
    ],
)
def test_a_picture_is_what_its_first_bytes_say_whatever_the_label(url: str, expected: object) -> None:
    assert part_of({"type": "image_url", "image_url": {"url": url}}, 0) == expected
    assert part_of({"type": "input_image", "image_url": url}, 0) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (
            {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            Document(Bytes(PDF, "application/pdf"), "a.pdf"),
        ),
        ({"file_data": PDF}, Document(Bytes(PDF, "application/pdf"))),
        ({"file_data": "AAAA", "filename": "x"}, Document(Bytes("AAAA"), "x")),
        ({"file_data": f"data:image/png;base64,{PNG}"}, Image(Bytes(PNG, "image/png"))),
        ({"file_id": "file-1"}, Document(FileId("openai", "file-1"))),
        ({"file_url": "https://x/a.pdf"}, Document(Url("https://x/a.pdf"))),
    ],
)
def test_files_are_documents(file: dict[str, Any], expected: object) -> None:
    assert part_of({"type": "file", "file": file}, 0) == expected
    assert part_of({"type": "input_file", **file}, 0) == expected


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"text": "a"}, Text("a")),
        ({"type": "input_text", "text": "a"}, Text("a")),
        ({"type": "output_text", "text": None}, Text("")),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
        ({"type": "thinking", "thinking": "hm"}, Reasoning("hm")),
        ({"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"text": "m"}]}, Reasoning("hm")),
        ({"type": "input_audio", "input_audio": {"data": "AA=="}}, Audio(Bytes("AA==", "audio/wav"), "wav")),
    ],
)
def test_texts_and_sounds(part: dict[str, Any], expected: object) -> None:
    assert part_of(part, 0) == expected


@pytest.mark.parametrize(
    "part",
    [
        {"type": "video_url", "video_url": {"url": "x"}},
        {"type": ["text"]},
        {"type": None},
        {"type": "text", "text": 5},
        {"type": "image_url"},
        {"type": "image_url", "image_url": {"url": 5}},
        {"type": "image_url", "image_url": "data:image/png,raw"},
        {"type": "image_url", "image_url": "data:image/png;base64"},
        {"type": "input_audio", "input_audio": {"data": 5}},
        {"type": "input_audio", "input_audio": "x"},
        {"type": "file", "file": {}},
        {"type": "thinking", "thinking": 5},
    ],
)
def test_what_cannot_be_read_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        part_of(part, 3)


@given(
    st.dictionaries(
        st.sampled_from(["type", "text", "image_url", "file", "input_audio", "thinking", "url"]),
        st.recursive(
            st.sampled_from(["text", "image_url", "file", "input_audio", "thinking", "data:;base64,", 5, None]),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["url", "data", "format", "file_data", "detail"]), inner, max_size=3)
            ),
            max_leaves=5,
        ),
    )
)
def test_nothing_that_a_client_sends_is_more_than_refused(part: dict[str, Any]) -> None:
    try:
        part_of(part, 0)
    except InvalidRequest:
        pass
