"""The model's name is replaced where it stands."""

from __future__ import annotations

import msgspec
import pytest

from ollamux.streaming.naming import with_model


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"id":1,"model":"up","x":1.50}', b'{"id":1,"model":"mine","x":1.50}'),
        (b'{ "model" : "up\\"x" , "x": [1 ,2] }', b'{ "model" : "mine" , "x": [1 ,2] }'),
        (b'{"model":null}', b'{"model":"mine"}'),
        (b'{"x":{"model":"up"}}', b'{"x":{"model":"up"}}'),
        (b"not json", b"not json"),
        (b"[1]", b"[1]"),
    ],
)
def test_the_outermost_name_alone_is_replaced(body: bytes, expected: bytes) -> None:
    assert with_model(body, b'"mine"') == expected


def test_an_object_with_another_model_inside_is_written_anew() -> None:
    body = b'{"x": {"model":"up", "n": 1.50}, "model": "up"}'
    assert with_model(body, b'"mine"') == b'{"x":{"model":"up", "n": 1.50},"model":"mine"}'
    assert msgspec.json.decode(with_model(body, b'"mine"'))["x"]["model"] == "up"
