"""The official OpenAI client for Python: what passes through to llama.cpp, and what is translated in front of the demo
and of an Ollama: chats, completions, embeddings and the lists of models."""

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
def client(whole: Running) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{whole.url}/v1", api_key="any", max_retries=0) as found:
        yield found


@pytest.fixture
def create(client: Any) -> Any:
    """`chat.completions.create` of a client, cold and brief."""
    make: Any = client.chat.completions.create
    return lambda **asked: make(**{"temperature": 0, "max_tokens": 80, **asked})


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
    assert caught.value.type == "invalid_request_error"
    assert "nope" in caught.value.message and "scripted" in caught.value.message


def test_a_request_that_cannot_be_read_is_bad(create: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="demo", messages=[{"content": "nobody says this"}])
    assert caught.value.type == "invalid_request_error"


def test_thinking_has_both_names_that_clients_look_for(create: Any, speaker: Speaker) -> None:
    asked = {"model": speaker.model, "messages": user("think 2+2"), "extra_body": {"think": True}}
    message = create(**asked, max_tokens=200).choices[0].message
    assert speaker.thought in message.reasoning_content
    assert speaker.answer in message.content
    with create(**asked, max_tokens=200, stream=True) as chunks:
        deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert speaker.thought in "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    if speaker.model != "scripted":  # what passes through keeps the name that the backend gave it
        assert "".join(getattr(delta, "reasoning", None) or "" for delta in deltas)
        assert message.reasoning == message.reasoning_content


def test_usage_is_in_a_stream_only_where_it_was_asked_for(create: Any, speaker: Speaker) -> None:
    with create(model=speaker.model, messages=user("Hello"), stream=True, max_tokens=5) as stream:
        chunks = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert chunks[0].choices[0].delta.role == "assistant" and len({chunk.id for chunk in chunks}) == 1


def test_one_of_the_allowed_tools_is_called(create: Any, speaker: Speaker) -> None:
    other = {"type": "function", "function": {"name": "other", "parameters": {"type": "object", "properties": {}}}}
    named = {"type": "function", "function": {"name": "get_weather"}}
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [named]}}
    asked = create(model=speaker.model, messages=user("Weather?"), tools=[WEATHER, other], tool_choice=choice)
    (call,) = asked.choices[0].message.tool_calls
    assert call.function.name == "get_weather"


def test_ollamas_options_are_an_extension(create: Any, speaker: Speaker) -> None:
    more = {"options": {"num_predict": 3, "num_ctx": 2048}, "keep_alive": "5m"}
    answer = create(model=speaker.model, messages=user("Hello"), extra_body=more)
    assert answer.choices[0].message.content
    if speaker.model == "scripted":
        assert answer.choices[0].finish_reason == "length"


def test_several_choices_are_given_by_every_backend_but_the_demo(create: Any) -> None:
    answer = create(model="tiny", messages=user("Hello"), n=2)
    assert [choice.index for choice in answer.choices] == [0, 1]
    with pytest.raises(openai.BadRequestError) as caught:
        create(model="demo", messages=user("Hello"), n=2)
    assert caught.value.param == "n"


def test_a_call_without_a_result_is_refused_by_its_id(create: Any) -> None:
    call = {"id": "call_7", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [*user("Hello"), {"role": "assistant", "content": None, "tool_calls": [call]}, *user("and?")]
    for model in ("demo", "tiny"):
        with pytest.raises(openai.BadRequestError, match="call_7"):
            create(model=model, messages=messages)


# Completions.


BEGUN = "<|script text|>"
"""What the scripted model goes on from; to the others it is a text like any other."""


def test_a_text_is_completed(client: Any, speaker: Speaker) -> None:
    answer = client.completions.create(model=speaker.model, prompt=BEGUN, max_tokens=12, temperature=0)
    assert (answer.object, answer.model) == ("text_completion", speaker.model)
    assert answer.choices[0].text and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens > 0


def test_a_text_is_completed_in_a_stream(client: Any, speaker: Speaker) -> None:
    options = {"include_usage": True}
    asked = {"model": speaker.model, "prompt": [BEGUN], "max_tokens": 12, "stream": True, "temperature": 0}
    with client.completions.create(**asked, stream_options=options) as stream:
        chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert {chunk.model for chunk in chunks} == {speaker.model}
    finishes = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert [finish for finish in finishes if finish] in (["stop"], ["length"])
    assert [chunk.usage.total_tokens > 0 for chunk in chunks if chunk.usage] == [True]
    with client.completions.create(**asked) as stream:
        assert all(chunk.choices for chunk in stream)


def test_an_echo_begins_with_the_prompt(client: Any) -> None:
    for model in ("demo", "tiny"):
        answer = client.completions.create(model=model, prompt="Once", max_tokens=12, echo=True)
        assert answer.choices[0].text.startswith("Once")


def test_a_prompt_of_tokens_is_for_the_models_own_server(client: Any) -> None:
    assert client.completions.create(model="scripted", prompt=[5, 6], max_tokens=2).choices[0].finish_reason
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="tiny", prompt=[5, 6])
    assert caught.value.param == "prompt"


# Embeddings.


@pytest.mark.parametrize("model", ["scripted", "demo", "tiny"])
def test_texts_become_vectors(client: Any, model: str) -> None:
    """By default the client asks for base64 and reads it."""
    packed = client.embeddings.create(model=model, input=["a", "b"])
    plain = client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
    assert [row.index for row in packed.data] == [0, 1] and packed.model == model
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
        assert sum(number * number for number in one.embedding) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("model", ["demo", "tiny"])
def test_a_vector_has_the_length_that_was_asked_for(client: Any, model: str) -> None:
    (row,) = client.embeddings.create(model=model, input="a", dimensions=1).data
    assert [abs(number) for number in row.embedding] == pytest.approx([1.0])


# Models.


def test_models_are_listed_and_found(client: Any) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"scripted", "demo", "tiny:latest"} <= listed
    for name in listed | {"tiny"}:
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("org/nope")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_the_version_may_be_left_out_of_the_path(whole: Running) -> None:
    with openai.OpenAI(base_url=whole.url, api_key="any", max_retries=0) as bare:
        answer = bare.chat.completions.create(model="demo", messages=[{"role": "user", "content": "Hello"}])
        assert answer.choices[0].message.content
        assert bare.completions.create(model="demo", prompt="Once").choices[0].text
        assert bare.embeddings.create(model="demo", input="a").data
        assert bare.models.list().data
