"""The official Anthropic client for Python, in front of a real llama.cpp, the demo and an Ollama, all of them
translated, and in front of backends that misbehave."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
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


def error_of(caught: pytest.ExceptionInfo[Any]) -> Any:
    """The error object that the client was told."""
    return caught.value.body["error"]


@contextmanager
def connected(server: Running, **how: Any) -> Iterator[Any]:
    """A client of this server."""
    with anthropic.Anthropic(base_url=server.url, api_key="any", max_retries=0, **how) as found:
        yield found


@pytest.fixture
def client(whole: Running) -> Iterator[Any]:
    with connected(whole) as found:
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
    assert error_of(caught)["message"] == "temperature: Extra inputs are not permitted"
    with connected(whole, default_headers={"anthropic-version": "2023-06-01"}) as older:
        assert older.messages.create(**asked).content


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_is_not_found(create: Any, stream: bool) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        create(model="nope", messages=user("Hello"), stream=stream)
    told = error_of(caught)
    assert told["type"] == "not_found_error" and told["message"].startswith("model: nope; there are: ")
    assert "scripted" in told["message"]


def test_a_request_that_cannot_be_read_is_bad(create: Any) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        create(model="demo", messages=[{"role": "narrator", "content": "Hello"}])
    assert error_of(caught)["type"] == "invalid_request_error"
    assert "messages.0.role" in error_of(caught)["message"]


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
        connected(server) as client,
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
        connected(server) as client,
        pytest.raises(anthropic.APIStatusError) as caught,
    ):
        streamed(client, model="m", messages=user("hi"))
    assert error_of(caught)["type"] == "api_error"


def test_overload_is_told_as_the_client_knows_it() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}})

    with (
        scripted.backend(script) as backend,
        asking(backend) as server,
        connected(server) as client,
        pytest.raises(anthropic.InternalServerError) as caught,
    ):
        client.messages.create(model="m", max_tokens=5, messages=user("hi"))
    assert caught.value.status_code == 529
    assert error_of(caught) == {"type": "overloaded_error", "message": "Loading model"}


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


def event(kind: str, **members: Any) -> bytes:
    """An event as Anthropic's own API sends it."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members})}\n\n".encode()


def claude(asked: Asked, wire: Wire) -> None:
    """Plays Anthropic's API: counts, refuses, thinks, calls a tool where it has one, says hello."""
    if asked.method == "GET":
        return wire.answer(200, {"data": [{"type": "model", "id": "claude-opus-4-6"}], "has_more": False})
    if asked.path.startswith("/v1/messages/count_tokens"):
        return wire.answer(200, {"input_tokens": 42})
    if asked.json["messages"][0]["content"] == "refuse":
        error = {"type": "rate_limit_error", "message": "Slow down"}
        return wire.answer(429, {"type": "error", "error": error}, "application/json", "Retry-After: 7")
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": "hm", "signature": "EqQ="}]
    if asked.json.get("tools"):
        name = asked.json["tools"][0]["name"]
        blocks.append({"type": "tool_use", "id": "toolu_1", "name": name, "input": {"city": "Paris"}})
    else:
        blocks.append({"type": "text", "text": "Hello, I am Claude."})
    reason = "tool_use" if asked.json.get("tools") else "end_turn"
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked.json["model"], "content": []}
    usage = {"input_tokens": 7, "cache_read_input_tokens": 9000, "cache_creation_input_tokens": 100, "output_tokens": 5}
    if not asked.json.get("stream"):
        whole = {"content": blocks, "stop_reason": reason, "stop_sequence": None, "usage": usage}
        return wire.answer(200, head | whole)
    start = {"stop_reason": None, "stop_sequence": None, "usage": usage | {"output_tokens": 1}}
    wire.send(stream_head() + chunk(event("message_start", message=head | start) + event("ping")))
    fields = {"thinking": ("thinking_delta", "thinking"), "text": ("text_delta", "text")}
    for index, block in enumerate(blocks):
        if block["type"] == "tool_use":
            opened: dict[str, Any] = block | {"input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": text} for text in ("", '{"city":', '"Paris"}')]
        else:
            kind, field = fields[block["type"]]
            opened = block | {field: ""} | ({"signature": ""} if field == "thinking" else {})
            deltas = [{"type": kind, field: block[field]}]
            if field == "thinking":
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
        wire.send(chunk(event("content_block_start", index=index, content_block=opened)))
        wire.send(chunk(b"".join(event("content_block_delta", index=index, delta=delta) for delta in deltas)))
        wire.send(chunk(event("content_block_stop", index=index)))
    ended = {"stop_reason": reason, "stop_sequence": None}
    wire.send(chunk(event("message_delta", delta=ended, usage={"output_tokens": 5})))
    wire.send(chunk(event("message_stop")) + chunk(b""))


@pytest.fixture(scope="module")
def anthropics() -> Iterator[tuple[Backend, Running]]:
    """An ollamux in front of what plays Anthropic's API, where its model has another name."""
    with scripted.backend(claude, "claude-opus-4-6") as backend:
        settings = {
            "backends": [{"id": "a", "type": "anthropic", "endpoint": backend.url, "api_key": "sk-upstream"}],
            "models": {"mine": {"backend": "a", "api_model": "claude-opus-4-6"}},
        }
        with running(settings) as server:
            yield backend, server


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_passes_through_under_the_clients_name(anthropics: tuple[Backend, Running], stream: bool) -> None:
    backend, server = anthropics
    with connected(server, default_headers={"anthropic-beta": "x-1"}) as client:
        asked: dict[str, Any] = {"model": "mine", "max_tokens": 80, "messages": user("Hello"), "speed": "fast"}
        answer = streamed(client, **asked)[1] if stream else client.messages.create(**asked)
    assert [(block.type, getattr(block, "signature", None)) for block in answer.content] == [
        ("thinking", "EqQ="),
        ("text", None),
    ]
    assert (answer.model, answer.usage.cache_read_input_tokens) == ("mine", 9000)
    sent = backend.calls[-1]
    assert (sent.path, sent.json["model"], sent.json["speed"]) == ("/v1/messages", "claude-opus-4-6", "fast")
    assert (sent.headers["x-api-key"], sent.headers["anthropic-beta"]) == ("sk-upstream", "x-1")
    assert "any" not in sent.headers.get("authorization", "")


def test_a_count_and_a_refusal_pass_through(anthropics: tuple[Backend, Running]) -> None:
    with connected(anthropics[1]) as client:
        assert client.messages.count_tokens(model="mine", messages=user("Hello")).input_tokens == 42
        with pytest.raises(anthropic.RateLimitError) as caught:
            client.messages.create(model="mine", max_tokens=5, messages=user("refuse"))
    assert error_of(caught)["message"] == "Slow down"
    assert caught.value.response.headers["retry-after"] == "7"


@pytest.mark.parametrize("stream", [False, True])
def test_an_ollama_client_speaks_to_it(anthropics: tuple[Backend, Running], stream: bool) -> None:
    backend, server = anthropics
    tool = {"type": "function", "function": {"name": "get.weather", "parameters": WEATHER["input_schema"]}}
    body = {"model": "mine", "messages": user("hi"), "tools": [tool], "stream": stream, "options": {"num_predict": 50}}
    answer = server.ask("POST", "/api/chat", body)
    lines = answer.lines
    (call,) = [call for line in lines for call in line["message"].get("tool_calls", ())]
    assert (call["function"]["name"], call["function"]["arguments"]) == ("get.weather", {"city": "Paris"})
    assert "".join(line["message"].get("thinking", "") for line in lines) == "hm"
    assert (lines[-1]["done_reason"], lines[-1]["prompt_eval_count"], lines[-1]["eval_count"]) == ("stop", 9107, 5)
    sent = backend.calls[-1].json
    assert sent["max_tokens"] == 50 and sent["tools"][0]["name"].startswith("get_weather_")


@pytest.mark.parametrize("stream", [False, True])
def test_an_openai_client_speaks_to_it(anthropics: tuple[Backend, Running], stream: bool) -> None:
    body: dict[str, Any] = {"model": "mine", "messages": user("hi"), "stream": stream, "reasoning_effort": "high"}
    answer = anthropics[1].ask("POST", "/v1/chat/completions", body | {"stream_options": {"include_usage": True}})
    if stream:
        chunks = [json.loads(part.removeprefix(b"data: ")) for part in answer.body.split(b"\n\n")[:-2]]
        text = "".join(c["delta"].get("content") or "" for one in chunks for c in one["choices"])
        usage = chunks[-1]["usage"]
    else:
        text, usage = answer.json["choices"][0]["message"]["content"], answer.json["usage"]
    assert text == "Hello, I am Claude."
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (9107, 9000)
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert anthropics[0].calls[-1].json["output_config"] == {"effort": "high"}
