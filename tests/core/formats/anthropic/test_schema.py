"""What is read of requests and answers."""

from __future__ import annotations

import msgspec
import pytest

from ollamux.formats.anthropic.schema import decode_event, decode_request, decode_routing, given


def test_a_raw_value_that_is_null_is_absent() -> None:
    assert given(msgspec.Raw(b"null")) == given(msgspec.Raw()) == b""
    assert given(msgspec.Raw(b"0")) == b"0"


def test_routing_does_not_look_into_the_messages() -> None:
    found = decode_routing(b'{"model":"m","messages":[{"role":5}],"temperature":null}')
    assert (found.model, bytes(found.temperature), bytes(found.top_p)) == ("m", b"null", b"")


def test_a_tools_input_keeps_its_bytes() -> None:
    body = b'{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{ "n":1.50 }}]}]}'
    content = decode_request(body).messages[0].content
    assert not isinstance(content, str) and bytes(content[0].input) == b'{ "n":1.50 }'


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"messages":5}', b'{"messages":[{"role":"user"}]}'])
def test_a_request_of_another_shape_is_none(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_request(body)


def test_an_event_with_fields_that_nobody_knows_is_read() -> None:
    assert decode_event(b'{"type":"new","index":3,"odd":[1]}').index == 3
