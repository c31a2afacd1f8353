"""Google's official client for Python, under both versions of the API: in front of a real llama.cpp, the demo, an
Ollama, a server that speaks OpenAI's format and one that speaks Gemini's own."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from tests.clients.conftest import PIXEL, SPEAKERS
from tests.support.running import running
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head

from ollamux.clock import Clock
from ollamux.conversation import TextDelta
from ollamux.formats.base import RenderContext
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.rendering import GeminiRenderer

genai = pytest.importorskip("google.genai")
types = genai.types
errors = pytest.importorskip("google.genai.errors")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clients.conftest import Speaker
    from tests.support.running import Running

WEATHER = {
    "name": "get_weather",
    "description": "Tell the weather",
    "parameters_json_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
TOOLS = {"tools": [{"function_declarations": [WEATHER]}]}


class Number(BaseModel):
    """What an answer is to look like."""

    n: int


def client_of(url: str, version: str = "v1beta") -> Any:
    return genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url, api_version=version))


@pytest.fixture
def models(whole: Running) -> Iterator[Any]:
    """`models` of a client."""
    client = client_of(whole.url)
    yield client.models
    client.close()


def settings(**more: Any) -> dict[str, Any]:
    return {"temperature": 0, "max_output_tokens": 80, **more}


def test_a_chat_is_answered_whole(models: Any, speaker: Speaker) -> None:
    answer = models.generate_content(model=speaker.model, contents="Hello", config=settings())
    assert speaker.hello in answer.text
    assert answer.candidates[0].finish_reason.name in ("STOP", "MAX_TOKENS")
    assert answer.candidates[0].content.role == "model"
    assert answer.model_version == speaker.model and answer.response_id
    usage = answer.usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count > 0


def test_the_first_version_of_the_api_has_the_same_methods(whole: Running) -> None:
    client = client_of(whole.url, "v1")
    asked = {"model": "tiny", "contents": "Hello"}
    texts = [client.models.generate_content(**asked).text]
    texts.append("".join(piece.text or "" for piece in client.models.generate_content_stream(**asked)))
    assert texts == ["Hello from Ollama!"] * 2
    assert client.models.count_tokens(**asked).total_tokens > 0
    assert len(client.models.embed_content(model="demo", contents="Hello").embeddings[0].values) == 384
    client.close()


def test_a_chat_is_streamed(models: Any, speaker: Speaker) -> None:
    chunks = list(models.generate_content_stream(model=speaker.model, contents="Hello", config=settings()))
    assert speaker.hello in "".join(chunk.text or "" for chunk in chunks)
    reasons = [chunk.candidates[0].finish_reason for chunk in chunks]
    assert [reason.name for reason in reasons if reason] in (["STOP"], ["MAX_TOKENS"]) and reasons[-1]
    assert {chunk.model_version for chunk in chunks} == {speaker.model}
    assert len({chunk.response_id for chunk in chunks}) == 1
    assert chunks[-1].usage_metadata.candidates_token_count > 0


@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")
def test_a_chat_is_streamed_to_a_client_that_does_not_block(whole: Running) -> None:
    async def ask() -> str:
        client = client_of(whole.url)
        texts = ""
        async for piece in await client.aio.models.generate_content_stream(model="tiny", contents="Hello"):
            texts += piece.text or ""
        await client.aio.aclose()
        client.close()
        return texts

    assert asyncio.run(ask()) == "Hello from Ollama!"


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_sent_back(models: Any, speaker: Speaker, stream: bool) -> None:
    question = types.Content(role="user", parts=[types.Part(text="What is the weather in Paris?")])
    asked = {"model": speaker.model, "contents": [question], "config": settings(**TOOLS)}
    answers = list(models.generate_content_stream(**asked)) if stream else [models.generate_content(**asked)]
    (call,) = [call for answer in answers for call in answer.function_calls or ()]
    assert (call.name, call.args) == ("get_weather", {"city": "Paris"})
    assert answers[-1].candidates[0].finish_reason.name == "STOP"
    said = [part for answer in answers for part in answer.candidates[0].content.parts]
    result = types.Part.from_function_response(name=call.name, response={"result": "21C"})
    contents = [question, types.Content(role="model", parts=said), types.Content(role="user", parts=[result])]
    told = models.generate_content(model=speaker.model, contents=contents, config=settings(**TOOLS))
    assert speaker.told in told.text


def test_a_chat_calls_a_python_function_by_itself(whole: Running) -> None:
    cities: list[str] = []

    def get_weather(city: str) -> str:
        """Tell the weather."""
        cities.append(city)
        return "21C"

    client = client_of(whole.url)
    chat = client.chats.create(model="scripted", config=settings(tools=[get_weather]))
    assert SPEAKERS["llama_cpp"].told in chat.send_message("What is the weather in Paris?").text
    assert cities == ["Paris"]
    roles = [content.role for content in chat.get_history()]
    assert roles == ["user", "model", "user", "model"]
    client.close()


def test_tools_are_called_in_parallel(models: Any) -> None:
    answer = models.generate_content(model="scripted", contents="parallel, please", config=settings(**TOOLS))
    assert [call.args for call in answer.function_calls] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert len({call.id for call in answer.function_calls}) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_are_told_apart_from_the_answer(models: Any, speaker: Speaker, stream: bool) -> None:
    thinking = {"thinking_config": {"include_thoughts": True}}
    asked = {"model": speaker.model, "contents": "think: 2+2", "config": settings(**thinking)}
    answers = list(models.generate_content_stream(**asked)) if stream else [models.generate_content(**asked)]
    parts = [part for answer in answers for part in answer.candidates[0].content.parts]
    assert speaker.thought in "".join(part.text or "" for part in parts if part.thought)
    assert speaker.answer in "".join(part.text or "" for part in parts if not part.thought)


@pytest.mark.parametrize("form", [Number, Number.model_json_schema()])
def test_an_answer_fits_the_schema_it_is_asked_for(models: Any, speaker: Speaker, form: Any) -> None:
    kind = "response_json_schema" if isinstance(form, dict) else "response_schema"
    config = settings(response_mime_type="application/json", **{kind: form})
    answer = models.generate_content(model=speaker.model, contents="Say 2", config=config)
    assert isinstance(json.loads(answer.text)["n"], int)
    if form is Number:
        assert isinstance(answer.parsed, Number)


def test_a_picture_is_seen(models: Any) -> None:
    contents = ["What is it?", types.Part.from_bytes(data=PIXEL, mime_type="image/png")]
    for name in ("demo", "ollama"):
        seen = models.generate_content(model=SPEAKERS[name].model, contents=contents).text
        assert "image/png, 70 bytes" in seen or "I see 1 picture." in seen


def test_texts_become_vectors_of_the_length_that_is_asked_for(models: Any) -> None:
    answer = models.embed_content(model="demo", contents=["one", "two"], config={"output_dimensionality": 8})
    first, second = (found.values for found in answer.embeddings)
    assert len(first) == len(second) == 8 and first != second
    assert sum(value * value for value in first) == pytest.approx(1.0)


def test_tokens_are_counted(models: Any, speaker: Speaker) -> None:
    counted = [models.count_tokens(model=speaker.model, contents=text).total_tokens for text in ("hi", "hi " * 99)]
    assert 0 < counted[0] < counted[1]


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_is_not_found(models: Any, stream: bool) -> None:
    ask = models.generate_content_stream if stream else models.generate_content
    with pytest.raises(errors.ClientError) as caught:
        list(ask(model="nope", contents="Hello"))
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")
    assert "nope" in caught.value.message and "scripted" in caught.value.message


def test_a_request_that_cannot_be_carried_is_bad(models: Any) -> None:
    with pytest.raises(errors.ClientError) as caught:
        models.generate_content(model="demo", contents="Hello", config={"candidate_count": 2})
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")


def of_openai(asked: Asked, wire: Wire) -> None:
    """A server of OpenAI's format that answers with text, with thinking in front of it, or breaks off."""
    text = asked.json["messages"][-1]["content"]
    wire.send(stream_head())
    with wire.together():
        if text == "break":
            wire.send(chunk(sse("half")) + chunk(b'data: {"error":{"message":"out of memory","code":503}}\n\n'))
        else:
            wire.send(chunk(sse(None, reasoning_content="hm")) + chunk(sse("fine")) + chunk(sse(finish="length")))
        wire.send(chunk(b""))


def test_a_server_of_openais_format_streams_and_its_error_in_the_middle_is_raised() -> None:
    config = {"backends": [{"id": "a", "type": "openai_compatible"}]}
    with backend(of_openai) as server:
        config["backends"][0]["endpoint"] = server.url
        with running(config) as front:
            client = client_of(front.url)
            chunks = list(client.models.generate_content_stream(model="m", contents="go"))
            assert [part.text for one in chunks for part in one.candidates[0].content.parts] == ["hm", "fine", ""]
            assert chunks[-1].candidates[0].finish_reason.name == "MAX_TOKENS"
            got: list[str] = []
            with pytest.raises(errors.ServerError) as caught:
                for one in client.models.generate_content_stream(model="m", contents="break"):
                    got.append(one.text)
            assert got == ["half"] and caught.value.code == 503 and "out of memory" in caught.value.message
            client.close()


def waits(asked: Asked, wire: Wire) -> None:
    """A front that has to say something while it waits."""
    renderer = GeminiRenderer(RenderContext("m", Clock(), 0.0), Frames(events=True))
    wire.send(stream_head() + chunk(renderer.keepalive(1.0)) + chunk(renderer.keepalive(2.0)))
    wire.send(chunk(renderer.events([TextDelta("at last")], 3.0)) + chunk(renderer.end(3.0)) + chunk(b""))


def test_a_client_that_waits_is_not_disturbed_by_signs_of_life() -> None:
    with backend(waits) as server:
        client = client_of(server.url)
        chunks = list(client.models.generate_content_stream(model="m", contents="go"))
        assert [piece.text for piece in chunks] == ["at last", ""]
        client.close()


SIGNED = {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}, "thoughtSignature": "c2ln+/8="}


def of_google(asked: Asked, wire: Wire) -> None:
    """A server of Gemini's own format."""
    if asked.method == "GET":
        row = {"name": "models/gemini-3-x", "supportedGenerationMethods": ["generateContent", "embedContent"]}
        return wire.answer(200, {"models": [row]})
    if asked.path.endswith(":countTokens"):
        return wire.answer(200, {"totalTokens": 7})
    if asked.path.endswith(":batchEmbedContents"):
        return wire.answer(200, {"embeddings": [{"values": [1.0]} for _ in asked.json["requests"]]})
    parts = [{"text": "hm", "thought": True}, SIGNED]
    answer = {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
        "modelVersion": "gemini-3-x",
        "responseId": "r",
        "unknown": {"kept": 1.50},
    }
    if asked.path.endswith("?alt=sse"):
        body = b"data: " + json.dumps(answer).encode() + b"\r\n\r\n"
        return wire.answer(200, body, "text/event-stream")
    return wire.answer(200, answer)


def test_in_front_of_gemini_a_client_gets_what_gemini_says() -> None:
    with backend(of_google, style="google") as server:
        settings = {
            "backends": [{"id": "g", "type": "google", "endpoint": f"{server.url}/v1beta", "api_key": "secret"}],
            "aliases": {"mine": "gemini-3-x"},
        }
        with running(settings) as front:
            client = client_of(front.url, "v1")
            asked = {"model": "mine", "contents": "hi", "config": {"safety_settings": [], "top_k": 3}}
            for answer in (client.models.generate_content(**asked), *client.models.generate_content_stream(**asked)):
                assert answer.model_version == "mine" and answer.function_calls[0].args == {"city": "Paris"}
                assert answer.candidates[0].content.parts[1].thought_signature == b"sig\xfb\xff"
            assert client.models.count_tokens(model="mine", contents="hi").total_tokens == 7
            assert client.models.embed_content(model="mine", contents=["a", "b"]).embeddings[1].values == [1.0]
            client.close()
        for call in server.calls:
            assert call.path.startswith("/v1beta/models/gemini-3-x:") and call.headers["x-goog-api-key"] == "secret"
        assert server.calls[0].json["generationConfig"] == {"topK": 3.0}
        assert {one["model"] for one in server.calls[3].json["requests"]} == {"models/gemini-3-x"}
