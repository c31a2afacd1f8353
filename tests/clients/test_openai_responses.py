"""The official OpenAI client for Python and its Responses: answered by the demo, by an Ollama, by a real llama.cpp and
by a server of OpenAI's chats, and passed through to a server of the same format."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel
from tests.clients.conftest import PIXEL, SPEAKERS, Speaker
from tests.support.dialogues import says
from tests.support.running import Running, running
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head

WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


class Number(BaseModel):
    n: int


@pytest.fixture
def client(whole: Running) -> Iterator[Any]:
    """A client that takes nothing on trust: what it gets is validated."""
    with openai.OpenAI(
        base_url=f"{whole.url}/v1", api_key="any", max_retries=0, _strict_response_validation=True
    ) as made:
        yield made


def cold(**asked: Any) -> dict[str, Any]:
    return {"temperature": 0, "max_output_tokens": 200, **asked}


def test_an_answer_comes_whole(client: Any, speaker: Speaker) -> None:
    answer: Response = client.responses.create(**cold(model=speaker.model, input="Hello", instructions="be brief"))
    assert speaker.hello in answer.output_text
    assert (answer.model, answer.object, answer.instructions) == (speaker.model, "response", "be brief")
    assert answer.status in ("completed", "incomplete") and answer.id.startswith("resp_")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_an_answer_is_streamed(client: Any, speaker: Speaker) -> None:
    with client.responses.create(**cold(model=speaker.model, input="Hello", stream=True)) as stream:
        events = list(stream)
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].type == "response.created" and events[-1].type in ("response.completed", "response.incomplete")
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert speaker.hello in text and events[-1].response.output_text == text


def test_the_clients_own_helper_puts_a_stream_together(client: Any, speaker: Speaker) -> None:
    with client.responses.stream(**cold(model=speaker.model, input="Hello")) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()
    assert speaker.hello in answer.output_text


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_output_sent_back(client: Any, speaker: Speaker, stream: bool) -> None:
    items: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    asked = {"model": speaker.model, "tools": [WEATHER], "store": False}
    if stream:
        with client.responses.stream(**cold(input=items, **asked)) as events:
            kinds = [event.type for event in events]
            answer = events.get_final_response()
        assert "response.function_call_arguments.done" in kinds
    else:
        answer = client.responses.create(**cold(input=items, **asked))
    (call,) = [item for item in answer.output if item.type == "function_call"]
    assert call.name == "get_weather" and json.loads(call.arguments) == {"city": "Paris"}
    assert call.id.startswith("fc_") and call.id != call.call_id
    items += [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in answer.output]
    items += [{"type": "function_call_output", "call_id": call.call_id, "output": "21C"}]
    assert speaker.told in client.responses.create(**cold(input=items, **asked)).output_text


def test_tools_are_called_in_parallel(client: Any) -> None:
    answer = client.responses.create(**cold(model="scripted", input="parallel, please", tools=[WEATHER]))
    calls = [json.loads(item.arguments) for item in answer.output if item.type == "function_call"]
    assert calls == [{"city": "Oslo"}, {"city": "Rome"}]


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_from_an_earlier_response(client: Any, speaker: Speaker, stream: bool) -> None:
    asked = cold(model=speaker.model, tools=[WEATHER])
    if stream:
        with client.responses.stream(**asked, input="What is the weather in Paris?") as events:
            for _ in events:
                pass
            first = events.get_final_response()
    else:
        first = client.responses.create(**asked, input="What is the weather in Paris?")
    call = next(item for item in first.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "21C"}
    second = client.responses.create(**asked, previous_response_id=first.id, input=[result])
    assert speaker.told in second.output_text and second.previous_response_id == first.id


def test_a_response_is_retrieved_listed_and_deleted(client: Any, speaker: Speaker) -> None:
    made = client.responses.create(**cold(model=speaker.model, input="Hello"))
    assert client.responses.retrieve(made.id).model_dump() == made.model_dump()
    (item,) = client.responses.input_items.list(made.id).data
    assert item.content[0].text == "Hello" and item.role == "user"
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_another_key_cannot_go_on_from_it(client: Any, whole: Running) -> None:
    first = client.responses.create(**cold(model="demo", input="Hello"))
    with speaking(whole, "other") as other, pytest.raises(openai.BadRequestError) as caught:
        other.responses.create(**cold(model="demo", input="x", previous_response_id=first.id))
    assert caught.value.code == "previous_response_not_found"


def test_thinking_is_shown(client: Any, speaker: Speaker) -> None:
    thinking = {"effort": "high", "summary": "auto"}
    asked = cold(model=speaker.model, input="think about 2+2", reasoning=thinking)
    with client.responses.stream(**asked) as events:
        told = "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
        answer = events.get_final_response()
    thought = next(item for item in answer.output if item.type == "reasoning")
    assert speaker.thought in told and thought.summary[0].text == told
    assert speaker.answer in answer.output_text


def test_an_answer_is_parsed_by_the_schema_that_it_was_asked_for(client: Any) -> None:
    for name in ("demo", "scripted"):
        answer = client.responses.parse(**cold(model=name, input="Say 2", text_format=Number))
        assert isinstance(answer.output_parsed, Number)


def test_a_picture_is_seen(client: Any) -> None:
    url = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": url, "detail": "auto"},
    ]
    for name in ("demo", "ollama"):
        asked = cold(model=SPEAKERS[name].model, input=[{"role": "user", "content": content}])
        seen = client.responses.create(**asked).output_text
        assert "image/png, 70 bytes" in seen or "I see 1 picture." in seen


def test_tokens_are_counted(client: Any, speaker: Speaker) -> None:
    counted = client.responses.input_tokens.count(model=speaker.model, input="How many tokens are these?")
    assert counted.input_tokens > 0 and counted.object == "response.input_tokens"


def test_what_a_coding_agent_sends_is_taken_and_what_was_lost_is_told(client: Any) -> None:
    """Codex sends tools that only OpenAI runs, custom ones, and asks for encrypted reasoning."""
    tools = [
        {**WEATHER, "strict": False},
        {"type": "local_shell"},
        {"type": "web_search"},
        {"type": "custom", "name": "apply_patch", "description": "edit", "format": {"type": "text"}},
    ]
    items = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "be brief"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "apply_patch, please"}]},
    ]
    raw = client.responses.with_raw_response.create(
        **cold(
            model="demo",
            input=items,
            tools=tools,
            tool_choice="auto",
            parallel_tool_calls=False,
            store=False,
            include=["reasoning.encrypted_content"],
            prompt_cache_key="x",
        )
    )
    assert "local_shell, web_search" in raw.headers["x-ollamux-warning"]
    (call,) = raw.parse().output
    assert (call.type, call.name) == ("custom_tool_call", "apply_patch")


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_is_not_found(client: Any, stream: bool) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.responses.create(model="nope", input="Hello", stream=stream)
    assert caught.value.code == "model_not_found" and caught.value.param == "model"
    assert caught.value.type == "invalid_request_error" and "; there are: " in caught.value.message


def test_a_request_that_cannot_be_read_is_bad(client: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="demo", input=[{"type": "zzz"}])
    assert caught.value.type == "invalid_request_error" and "zzz" in caught.value.message


# In front of servers whose every answer is known.


def speaking(server: Running, key: str = "k") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


def streamed(server: Running, model: str) -> list[Any]:
    """All events of a stream."""
    with speaking(server) as client, client.responses.create(model=model, input="hi", stream=True) as stream:
        return list(stream)


def served(url: str, **more: Any) -> dict[str, Any]:
    return {"backends": [{"id": "a", "type": "openai_compatible", "endpoint": url, **more}]}


def test_a_server_of_openais_chats_is_spoken_to_in_its_words() -> None:
    with backend(says("Hel", "lo")) as upstream, running(served(upstream.url)) as server:
        with speaking(server) as client:
            with client.responses.stream(model="m", input="hi", instructions="be brief") as events:
                kinds = [event.type for event in events]
                streamed = events.get_final_response()
            whole = client.responses.create(model="m", input="hi")
        assert streamed.output_text == whole.output_text == "Hello"
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        chats = [asked.json for asked in upstream.asked if asked.path.endswith("/chat/completions")]
        assert [message["role"] for message in chats[0]["messages"]] == ["system", "user"]


def breaks(asked: Asked, wire: Wire) -> None:
    wire.send(stream_head() + chunk(sse(role="assistant")) + chunk(sse("Hel")))
    wire.close()


def test_a_stream_that_broke_is_told_as_a_response_that_failed() -> None:
    """30."""
    with backend(breaks) as upstream, running(served(upstream.url)) as server:
        events = streamed(server, "m")
    assert events[-1].type == "response.failed" and events[-1].response.error is not None
    assert [event.sequence_number for event in events] == list(range(len(events)))


MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "status": "completed",
    "content": [{"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}],
}
THOUGHT = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
USAGE = {
    "input_tokens": 5,
    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
    "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 1},
    "total_tokens": 7,
}


def event(kind: str, number: int, **members: Any) -> bytes:
    told = {"type": kind, "sequence_number": number, **members}
    return chunk(f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode())


def responds(asked: Asked, wire: Wire) -> None:
    """A server of OpenAI's Responses."""
    shared = {"id": "resp_up", "object": "response", "created_at": 1, "model": asked.json["model"]}
    shared |= {"parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
    done = {**shared, "status": "completed", "output": [THOUGHT, MESSAGE], "usage": USAGE}
    if not asked.json.get("stream"):
        wire.answer(200, done)
        return
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    wire.send(stream_head() + event("response.created", 0, response={**shared, "status": "in_progress", "output": []}))
    wire.send(event("response.output_item.added", 1, output_index=0, item={**THOUGHT, "encrypted_content": None}))
    wire.send(event("response.output_item.done", 2, output_index=0, item=THOUGHT))
    wire.send(event("response.output_item.added", 3, output_index=1, item={**MESSAGE, "content": []}))
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    wire.send(event("response.content_part.added", 4, part=part, **at))
    wire.send(event("response.output_text.delta", 5, delta="Hello", logprobs=[], **at))
    wire.send(event("response.output_item.done", 6, output_index=1, item=MESSAGE))
    wire.send(event("response.completed", 7, response=done) + chunk(b""))


@pytest.fixture
def vendor() -> Iterator[tuple[Running, Any]]:
    """An ollamux in front of a server of OpenAI's chats and Responses."""
    with backend(responds) as upstream:
        settings = {"backends": [{"id": "o", "type": "openai", "endpoint": f"{upstream.url}/v1", "api_key": "secret"}]}
        models = {"nice": {"backend": "o", "api_model": "m", "api": "responses", "reasoning_effort": "low"}}
        with running({**settings, "models": models}) as server:
            yield server, upstream


def test_a_server_of_the_same_format_is_passed_through_to(vendor: tuple[Running, Any]) -> None:
    server, upstream = vendor
    with speaking(server) as client:
        whole = client.responses.create(model="m", input="hi", extra_body={"brand_new": 1})
        with client.responses.stream(model="nice", input="hi", previous_response_id="resp_theirs") as events:
            kinds = [event.type for event in events]
            streamed = events.get_final_response()
        assert client.responses.retrieve("resp_up").output_text == "Hello"
    assert whole.output_text == streamed.output_text == "Hello" and kinds[-1] == "response.completed"
    assert (whole.model, streamed.model) == ("m", "nice")
    first, second = upstream.calls
    assert first.path == second.path == "/v1/responses" and first.json["brand_new"] == 1
    assert second.json["model"] == "m" and second.json["previous_response_id"] == "resp_theirs"
    assert second.json["reasoning"] == {"effort": "low"} and second.headers["authorization"] == "Bearer secret"


@pytest.mark.parametrize("stream", [False, True])
def test_clients_of_other_formats_reach_it_too(vendor: tuple[Running, Any], stream: bool) -> None:
    server, upstream = vendor
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    body = {"model": "nice", "messages": [{"role": "user", "content": "hi"}], "stream": stream, "tools": tools}
    told = server.ask("POST", "/api/chat", body)
    assert "".join(line["message"]["content"] for line in told.lines) == "Hello"
    assert told.lines[-1]["done"] is True and told.lines[-1]["eval_count"] == 2
    chat = server.ask("POST", "/v1/chat/completions", {**body, "stream": False})
    assert chat.json["choices"][0]["message"]["content"] == "Hello"
    for asked in upstream.calls:
        assert asked.path == "/v1/responses" and asked.json["store"] is False
        assert asked.json["tools"][0]["strict"] is False and asked.json["reasoning"] == {"effort": "low"}
        assert asked.json["include"] == ["reasoning.encrypted_content"]


def fails(asked: Asked, wire: Wire) -> None:
    failed = {"id": "resp_up", "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    wire.send(stream_head() + event("response.created", 0, response={**failed, "status": "in_progress", "error": None}))
    wire.send(event("response.output_text.delta", 1, delta="Hel", output_index=0, content_index=0, item_id="m"))
    wire.send(event("response.failed", 2, response=failed) + chunk(b""))


def test_a_response_that_failed_is_told_to_clients_of_every_format() -> None:
    """32."""
    with backend(fails) as upstream:
        found = {"id": "o", "type": "openai", "endpoint": f"{upstream.url}/v1", "api_key": "k"}
        models = {"nice": {"backend": "o", "api_model": "m", "api": "responses"}}
        with running({"backends": [found], "models": models}) as server:
            body = {"model": "nice", "messages": [{"role": "user", "content": "hi"}], "stream": True}
            assert "slow down" in server.ask("POST", "/api/chat", body).lines[-1]["error"]
            last = streamed(server, "nice")[-1]
    assert last.type == "response.failed" and last.sequence_number == 2
    assert last.response.error is not None and last.response.error.message == "slow down"


def is_limited(asked: Asked, wire: Wire) -> None:
    """Says so only after its response has begun, as vendors do."""
    failed = {"id": "resp_up", "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow down"}}
    wire.send(stream_head() + event("response.created", 0, response={**failed, "status": "in_progress", "error": None}))
    wire.send(event("response.failed", 1, response=failed) + chunk(b""))


def test_another_backend_takes_over_from_one_that_fails_at_once() -> None:
    with backend(is_limited) as limited, backend(says("Hel", "lo")) as other:
        found = [
            {"id": "o", "type": "openai", "endpoint": f"{limited.url}/v1", "api_key": "k", "priority": 90},
            {"id": "p", "type": "openai_compatible", "endpoint": other.url, "priority": 80},
        ]
        with running({"backends": found}) as server:
            events = streamed(server, "m")
        assert len(limited.calls) == len(other.calls) == 1
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    assert events[-1].response.output_text == "Hello"
    assert [one.sequence_number for one in events] == list(range(len(events)))
