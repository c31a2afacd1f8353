"""The two places of a body that speak of the model's memory."""

from __future__ import annotations

import json
import math

import pytest

from ollamux.formats.ollama.memory import context_of, with_memory


@pytest.mark.parametrize(
    ("body", "context"),
    [
        (b'{"model":"m"}', None),
        (b'{"options":{"num_ctx":4096}}', 4096),
        (b'{"OPTIONS":{"num_ctx":4096.0}}', 4096),
        (b'{"options":{"num_ctx":null}}', None),
        (b'{"options":null,"prompt":"num_ctx"}', None),
        (b'{"num_ctx":4096,"options":{"top_k":1}}', None),
    ],
)
def test_the_context_is_read_where_ollama_reads_it(body: bytes, context: int | None) -> None:
    assert context_of(body) == context


@pytest.mark.parametrize("options", [b'{"num_ctx":"4096"}', b'{"num_ctx":true}', b'["num_ctx"]', b'{"num_ctx":0.5}'])
def test_what_is_no_context_is_a_value_error(options: bytes) -> None:
    with pytest.raises(ValueError, match=r"num_ctx|options"):
        context_of(b'{"options":' + options + b"}")


def test_nothing_to_say_changes_nothing() -> None:
    body = b'{ "model" : "m" } '
    assert with_memory(body, None, None) is body


def test_all_else_survives_byte_for_byte() -> None:
    body = b'{ "n":1.50, "Options" : {"top_k":1, "num_ctx":512}, "keep_alive":"5m" }'
    assert with_memory(body, 8192, 90.5) == (b'{ "n":1.50, "Options" : {"top_k":1,"num_ctx":8192}, "keep_alive":90.5 }')


def test_what_is_missing_is_added_and_for_ever_is_told_as_ollama_takes_it() -> None:
    assert json.loads(with_memory(b'{"model":"m"}', 8192, math.inf)) == {
        "model": "m",
        "options": {"num_ctx": 8192},
        "keep_alive": -1,
    }
