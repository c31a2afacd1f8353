"""Requests as clients that are not installed here make them: fields that are null, unknown, doubled or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.clients.conftest import Speaker
    from tests.support.running import Running

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTION = {"name": "get_weather", "parameters": PARAMETERS}
TOOL = {"type": "function", "function": FUNCTION}
HELLO = [{"role": "user", "content": "Hello"}]


def test_options_that_are_null_count_as_absent(whole: Running, speaker: Speaker) -> None:
    """langchain-ollama sends every option there is or was with its embeddings."""
    gone = dict.fromkeys(("mirostat", "mirostat_eta", "mirostat_tau", "tfs_z", "num_ctx", "temperature"))
    told = whole.ask("POST", "/api/embed", {"model": speaker.model, "input": ["a"], "options": gone})
    assert told.status == 200 and len(told.json["embeddings"]) == 1


def test_fields_that_are_not_ollamas_do_no_harm(whole: Running, speaker: Speaker) -> None:
    """ollama-ai-provider-v2 puts them beside `model`, and `think: false` for every model."""
    more: dict[str, Any] = {"max_output_tokens": 9, "tool_choice": "auto", "think": False, "tools": [], "stream": False}
    told = whole.ask("POST", "/api/chat", {"model": speaker.model, "messages": HELLO, **more})
    assert told.status == 200 and told.json["done"] is True


def test_a_result_without_a_name_or_an_id_belongs_to_the_call_before_it(whole: Running, speaker: Speaker) -> None:
    """langchain-ollama, LlamaIndex, Haystack and llm send role and content alone."""
    call = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
    messages = [*HELLO, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "21C"}]
    body = {"model": speaker.model, "messages": messages, "tools": [TOOL], "stream": False}
    told = whole.ask("POST", "/api/chat", body)
    assert told.status == 200 and speaker.told in told.json["message"]["content"]


def test_a_history_with_what_an_answer_had_is_taken_back(whole: Running, speaker: Speaker) -> None:
    """litellm and langchain echo `index` and fields of their own."""
    call = {"id": "c1", "type": "function", "index": 0, "function": {"name": "get_weather", "arguments": "{}"}}
    said = {"role": "assistant", "content": None, "tool_calls": [call], "provider_specific_fields": {"refusal": None}}
    messages = [*HELLO, said, {"role": "tool", "tool_call_id": "c1", "name": "get_weather", "content": "21C"}]
    body = {"model": speaker.model, "messages": messages, "tools": [TOOL]}
    told = whole.ask("POST", "/v1/chat/completions", body)
    assert told.status == 200 and speaker.told in told.json["choices"][0]["message"]["content"]


def test_a_model_is_shown_by_its_old_field_alone(whole: Running, speaker: Speaker) -> None:
    """litellm asks so after every answer; the command line leaves the other of the two empty."""
    for body in ({"name": speaker.model}, {"name": speaker.model, "model": ""}, {"name": "", "model": speaker.model}):
        assert whole.ask("POST", "/api/show", body).status == 200


def test_no_two_models_share_a_digest(whole: Running) -> None:
    """llm-ollama takes models of one digest for one."""
    digests = [row["digest"] for row in whole.ask("GET", "/api/tags").json["models"]]
    assert len(digests) == len(set(digests)) > 2


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages?beta=true"])
def test_fields_of_newer_tools_are_no_obstacle(path: str, whole: Running, speaker: Speaker) -> None:
    """@ai-sdk/anthropic, on both of the paths that clients use."""
    tool = {"name": "get_weather", "input_schema": PARAMETERS, "eager_input_streaming": True}
    choice = {"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is the weather in Paris?"}]}]
    body = {"model": speaker.model, "max_tokens": 80, "messages": asked, "tools": [tool], "tool_choice": choice}
    told = whole.ask("POST", path, body, {"anthropic-version": "2023-06-01", "x-api-key": "any"})
    assert told.status == 200 and told.json["stop_reason"] == "tool_use"
