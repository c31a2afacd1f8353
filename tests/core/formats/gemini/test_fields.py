"""JSON objects read as Google's servers read them."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.fields import Fields, camel, root


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("mimeType", "mimeType"),
        ("mime_type", "mimeType"),
        ("response_json_schema", "responseJsonSchema"),
        ("_responseJsonSchema", "_responseJsonSchema"),
        ("text", "text"),
    ],
)
def test_a_name_is_the_same_in_both_spellings(written: str, name: str) -> None:
    assert camel(written) == name


def test_spellings_mix_and_what_is_below_keeps_its_bytes() -> None:
    fields = root(b'{"generationConfig": {"max_output_tokens": 3, "topK": 2}, "args_of": { "my_key" : 1.50 }}')
    config = fields.fields("generationConfig")
    assert config is not None and (config.integer("maxOutputTokens"), config.integer("topK")) == (3, 2)
    assert bytes(fields.raw("argsOf") or b"") == b'{ "my_key" : 1.50 }'
    assert sorted(fields.names()) == ["argsOf", "generationConfig"]


def test_null_is_absent() -> None:
    fields = root(b'{"a": null}')
    assert not fields.has("a") and fields.text("a") is None and fields.fields("a") is None and fields.each("a") == []
    assert fields.texts("a") == [] and fields.number("a") is None and fields.flag("a") is None


@pytest.mark.parametrize(("value", "number"), [(b"3", 3), (b"3.0", 3), (b'"3"', 3), (b"-1", -1)])
def test_a_whole_number_may_be_written_as_text_or_with_a_point(value: bytes, number: int) -> None:
    assert root(b'{"n": %b}' % value).integer("n") == number


def test_one_may_stand_for_a_list_of_one() -> None:
    fields = root(b'{"parts": {"text": "a"}, "stops": "x"}')
    assert [part.text("text") for part in fields.each("parts")] == ["a"]
    assert fields.texts("stops") == ["x"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", b"3"),
        ("flag", b'"yes"'),
        ("number", b'"x"'),
        ("number", b"[]"),
        ("integer", b"1.5"),
        ("integer", b'"1.5"'),
        ("integer", b"1e999"),
        ("integer", b"true"),
        ("texts", b"[1]"),
        ("fields", b"[]"),
        ("each", b'["x"]'),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(kind: str, value: bytes) -> None:
    config = root(b'{"generation_config": {"x": %b}}' % value).fields("generationConfig")
    assert config is not None
    read: Any = getattr(config, kind)
    with pytest.raises(InvalidRequest) as caught:
        read("x")
    assert "generationConfig.x" in caught.value.message and caught.value.param


@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[]", b"7", b"null", b'{"a":"\xff"}', b'{"\xff":1}', b"{}x", b'{"a":"\\ud800"}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="Invalid JSON payload"):
        root(body)


def test_an_empty_place_is_the_body_itself() -> None:
    assert Fields({}, "").bad("contents", "a list").message == "Invalid value at 'contents': a list is expected"
