"""Errors in Ollama's words."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.errors import BackendError, BackendTimeout, BackendUnavailable, InvalidRequest, OllamuxError
from ollamux.formats.ollama.faults import failure_text, fault_text, go_value

BOOM = '{"code": 500, "message": "mid stream boom", "type": "server_error"}'
SPELLED = "llama-server chat error: map[code:500 message:mid stream boom type:server_error]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (500, "500"),
        (0.5, "0.5"),
        (1e21, "1e+21"),
        (123456789.0, "1.23456789e+08"),
        (0.00001, "1e-05"),
        (0.00012, "0.00012"),
        (18052, "18052"),
        (100000, "100000"),
        (1000000, "1e+06"),
        (-1234567.5, "-1.2345675e+06"),
        (0, "0"),
        (-3, "-3"),
        ("a b", "a b"),
        ([1, "x", None], "[1 x <nil>]"),
        ({"b": {"y": 1, "x": []}, "a": "z"}, "map[a:z b:map[x:[] y:1]]"),
    ],
)
def test_values_are_printed_as_go_does(value: Any, text: str) -> None:
    assert go_value(value) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (BackendError(BOOM, status=500), SPELLED),
        (BackendError("x", status=500, body=BOOM), SPELLED),
        (BackendError("x", status=500, body=f'{{"error":{BOOM}}}'), SPELLED),
        (BackendError("x", status=500, body='{"error":"said"}'), "said"),
        (BackendError("{broken", status=500), "{broken"),
        (BackendUnavailable("reset"), "an error was encountered while running the model: unexpected EOF"),
        (BackendTimeout("too slow"), "too slow"),
    ],
)
def test_a_stream_that_broke_says_why(error: OllamuxError, text: str) -> None:
    assert fault_text(error) == text


RAW = '{"error": {"code": 500, "message": "boom", "type": "server_error"}}'
RAW_400 = '{"error": {"code": 400, "message": "too long", "type": "exceed_context_size_error"}}'
RAW_501 = '{"error":{"code":501,"message":"This server does not support embeddings."}}'


@pytest.mark.parametrize(
    ("error", "streaming", "text"),
    [
        (InvalidRequest("{bad"), False, "{bad"),
        (BackendError("boom", status=500, body=RAW), True, RAW),
        (
            BackendError("boom", status=500, body=RAW),
            False,
            "llama-server chat error: map[code:500 message:boom type:server_error]",
        ),
        (BackendError("too long", status=400, body=RAW_400), False, RAW_400),
        (BackendError("no", status=501, body=RAW_501), False, "This server does not support embeddings."),
        (BackendError("boom", status=500, body=BOOM), False, SPELLED),
        (BackendError("said", status=404, body='{"error":"said"}'), False, "said"),
        (BackendError("said", status=500, body="<html>"), False, "<html>"),
        (BackendError("said", status=502), False, "said"),
    ],
)
def test_a_failure_is_the_backends_body_as_it_came(error: OllamuxError, streaming: bool, text: str) -> None:
    assert failure_text(error, streaming=streaming) == text
