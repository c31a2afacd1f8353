"""What has to be known of a request before a backend is chosen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming, routing_told
from ollamux.formats.openai_chat.route import ASKED, DECLINED, NOTHING, UNTOLD, Routed


def test_a_route_asks_for_one_answer_of_text_unless_it_says_otherwise() -> None:
    for route in (OpenAIChatIncoming(b'{"model":"m"}'), carefully(b'{"model":"m"}')):
        assert (route.stream, route.tools, route.pictures, route.choices) == (False, False, False, 1)
        assert route.usage == UNTOLD and route.extensions is None


def carefully(body: bytes) -> Routed:
    """Read without any haste."""
    found = Routed()
    found.body = body
    routing_told(found)
    return found


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({}, UNTOLD),
        ({"stream_options": None}, NOTHING),
        ({"stream_options": {}}, DECLINED),
        ({"stream_options": {"include_usage": None}}, DECLINED),
        ({"stream_options": {"include_usage": True}}, ASKED),
    ],
)
def test_what_is_said_of_the_usage_is_one_of_four_things_whichever_way_it_is_read(
    told: dict[str, Any], usage: int
) -> None:
    body = json.dumps({"model": "m", **told}).encode()
    assert OpenAIChatIncoming(body).usage == carefully(body).usage == usage
