"""The stand-in for a format that no client has spoken yet."""

from __future__ import annotations

import subprocess
import sys

from ollamux import formats
from ollamux.formats.anthropic import ROUTES
from ollamux.formats.anthropic.serving import AnthropicServing
from ollamux.formats.base import Incoming, Serving
from ollamux.formats.late import LateServing

_LOADED = """
import json, sys
from ollamux.config import Layer, load
from ollamux.gateway import Gateway
gateway = Gateway(load([Layer("it", {"backends": [{"id": "a", "type": "demo"}]})], {}))
late = ("anthropic", "gemini", "openai_responses")
print(json.dumps([name for name in late if f"ollamux.formats.{name}.serving" in sys.modules or "yaml" in sys.modules]))
"""


def test_nothing_is_made_for_the_name_and_the_routes_and_one_for_everything_else() -> None:
    made: list[AnthropicServing] = []

    def make() -> Serving:
        made.append(AnthropicServing())
        return made[-1]

    late = LateServing("anthropic", ROUTES, make)
    assert (late.name, late.routes, late.whole_type, made) == ("anthropic", ROUTES, "application/json", [])
    incoming = late.read(
        ROUTES[0], b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]}', {}
    )
    assert (incoming.model, len(made)) == ("m", 1)
    assert late.real() is made[0]
    assert late.opens(b"event: ping\ndata: {}\n\n") and not late.opens(b"event: message_stop\ndata: {}\n\n")
    assert len(made) == 1


def test_what_the_real_side_calls_its_answers_is_what_the_stand_in_calls_them() -> None:
    class Plain(AnthropicServing):
        def __init__(self) -> None:
            super().__init__()
            self.whole_type = "text/plain"

    late = LateServing("anthropic", ROUTES, Plain)
    assert late.stream_type(Incoming()) == "text/event-stream; charset=utf-8"
    assert late.whole_type == "text/plain"


def test_every_format_of_clients_says_what_it_is_whether_it_is_loaded_or_not() -> None:
    for serving in formats.servings():
        folder = __import__(f"ollamux.formats.{serving.name}", fromlist=["SERVING"])
        assert folder.SERVING.name == serving.name
        assert folder.SERVING.routes == serving.routes


def test_a_gateway_loads_no_format_that_nobody_has_spoken() -> None:
    run = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
