"""The official OpenAI client for Python: chat completions that pass through to llama.cpp, and translated ones in front
of the demo and of an Ollama."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from tests.clients.conftest import PIXEL, SPEAKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.conftest import Speaker
    from tests.support.running import Running

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tell the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
FORMAT = {"type": "json_schema", "json_schema": {"name": "number", "strict": True, "schema": SCHEMA}}


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def create(whole: Running) -> Iterator[Any]:
    """`chat.completions.create` of a client, cold and brief."""
    with openai.OpenAI(base_url=f"{whole.url}/v1", api_key="any", max_retries=0) as client:
        make: Any = client.chat.completions.create
        yield lambda **asked: make(**{"temperature": 0, "max_tokens": 80, **asked})


def test_a_chat_is_answered_whole(create: Any, speaker: Speaker) -> None:
    answer = create(model=speaker.model, messages=user("Hello"))
    (choice,) = answer.choices
    assert speaker.hello in choice.message.content
    assert (answer.model, answer.object) == (speaker.model, "chat.completion")
    assert choice.message.role == "assistant"
    assert choice.finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_chat_is_streamed(create: Any, speaker: Speaker) -> None:
    asked = {"stream": True, "stream_options": {"include_usage": True}, "max_tokens": 30}
    with create(model=speaker.model, messages=user("Hello"), **asked) as stream:
        chunks = list(stream)
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert choices[0].delta.role == "assistant"
    assert speaker.hello in "".join(choice.delta.content or "" for choice in choices)
    assert [choice.finish_reason for choice in choices if choice.finish_reason] in (["stop"], ["length"])
    assert {chunk.model for chunk in chunks} == {speaker.model}
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage.completion_tokens > 0
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_sent_back(create: Any, speaker: Speaker, stream: bool) -> None:
    messages = user("What is the weather in Paris?")
    if stream:
        with create(model=speaker.model, messages=messages, tools=[WEATHER], stream=True) as chunks:
            choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
        pieces = [call for choice in choices for call in choice.delta.tool_calls or ()]
        id_, name = pieces[0].id, pieces[0].function.name
        arguments = "".join(piece.function.arguments or "" for piece in pieces)
        finish = choices[-1].finish_reason
    else:
        choice = create(model=speaker.model, messages=messages, tools=[WEATHER]).choices[0]
        (call,) = choice.message.tool_calls
        id_, name, arguments, finish = call.id, call.function.name, call.function.arguments, choice.finish_reason
    assert id_
    assert name == "get_weather"
    assert json.loads(arguments) == {"city": "Paris"}
    assert finish == "tool_calls"
    called = {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
    messages += [{"role": "assistant", "content": None, "tool_calls": [called]}]
    messages += [{"role": "tool", "tool_call_id": id_, "content": "21C"}]
    told = create(model=speaker.model, messages=messages, tools=[WEATHER])
    assert speaker.told in told.choices[0].message.content


def test_tools_are_called_in_parallel(create: Any) -> None:
    asked = create(model="scripted", messages=user("parallel, please"), tools=[WEATHER], parallel_tool_calls=True)
    calls = [json.loads(call.function.arguments) for call in asked.choices[0].message.tool_calls]
    assert calls == [{"city": "Oslo"}, {"city": "Rome"}]


def test_an_answer_fits_the_schema_it_is_asked_for(create: Any, speaker: Speaker) -> None:
    answer = create(model=speaker.model, messages=user("Say 2"), response_format=FORMAT)
    assert isinstance(json.loads(answer.choices[0].message.content)["n"], int)


def test_a_picture_is_seen(create: Any) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    for name in ("demo", "ollama"):
        seen = create(model=SPEAKERS[name].model, messages=user(content)).choices[0].message.content
        assert "image/png, 70 bytes" in seen or "I see 1 picture." in seen


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_is_not_found(create: Any, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        create(model="nope", messages=user("Hello"), stream=stream)
    assert caught.value.code == "model_not_found"
    assert caught.value.param == "model"
    assert "nope" in caught.value.message


def test_a_request_that_cannot_be_read_is_bad(create: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="demo", messages=[{"content": "nobody says this"}])
    assert caught.value.type == "invalid_request_error"
