"""The unmodified `ollama` client for Python, in front of every kind of backend."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import ollama
import pytest
from tests.clients.conftest import PIXEL, SPEAKERS, search_path
from tests.support.ollama_like import LAYER
from tests.support.running import running
from tests.support.scripted_gguf import write_scripted_gguf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clients.conftest import Speaker
    from tests.support.running import Running

COLD = {"temperature": 0}
BRIEF = {"temperature": 0, "num_predict": 36}
"""Enough for what is expected; the demo streams as slowly as a model does."""
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def get_weather(city: str) -> str:
    """Tell the weather.

    Args:
      city: where
    """
    return f"21C in {city}"


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(client: ollama.Client, model: str, messages: list[Any], *, stream: bool, **more: Any) -> list[ollama.Message]:
    """The messages of a chat's answer: one, or one for each piece."""
    chat: Any = client.chat
    answer = chat(model, messages, stream=stream, **{"options": BRIEF, **more})
    return [part.message for part in answer] if stream else [answer.message]


def text(messages: list[ollama.Message]) -> str:
    return "".join(message.content or "" for message in messages)


@pytest.fixture
def client(whole: Running) -> Iterator[ollama.Client]:
    with ollama.Client(host=whole.url) as found:
        yield found


def test_a_chat_is_answered_whole(client: ollama.Client, speaker: Speaker) -> None:
    answer = client.chat(speaker.model, user("Hello"), options=COLD, think=False)
    assert speaker.hello in (answer.message.content or "")
    assert answer.message.role == "assistant"
    assert (answer.model, answer.done, answer.done_reason) == (speaker.model, True, "stop")
    assert answer.prompt_eval_count and answer.eval_count and answer.total_duration


def test_a_chat_is_streamed_in_pieces_that_make_the_whole(client: ollama.Client, speaker: Speaker) -> None:
    parts = list(client.chat(speaker.model, user("Hello"), options=BRIEF, stream=True, think=False))
    assert len(parts) > 3
    assert speaker.hello in "".join(part.message.content or "" for part in parts)
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason in ("stop", "length")
    assert parts[-1].eval_count


@pytest.mark.parametrize("stream", [False, True])
def test_a_tool_is_called_and_its_result_sent_back(client: ollama.Client, speaker: Speaker, stream: bool) -> None:
    messages: list[Any] = [*user("What is the weather in Paris?")]
    asked = said(client, speaker.model, messages, tools=[get_weather], stream=stream, think=False)
    (call,) = [call for message in asked for call in message.tool_calls or ()]
    assert call.function.name == "get_weather"
    assert call.function.arguments == {"city": "Paris"}
    messages += [asked[-1].model_copy(update={"tool_calls": [call]})]
    messages += [{"role": "tool", "tool_name": "get_weather", "content": "21C"}]
    told = client.chat(speaker.model, messages, options=COLD, tools=[get_weather], think=False)
    assert speaker.told in (told.message.content or "")
    assert not told.message.tool_calls


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_in_parallel(client: ollama.Client, stream: bool) -> None:
    asked = said(client, "scripted", user("parallel, please"), tools=[get_weather], stream=stream, options=COLD)
    calls = [call.function for message in asked for call in message.tool_calls or ()]
    assert [(call.name, call.arguments) for call in calls] == [
        ("get_weather", {"city": "Oslo"}),
        ("get_weather", {"city": "Rome"}),
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_stands_apart_from_the_answer(client: ollama.Client, speaker: Speaker, stream: bool) -> None:
    asked = said(client, speaker.model, user("think: 2+2?"), think=True, stream=stream)
    assert speaker.thought in "".join(message.thinking or "" for message in asked)
    assert speaker.answer in text(asked)
    assert speaker.thought not in text(asked)


def test_an_answer_fits_the_schema_it_is_asked_for(client: ollama.Client, speaker: Speaker) -> None:
    answer = client.chat(speaker.model, user("Say 2"), options=COLD, format=SCHEMA, think=False)
    found: dict[str, Any] = json.loads(answer.message.content or "")
    assert list(found) == ["n"]
    assert isinstance(found["n"], int)


def test_a_prompt_is_completed(client: ollama.Client, speaker: Speaker) -> None:
    whole = client.generate(speaker.model, "Hello", options=COLD, think=False)
    parts = list(client.generate(speaker.model, "Hello", options=BRIEF, think=False, stream=True))
    assert speaker.hello in (whole.response or "")
    assert speaker.hello in "".join(part.response or "" for part in parts)
    assert whole.context
    assert parts[-1].context


@pytest.mark.parametrize("name", ["llama_cpp", "demo"])
def test_a_context_carries_the_conversation_on(client: ollama.Client, name: str) -> None:
    model = SPEAKERS[name].model
    first = client.generate(model, "Hello", options=COLD, think=False)
    second = client.generate(model, "Hello", options=COLD, think=False, context=first.context)
    assert (second.prompt_eval_count or 0) > (first.prompt_eval_count or 0) + (first.eval_count or 0)
    assert len(second.context or ()) > len(first.context or ())


def test_texts_become_vectors_of_length_one(client: ollama.Client, speaker: Speaker) -> None:
    answer = client.embed(speaker.model, ["one text", "another"])
    assert len(answer.embeddings) == 2
    assert answer.prompt_eval_count
    for vector in answer.embeddings:
        assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-3)


def test_the_old_way_to_embed_gives_one_vector(client: ollama.Client, speaker: Speaker) -> None:
    new, old = (
        client.embed(speaker.model, "one text").embeddings[0],
        client.embeddings(speaker.model, "one text").embedding,
    )
    assert len(old) == len(new)


def test_models_are_listed_shown_and_told_to_run(client: ollama.Client, speaker: Speaker) -> None:
    listed = {model.model: model for model in client.list().models}
    row = listed[f"{speaker.model}:latest"]
    assert re.fullmatch("[0-9a-f]{64}", row.digest or "")
    assert row.modified_at is not None
    shown = client.show(speaker.model)
    assert shown.modelinfo
    assert {"completion", "tools", "thinking"} <= set(shown.capabilities or ())
    running_now = {model.model for model in client.ps().models}
    assert running_now == {"scripted:latest", "demo:latest"}  # the scripted Ollama has loaded nothing


def test_a_model_that_nobody_has_is_not_found(client: ollama.Client) -> None:
    for ask in (
        lambda: client.chat("nope", user("Hello")),
        lambda: list(client.chat("nope", user("Hello"), stream=True)),
        lambda: client.generate("nope", "Hello"),
        lambda: client.embed("nope", "Hello"),
        lambda: client.show("nope"),
        lambda: client.delete("nope"),
    ):
        with pytest.raises(ollama.ResponseError, match="not found") as caught:
            ask()
        assert caught.value.status_code == 404


@pytest.mark.parametrize("name", ["demo", "ollama"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_picture_is_seen(client: ollama.Client, name: str, stream: bool) -> None:
    messages = [{"role": "user", "content": "What is it?", "images": [PIXEL]}]
    seen = text(said(client, SPEAKERS[name].model, messages, stream=stream, think=False))
    assert "image/png, 70 bytes" in seen or "I see 1 picture." in seen


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_without_eyes_refuses_a_picture_in_the_words_of_its_server(client: ollama.Client, stream: bool) -> None:
    messages = [{"role": "user", "content": "What is it?", "images": [PIXEL]}]
    with pytest.raises(ollama.ResponseError, match="image input is not supported") as caught:
        said(client, "scripted", messages, stream=stream)
    assert caught.value.status_code == 500


def test_a_pull_goes_to_the_ollama_backend(client: ollama.Client) -> None:
    assert client.pull("new").status == "success"
    steps = list(client.pull("new", stream=True))
    assert [step.status for step in steps][::3] == ["pulling manifest", "success"]
    assert [(step.digest, step.completed, step.total) for step in steps[1:3]] == [(LAYER, 3, 7), (LAYER, 7, 7)]


@pytest.mark.parametrize(("stream", "status"), [(False, 500), (True, -1)])
def test_a_pull_that_fails_says_why(client: ollama.Client, stream: bool, status: int) -> None:
    pull: Any = client.pull
    with pytest.raises(ollama.ResponseError, match="pull model manifest: file does not exist") as caught:
        list(pull("missing", stream=stream))
    assert caught.value.status_code == status


def test_a_pull_without_an_ollama_behind_is_not_supported() -> None:
    settings = {"backends": [{"id": "demo", "type": "demo"}]}
    with running(settings) as alone, ollama.Client(host=alone.url) as client:
        with pytest.raises(ollama.ResponseError, match="no backend manages models") as caught:
            client.pull("new")
        assert caught.value.status_code == 501


def test_the_asynchronous_client_streams_too(whole: Running, speaker: Speaker) -> None:
    async def answered() -> str:
        client: Any = ollama.AsyncClient(host=whole.url)
        try:
            parts = await client.chat(speaker.model, user("Hello"), options=BRIEF, stream=True, think=False)
            return "".join([part.message.content or "" async for part in parts])
        finally:
            await client.close()

    assert speaker.hello in asyncio.run(answered())


def test_a_model_file_is_served_to_the_client(tmp_path: Path) -> None:
    file = write_scripted_gguf(tmp_path / "from-a-file.gguf")
    (tmp_path / "ollamux.yaml").write_text(f"backends: [{{id: file, type: gguf, file: {file}}}]\nserver: {{port: 0}}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "ollamux_aiohttp", "serve"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": search_path(), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", line := process.stdout.readline())
        assert found is not None, line
        with ollama.Client(host=found[0]) as client:
            while not client.list().models:  # the file may take longer to load than the start waits for
                time.sleep(0.05)
            answer = client.chat("from-a-file", user("Hello"), options=COLD)
            assert answer.message.content == "Hello from a real llama.cpp server!"
    finally:
        process.kill()
        process.communicate()
