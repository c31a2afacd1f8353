"""Clients' own requests on their way to backends of the same format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.conversation import Opaque, Operation
from ollamux.formats.anthropic.incoming import read_route
from ollamux.formats.anthropic.passing import pass_on
from ollamux.formats.anthropic.signatures import UNSIGNED, carried, carried_for_call
from ollamux.formats.base import Dialect, Outgoing

USUAL = Dialect()
PLAIN = b'{ "x":{"model":"m"}, "model" : "m" ,"max_tokens":5, "messages":[ ], "unknown":[1.50] }'


def passed(
    body: bytes,
    model: str = "m",
    defaults: dict[str, Any] | None = None,
    dialect: Dialect = USUAL,
    operation: Operation = "chat",
    **headers: str,
) -> Outgoing:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return pass_on(read_route(body, operation, named), model, defaults or {}, dialect)


def asked(**fields: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 5, "messages": [], **fields}).encode()


def body(out: Outgoing) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.body)
    return found


def test_a_request_passes_untouched_and_only_the_models_name_is_changed() -> None:
    assert passed(PLAIN).body is PLAIN
    assert passed(PLAIN, 'u"p').body == PLAIN.replace(b'"model" : "m"', rb'"model" : "u\"p"')


def test_a_count_of_tokens_has_its_own_path() -> None:
    out = passed(b'{"model":"m","messages":[]}', "up", {"num_predict": 3}, operation="count")
    assert (out.path, out.body) == ("/messages/count_tokens", b'{"model":"up","messages":[]}')
    assert passed(PLAIN).path == "/messages"


def test_the_headers_of_the_format_go_on() -> None:
    assert passed(PLAIN).headers == passed(PLAIN, anthropic_version="2023-06-01").headers == ()
    found = passed(PLAIN, anthropic_version="2026-10-21", anthropic_beta="a,b").headers
    assert found == (("anthropic-version", "2026-10-21"), ("anthropic-beta", "a,b"))


def test_configured_options_are_added_where_the_client_set_none() -> None:
    defaults = {"temperature": 0.5, "top_k": 3, "num_predict": 7, "num_ctx": 4096, "stop": "x", "keep_alive": 5.0}
    found = body(passed(asked(temperature=0), "m", defaults))
    assert found == {
        "model": "m", "max_tokens": 5, "messages": [], "temperature": 0, "top_k": 3, "stop_sequences": ["x"],
    }  # fmt: skip


def test_configured_sampling_gives_way_to_thinking_and_to_the_newer_version() -> None:
    assert "temperature" not in body(passed(asked(thinking={"type": "adaptive"}), "m", {"temperature": 0.5}))
    new = passed(asked(), "m", {"temperature": 0.5, "stop": ["x"]}, anthropic_version="2026-10-21")
    assert "temperature" not in body(new) and body(new)["stop_sequences"] == ["x"]


def test_what_a_dialect_adds_and_forbids() -> None:
    dialect = Dialect(extra={"anthropic-version": "x", "speed": "fast"}, sampling={"temperature": None})
    out = passed(asked(temperature=1), "m", {}, dialect)
    assert body(out)["speed"] == "fast" and "temperature" not in body(out) and "anthropic-version" not in body(out)
    assert out.warnings == ("the backend does not take temperature",)
    kept = passed(asked(speed="standard"), "m", {}, dialect)
    assert body(kept)["speed"] == "standard"


def test_ollamas_knobs_become_the_formats_own_or_are_named() -> None:
    out = passed(
        asked(options={"num_predict": 9, "temperature": 0.1, "seed": 1, "stop": ["x"]}, num_ctx=3, keep_alive="5m")
    )
    assert body(out) == {
        "model": "m", "max_tokens": 9, "messages": [], "temperature": 0.1, "stop_sequences": ["x"],
    }  # fmt: skip
    assert out.warnings == ("the backend does not take these options: keep_alive, num_ctx, seed",)
    strict = passed(asked(options={"temperature": 1}), anthropic_version="2026-10-21")
    assert "temperature" not in body(strict) and "temperature" in strict.warnings[0]


@pytest.mark.parametrize(
    ("think", "found"),
    [
        (True, {"thinking": {"type": "adaptive"}}),
        (False, {"thinking": {"type": "disabled"}}),
        ("high", {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
    ],
)
def test_the_switch_for_thinking_becomes_the_formats_own(think: Any, found: dict[str, Any]) -> None:
    assert body(passed(asked(think=think))) == {"model": "m", "max_tokens": 5, "messages": [], **found}
    own = {"thinking": {"type": "disabled"}}
    assert body(passed(asked(think=think, **own)))["thinking"] == own["thinking"]


def test_a_word_that_is_an_extensions_name_elsewhere_changes_nothing() -> None:
    data = asked(messages=[{"role": "user", "content": [{"type": "text", "text": "think", "options": {}}]}])
    assert passed(data).body is data


def test_thinking_that_carries_another_backends_values_stays_here() -> None:
    foreign = Opaque("gemini", "sig")

    def thinking(signature: str, text: str = "t") -> dict[str, Any]:
        return {"type": "thinking", "thinking": text, "signature": signature}

    kept = [{"type": "text", "text": "ollamux: x"}, {"type": "tool_use", "id": "c", "name": "f", "input": {"n": 1.5}}]
    messages = [
        {"role": "user", "content": "what is ollamux: good for?"},
        {"role": "assistant", "content": [thinking("EqQ="), thinking(UNSIGNED), thinking(carried(foreign)), kept[0]]},
        {"role": "assistant", "content": [thinking(carried_for_call(foreign), ""), kept[1]]},
        {"role": "assistant", "content": [{"type": "redacted_thinking", "data": carried(foreign)}]},
    ]
    found = body(passed(asked(messages=messages), "up"))
    assert found["model"] == "up"
    assert found["messages"] == [
        messages[0],
        {"role": "assistant", "content": [thinking("EqQ="), kept[0]]},
        {"role": "assistant", "content": [kept[1]]},
    ]
    innocent = asked(messages=messages[:1])
    assert json.loads(passed(innocent).body) == json.loads(innocent)
