"""The official Anthropic client for Python, in front of a real llama.cpp, the demo and an Ollama, all of them
translated, and in front of backends that misbehave."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from tests.clients.conftest import PIXEL, SPEAKERS
from tests.support import scripted
from tests.support.dialogues import backends, says
from tests.support.running import running
from tests.support.scripted import Asked, Backend, Wire, chunk, sse, stream_head

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.conftest import Speaker
    from tests.support.running import Running

WEATHER: dict[str, Any] = {
    "name": "get_weather",
    "description": "Tell the weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}


def user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


@pytest.fixture
def client(whole: Running) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=whole.url, api_key="any", max_retries=0) as found:
        yield found


@pytest.fixture
def create(client: Any) -> Any:
    """`messages.create`, brief."""
    return lambda **asked: client.messages.create(**{"max_tokens": 80, **asked})


def streamed(client: Any, **asked: Any) -> tuple[list[Any], Any]:
    """The events of a stream, and the message that the client makes of them."""
    with client.messages.stream(**{"max_tokens": 80, **asked}) as stream:
        events = list(stream)
        return events, stream.get_final_message()


def test_a_message_is_answered_whole(create: Any, speaker: Speaker) -> None:
    answer = create(model=speaker.model, messages=user("Hello"))
    (block,) = answer.content
    assert speaker.hello in block.text
    assert (answer.model, answer.type, answer.role) == (speaker.model, "message", "assistant")
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.id.startswith(("msg_", "chatcmpl-"))
    assert answer.usage.output_tokens > 0 and answer.usage.input_tokens >= 0


def test_a_message_is_streamed(client: Any, speaker: Speaker) -> None:
    events, message = streamed(client, model=speaker.model, messages=user("Hello"))
    kinds = [event.type for event in events if event.type not in ("text", "content_block_delta")]
    assert kinds == [
        "message_start",
        "content_block_start",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert speaker.hello in message.content[0].text
    assert (message.model, message.stop_reason in ("end_turn", "max_tokens")) == (speaker.model, True)
    assert message.usage.output_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_sent_back(client: Any, create: Any, speaker: Speaker, stream: bool) -> None:
    messages = user("What is the weather in Paris?")
    asked = {"model": speaker.model, "messages": messages, "tools": [WEATHER]}
    answer = streamed(client, **asked)[1] if stream else create(**asked)
    call = answer.content[-1]
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Paris"})
    assert answer.stop_reason == "tool_use"
    messages += [{"role": "assistant", "content": [block.model_dump() for block in answer.content]}]
    messages += user([{"type": "tool_result", "tool_use_id": call.id, "content": "21C", "is_error": False}])
    told = create(model=speaker.model, messages=messages, tools=[WEATHER])
    assert speaker.told in told.content[-1].text


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_in_parallel(client: Any, create: Any, stream: bool) -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": False}
    asked = {"model": "scripted", "messages": user("parallel, please"), "tools": [WEATHER], "tool_choice": choice}
    answer = streamed(client, **asked)[1] if stream else create(**asked)
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len({call.id for call in calls}) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ["demo", "llama_cpp"])
def test_a_thought_comes_in_a_block_of_its_own_with_a_signature(
    client: Any, create: Any, name: str, stream: bool
) -> None:
    speaker = SPEAKERS[name]
    asked = {"model": speaker.model, "messages": user("think about 2+2"), "thinking": {"type": "adaptive"}}
    answer = streamed(client, **asked)[1] if stream else create(**asked)
    thought, text = answer.content
    assert (thought.type, text.type) == ("thinking", "text")
    assert speaker.thought in thought.thinking and speaker.answer in text.text
    assert thought.signature
    messages = [
        *user("think about 2+2"),
        {"role": "assistant", "content": [block.model_dump() for block in answer.content]},
        *user("Hello"),
    ]
    assert create(model=speaker.model, messages=messages).content[-1].text


def test_a_model_that_cannot_think_is_not_asked_to(client: Any) -> None:
    asked = {"model": "tiny", "max_tokens": 80, "messages": user("Hello"), "thinking": {"type": "adaptive"}}
    answer = client.messages.with_raw_response.create(**asked)
    assert answer.headers["x-ollamux-warning"] == "this model cannot think"
    assert answer.parse().content[0].text == "Hello from Ollama!"


def test_thinking_can_be_left_out(client: Any) -> None:
    asked = {"model": "demo", "messages": user("think about 2+2")}
    shown = streamed(client, **asked, thinking={"type": "adaptive", "display": "omitted"})[1]
    assert [(block.type, getattr(block, "thinking", None)) for block in shown.content] == [
        ("thinking", ""),
        ("text", None),
    ]
    none = client.messages.create(**asked, max_tokens=80, thinking={"type": "disabled"})
    assert [block.type for block in none.content] == ["text"]


def test_a_picture_is_seen(create: Any) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
    content = [{"type": "text", "text": "What is it?"}, {"type": "image", "source": source}]
    for name in ("demo", "ollama"):
        seen = create(model=SPEAKERS[name].model, messages=user(content)).content[0].text
        assert "image/png, 70 bytes" in seen or "I see 1 picture." in seen


def test_an_answer_stops_at_its_limit_and_says_so(client: Any, create: Any) -> None:
    for name in ("demo", "llama_cpp"):
        asked = {"model": SPEAKERS[name].model, "messages": user("Hello"), "max_tokens": 2}
        assert create(**asked).stop_reason == "max_tokens"
        assert streamed(client, **asked)[1].stop_reason == "max_tokens"


def test_an_answer_stops_at_a_sequence(create: Any) -> None:
    answer = create(model="scripted", messages=user("Hello"), stop_sequences=["real"])
    assert answer.content[0].text == "Hello from a "
    assert answer.stop_reason in ("end_turn", "stop_sequence")


def test_an_answer_fits_the_schema_it_is_asked_for(create: Any, speaker: Speaker) -> None:
    config = {"format": {"type": "json_schema", "schema": SCHEMA}}
    answer = create(model=speaker.model, messages=user("Say 2"), output_config=config)
    assert isinstance(json.loads(answer.content[0].text)["n"], int)


def test_the_tokens_of_a_request_are_counted(client: Any, speaker: Speaker) -> None:
    short = client.messages.count_tokens(model=speaker.model, messages=user("Hello"))
    long = client.messages.count_tokens(
        model=speaker.model, messages=user("Hello"), system="Be brief. " * 20, tools=[WEATHER]
    )
    assert 0 < short.input_tokens < long.input_tokens


def test_the_beta_client_is_served_too(client: Any) -> None:
    answer = client.beta.messages.create(model="demo", max_tokens=80, messages=user("Hello"), betas=["x-2026-01-01"])
    assert "the built-in demo" in answer.content[0].text
    counted = client.beta.messages.count_tokens(model="demo", messages=user("Hello"))
    assert counted.input_tokens > 0


def test_sampling_is_for_the_older_version_alone(client: Any, whole: Running) -> None:
    asked = {"model": "demo", "max_tokens": 80, "messages": user("Hello"), "extra_body": {"temperature": 0.5}}
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(**asked)
    assert caught.value.body["error"]["message"] == "temperature: Extra inputs are not permitted"
    with anthropic.Anthropic(
        base_url=whole.url, api_key="any", default_headers={"anthropic-version": "2023-06-01"}
    ) as older:
        assert older.messages.create(**asked).content


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_is_not_found(create: Any, stream: bool) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        create(model="nope", messages=user("Hello"), stream=stream)
    assert caught.value.body["error"] == {"type": "not_found_error", "message": "model: nope"}


def test_a_request_that_cannot_be_read_is_bad(create: Any) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(model="demo", messages=[{"role": "narrator", "content": "Hello"}])
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert "messages.0.role" in caught.value.body["error"]["message"]


def asking(backend: Backend) -> Any:
    """An ollamux in front of this backend."""
    return running({"backends": backends(backend, models=["m"])}, refreshed=False)


def test_interleaved_calls_come_out_one_after_the_other() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        def call(**fields: Any) -> bytes:
            choice = {"index": 0, "delta": {"tool_calls": [fields]}, "finish_reason": None}
            return chunk(b"data: " + json.dumps({"id": "x", "choices": [choice]}).encode() + b"\n\n")

        wire.send(stream_head() + chunk(sse(role="assistant")))
        wire.send(call(index=0, id="a", function={"name": "f", "arguments": '{"x":'}))
        wire.send(call(index=1, id="b", function={"name": "g", "arguments": '{"y":'}))
        wire.send(call(index=0, function={"arguments": "1}"}) + call(index=1, function={"arguments": "2}"}))
        wire.send(chunk(sse(finish="tool_calls")) + chunk(b"data: [DONE]\n\n") + chunk(b""))

    tools = [{"name": name, "input_schema": {"type": "object"}} for name in "fg"]
    with (
        scripted.backend(script) as backend,
        asking(backend) as server,
        anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0) as client,
    ):
        _, message = streamed(client, model="m", messages=user("hi"), tools=tools)
    assert [(block.id, block.name, block.input) for block in message.content] == [
        ("a", "f", {"x": 1}),
        ("b", "g", {"y": 2}),
    ]
    assert message.stop_reason == "tool_use"


def test_a_stream_that_breaks_is_an_error_and_no_answer() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse(role="assistant")) + chunk(sse("hel")) + chunk(b""))

    with (
        scripted.backend(script) as backend,
        asking(backend) as server,
        anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        streamed(client, model="m", messages=user("hi"))
    assert caught.value.body["error"]["type"] == "api_error"


def test_overload_is_told_as_the_client_knows_it() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}})

    with (
        scripted.backend(script) as backend,
        asking(backend) as server,
        anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        client.messages.create(model="m", max_tokens=5, messages=user("hi"))
    assert caught.value.status_code == 529
    assert caught.value.body["error"] == {"type": "overloaded_error", "message": "Loading model"}


def test_a_key_is_taken_from_either_header() -> None:
    settings = {"server": {"keys": [{"name": "k", "key": "sk-secret-0123456789"}]}}
    with (
        scripted.backend(says("hello")) as backend,
        running(settings | {"backends": backends(backend, models=["m"])}) as server,
    ):
        body = {"model": "m", "max_tokens": 5, "messages": user("hi")}
        for headers in ({"x-api-key": "sk-secret-0123456789"}, {"Authorization": "Bearer sk-secret-0123456789"}):
            assert server.ask("POST", "/v1/messages", body, headers).status == 200
        refused = server.ask("POST", "/v1/messages", body, {"x-api-key": "wrong"})
        assert (refused.status, refused.json["error"]["type"]) == (401, "authentication_error")
        asked = backend.asked[-1]
        assert b"sk-secret" not in asked.body and "sk-secret" not in str(asked.headers)
