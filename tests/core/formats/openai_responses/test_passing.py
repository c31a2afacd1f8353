"""A client's own request on its way to a server of the same format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.core.formats.openai_responses.conftest import Client

from ollamux.conversation import Answer, Opaque, Reasoning, Text, ToolCall
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.openai_responses.passing import passed
from ollamux.formats.openai_responses.signatures import carry
from ollamux.formats.openai_responses.store import StoredResponses

FOREIGN = carry(Opaque("anthropic", "x"))


def sent(client: Client, raw: bytes, defaults: dict[str, Any] | None = None, dialect: Dialect = Dialect()) -> Outgoing:  # noqa: B008
    incoming = client.serving.read(client.serving.routes[0], raw, {"openai-beta": "x=v1"})
    return passed(incoming, "up", defaults or {}, dialect)


def body(client: Client, defaults: dict[str, Any] | None = None, /, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(sent(client, json.dumps({"model": "m", **asked}).encode(), defaults).body)
    return found


def test_all_bytes_pass_but_the_models_name(client: Client) -> None:
    raw = b'{ "input": "hi", "odd": [1, 2.50], "model" : "m", "tools":[{"type":"compaction"}], "store":false }'
    found = sent(client, raw)
    assert found.body == raw.replace(b'"m"', b'"up"') and found.path == "/responses" and found.warnings == ()
    assert found.headers == (("openai-beta", "x=v1"),)
    incoming = client.serving.read(client.serving.routes[0], raw, {})
    assert passed(incoming, "m", {}, Dialect()).body is raw


def test_unknown_items_and_members_survive_what_has_to_change(client: Client) -> None:
    items = [
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "new", "id": "n"},
        {"role": "user", "content": "a"},
    ]
    found = body(client, {"temperature": 0.5}, input=items, brand_new={"a": 1}, keep_alive="5m")
    assert found == {"model": "up", "temperature": 0.5, "input": items, "brand_new": {"a": 1}}


def test_the_backends_own_earlier_response_is_its_own_matter(client: Client) -> None:
    raw = b'{"model":"m","input":"hi","previous_response_id":"resp_theirs"}'
    assert sent(client, raw).body == raw.replace(b'"m"', b'"up"')
    client.serving.responses.put("resp_theirs", "", b"{}", [], [], 1.0, upstream=True)
    assert sent(client, raw).body == raw.replace(b'"m"', b'"up"')


def kept(client: Client, *parts: Any, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.renderer(**asked).whole(Answer(list(parts), "stop"), client.now))
    return found


def test_an_earlier_response_that_only_we_keep_is_written_out(client: Client) -> None:
    own = Opaque("openai_responses", "gAAA")
    said = (Reasoning("hm", Opaque("anthropic", "x")), Reasoning("a", own), Text("ho"), ToolCall("c1", "f", '{"a":1}'))
    first = kept(client, *said, input=[{"type": "message", "role": "user", "content": "hi"}])
    result = {"type": "function_call_output", "call_id": "c1", "output": "x"}
    raw = {"model": "m", "input": [result], "previous_response_id": first["id"], "odd": 1}
    found = sent(client, json.dumps(raw).encode())
    told = json.loads(found.body)
    assert told.keys() == {"model", "input", "odd"}
    assert [item.get("type") for item in told["input"]] == [
        "message",
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
    ]
    assert told["input"][1]["encrypted_content"] == "gAAA"
    assert not any("id" in item for item in told["input"]) and "signed thinking" in found.warnings[0]


def test_a_text_goes_on_from_an_earlier_response_too(client: Client) -> None:
    first = kept(client, Text("ho"), input="hi")
    found = body(client, input="he", previous_response_id=first["id"])
    assert [item["role"] for item in found["input"]] == ["user", "assistant", "user"]


def test_references_and_ids_that_we_made_stay_here(client: Client) -> None:
    """34."""
    first = kept(client, Reasoning("hm"), Text("ho"))
    thought, message = first["output"]
    theirs = {"type": "item_reference", "id": "rs_theirs"}
    reference = {"type": "item_reference", "id": message["id"]}
    found = body(client, input=[thought, reference, message, theirs])
    assert [item["type"] for item in found["input"]] == ["message", "message", "item_reference"]
    assert "id" not in found["input"][0] and "id" not in found["input"][1] and found["input"][2] == theirs


def test_what_another_format_signed_is_left_out_with_a_warning(client: Client) -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": FOREIGN}
    raw = {"model": "m", "input": [item, {"role": "user", "content": "a"}]}
    found = sent(client, json.dumps(raw).encode())
    assert json.loads(found.body)["input"] == [{"role": "user", "content": "a"}] and len(found.warnings) == 1


def test_a_word_of_ours_in_a_text_changes_nothing(client: Client) -> None:
    raw = b'{"model":"up","input":"what are \\"options\\" and ollamux.x ?", "a": 1.50}'
    assert sent(client, raw).body == raw
    listed = b'{"model":"up","input":[{"role":"user","content":"ollamux. is it"}], "a": 1.50}'
    assert json.loads(sent(client, listed).body) == json.loads(listed)
    odd = b'{"model":"up","input":["\\"ollamux.", {"content":{"a":"ollamux."}}]}'
    assert json.loads(sent(client, odd).body) == json.loads(odd)


def test_ollamas_fields_become_the_formats_own_or_go_with_a_warning(client: Client) -> None:
    asked = {
        "options": {"temperature": 0.1, "num_predict": 50, "num_gpu": 1},
        "num_ctx": 4096,
        "think": "high",
        "keep_alive": "5m",
    }
    raw = {"model": "m", "input": "hi", "temperature": 1, **asked}
    found = sent(client, json.dumps(raw).encode())
    assert json.loads(found.body) == {
        "model": "up",
        "input": "hi",
        "temperature": 0.1,
        "max_output_tokens": 50,
        "reasoning": {"effort": "high"},
    }
    assert found.warnings == ("the backend does not take these options: keep_alive, num_ctx, num_gpu",)


@pytest.mark.parametrize(
    ("asked", "reasoning"),
    [
        ({"think": False}, {"effort": "none"}),
        ({"think": True}, None),
        ({"think": "low", "reasoning": {"summary": "auto"}}, {"summary": "auto", "effort": "low"}),
        ({"think": "low", "reasoning": {"effort": "high"}}, {"effort": "high"}),
    ],
)
def test_think_is_weaker_than_reasoning(client: Client, asked: dict[str, Any], reasoning: Any) -> None:
    assert body(client, input="hi", **asked).get("reasoning") == reasoning


def test_an_extension_that_cannot_be_understood_is_refused(client: Client) -> None:
    for asked in ({"think": "hard"}, {"options": {"temperature": "hot"}}, {"options": 5}):
        with pytest.raises(InvalidRequest):
            body(client, input="hi", **asked)


def test_the_configuration_is_weaker_than_the_client(client: Client) -> None:
    defaults = {"temperature": 0.5, "num_predict": 99, "keep_alive": 5.0, "num_ctx": 9}
    assert body(client, defaults, input="hi", temperature=0) == {
        "model": "up",
        "input": "hi",
        "temperature": 0,
        "max_output_tokens": 99,
    }


def test_a_models_settings_fill_in_what_the_client_left_open(client: Client) -> None:
    settings = {
        "reasoning_effort": "high",
        "summary_level": "auto",
        "verbosity_level": "low",
        "truncation_strategy": "auto",
    }
    plain = body(client, settings, input="hi")
    assert plain["reasoning"] == {"effort": "high", "summary": "auto"}
    assert plain["text"] == {"verbosity": "low"} and plain["truncation"] == "auto"
    told = {"reasoning": {"effort": "low"}, "text": {"verbosity": "high"}, "truncation": "disabled"}
    mixed = body(client, settings, input="hi", **told)
    assert mixed["reasoning"] == {"effort": "low", "summary": "auto"}
    assert (mixed["text"], mixed["truncation"]) == ({"verbosity": "high"}, "disabled")


def test_a_dialect_takes_away_and_adds(client: Client) -> None:
    """42."""
    dialect = Dialect(refuses=frozenset({"temperature", "top_p"}), extra={"store": False, "x": 1})
    found = sent(client, b'{"model":"m","input":"hi","temperature":1,"store":true}', dialect=dialect)
    assert json.loads(found.body) == {"model": "up", "input": "hi", "store": True, "x": 1}
    assert found.warnings == ("the backend does not take: temperature",)


def test_a_count_of_tokens_has_its_own_path(client: Client) -> None:
    incoming = client.serving.read(client.serving.routes[2], b'{"model":"m","input":"hi"}', {})
    assert incoming.operation == "count" and passed(incoming, "m", {}, Dialect()).path == "/responses/input_tokens"


def test_one_clients_earlier_responses_are_not_written_out_for_another(client: Client) -> None:
    client.serving.responses = StoredResponses()
    client.serving.responses.put("resp_1", "somebody", b"{}", [b'{"role":"user","content":"secret"}'], [], 1.0)
    raw = b'{"model":"m","input":"hi","previous_response_id":"resp_1"}'
    assert sent(client, raw).body == raw.replace(b'"m"', b'"up"')
