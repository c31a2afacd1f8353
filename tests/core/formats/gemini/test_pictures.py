"""Pictures and sounds of the model, in the text of clients that have no other place for them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, Message, Text, TextDelta
from ollamux.formats.base import Dialect
from ollamux.formats.gemini import CALLING
from ollamux.formats.gemini.pictures import parts_of, pointed, shown

DRAWN = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
REQUEST = ChatRequest("m", [Message("user", [Text("draw")])])


@pytest.mark.parametrize(
    ("mime", "told"),
    [
        ("image/png", "![image](data:image/png;base64,AA==)"),
        ("audio/L16;codec=pcm;rate=24000", "[audio](data:audio/L16;codec=pcm;rate=24000;base64,AA==)"),
        ("video/mp4", "[video](data:video/mp4;base64,AA==)"),
        ("", "[file](data:application/octet-stream;base64,AA==)"),
    ],
)
def test_content_is_told_as_markdown_and_becomes_content_again(mime: str, told: str) -> None:
    assert shown(mime, "AA==") == told
    data = {"inlineData": {"mimeType": mime or "application/octet-stream", "data": "AA=="}}
    assert parts_of(f"see {told} and {told}") == [{"text": "see "}, data, {"text": " and "}, data]


def test_what_stands_elsewhere_is_pointed_to() -> None:
    assert pointed("image/png", "https://g.example/1") == "![image](https://g.example/1)"


@given(st.text())
def test_a_text_without_such_a_thing_is_a_text(text: str) -> None:
    assert parts_of(text) == ([{"text": text}] if text else [])


@given(st.lists(st.one_of(st.text(min_size=1), st.binary(min_size=1).map(bytes.hex).filter(lambda t: len(t) % 4 == 0))))
def test_no_text_around_it_is_lost(texts: list[str]) -> None:
    said = shown("image/png", "AAAA").join(texts)
    back = "".join(part.get("text") or shown("image/png", part["inlineData"]["data"]) for part in parts_of(said))
    assert back == said


def answered(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"}]}).encode()


def test_a_picture_in_an_answer_is_told_whole_and_streamed_and_goes_back_as_the_models_own() -> None:
    answer = CALLING.whole(REQUEST, answered({"text": "here: "}, DRAWN), Dialect())
    assert isinstance(answer, Answer)
    told = "".join(part.text for part in answer.parts if isinstance(part, Text))
    assert told == "here: ![image](data:image/png;base64,iVBORw0KGgo=)"
    reader = CALLING.reader(REQUEST, Dialect())
    events = reader.feed(b"data: " + answered({"text": "here: "}, DRAWN) + b"\n\n") + reader.close()
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == told
    again = ChatRequest(
        "m", [*REQUEST.messages, Message("assistant", answer.parts), Message("user", [Text("now in blue")])]
    )
    sent = json.loads(CALLING.build(again, "gemini-3-pro-image", Dialect()).body)
    assert sent["contents"][1]["parts"] == [{"text": "here: "}, DRAWN]


def test_a_file_of_the_model_is_pointed_to_and_an_empty_part_is_nothing() -> None:
    body = answered({"fileData": {"mimeType": "image/png", "fileUri": "gs://b/1.png"}}, {"inlineData": {}})
    answer = CALLING.whole(REQUEST, body, Dialect())
    assert isinstance(answer, Answer) and answer.parts == [Text("![image](gs://b/1.png)")]


def test_pictures_that_a_model_thinks_in_are_part_of_its_thinking() -> None:
    answer = CALLING.whole(REQUEST, answered({"thought": True, **DRAWN}, {"text": "a"}), Dialect())
    assert isinstance(answer, Answer) and "data:image/png" in answer.parts[0].text
