"""The official clients for Python survive signs of life before the first content: while a backend has not begun, and
while a place in the queue is waited for. What follows is a whole answer, or an error as the client knows it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import errors, types
from tests.support.dialogues import backends, says
from tests.support.running import Running, running
from tests.support.scripted import Asked, Script, Wire, backend

from ollamux.exchange import model

Ask = Callable[[str], list[str]]
MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
SIGNS = {
    "ollama": b'"content":""},"done":false}\n',
    "ollama_generate": b'"response":"","done":false}\n',
    "openai": b": keepalive\n\n",
    "openai_completions": b": keepalive\n\n",
    "openai_responses": b": keepalive\n\n",
    "anthropic": b'event: ping\ndata: {"type":"ping"}\n\n',
    "google": b"\n",
}
"""How each format's stream begins then, as far as it does not change."""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEPALIVE", 0.05)


class Failed(Exception):
    """A response that failed: OpenAI's client tells it as an event."""


def _ollama(url: str) -> list[str]:
    with ollama.Client(url) as client:
        chat: Any = client.chat
        return [part.message.content for part in chat(model="m", messages=MESSAGES, stream=True)]


def _ollama_generate(url: str) -> list[str]:
    with ollama.Client(url) as client:
        generate: Any = client.generate
        return [part.response for part in generate(model="m", prompt="hi", stream=True)]


def _openai(url: str) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        stream = client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        return [part.choices[0].delta.content or "" for part in stream if part.choices]


def _openai_completions(url: str) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        return [part.choices[0].text for part in client.completions.create(model="m", prompt="hi", stream=True)]


def _openai_responses(url: str) -> list[str]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client:
        with client.responses.stream(model="m", input="hi") as stream:
            events = list(stream)
        for event in events:
            if event.type == "response.failed":
                assert event.response.error is not None
                raise Failed(event.response.error.message)
        return [event.delta for event in events if event.type == "response.output_text.delta"]


def _anthropic(url: str) -> list[str]:
    with (
        anthropic.Anthropic(base_url=url, api_key="any", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=80, messages=MESSAGES) as stream,
    ):
        return list(stream.text_stream)


def _google(url: str) -> list[str]:
    with closing(genai.Client(api_key="any", http_options=types.HttpOptions(base_url=url))) as client:
        return [part.text or "" for part in client.models.generate_content_stream(model="m", contents="hi")]


ASKS: dict[str, Ask] = {
    "ollama": _ollama,
    "ollama_generate": _ollama_generate,
    "openai": _openai,
    "openai_completions": _openai_completions,
    "openai_responses": _openai_responses,
    "anthropic": _anthropic,
    "google": _google,
}
FAULTS: dict[str, type[Exception]] = {
    "ollama": ollama.ResponseError,
    "ollama_generate": ollama.ResponseError,
    "openai": openai.APIError,
    "openai_completions": openai.APIError,
    "openai_responses": Failed,
    "anthropic": anthropic.APIStatusError,
    "google": errors.APIError,
}


@pytest.fixture(params=list(ASKS))
def client(request: pytest.FixtureRequest) -> str:
    """Each client in turn."""
    return str(request.param)


class Tap:
    """Stands between a client and the server, and writes down what the server says."""

    def __init__(self, server: Running) -> None:
        self.heard = b""
        self._to = (server.host, server.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with self._listener, client, socket.create_connection(self._to) as server:
            up = threading.Thread(target=self._carry, args=(client, server, False), daemon=True)
            up.start()
            self._carry(server, client, True)
            up.join(10)

    def _carry(self, source: socket.socket, to: socket.socket, noted: bool) -> None:
        try:
            while data := source.recv(65536):
                if noted:
                    self.heard += data
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one of them has left


def _after(seconds: float, script: Script) -> Script:
    def late(asked: Asked, wire: Wire) -> None:
        time.sleep(seconds)
        script(asked, wire)

    return late


def _says(asked: Asked, wire: Wire) -> None:
    if asked.path.endswith("/chat/completions"):
        says("Hel", "lo")(asked, wire)
        return
    rows = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in ("Hel", "lo")]
    rows.append({"choices": [{"index": 0, "text": "", "finish_reason": "stop"}]})
    events = b"".join(
        b"data: %b\n\n" % json.dumps({"id": "x", "object": "text_completion", **row}).encode() for row in rows
    )
    wire.answer(200, events + b"data: [DONE]\n\n", "text/event-stream")


def test_a_client_survives_a_backend_that_takes_its_time(client: str) -> None:
    with backend(_after(0.3, _says)) as only, running({"backends": backends(only)}) as server:
        tap = Tap(server)
        assert "".join(ASKS[client](tap.url)) == "Hello"
    before = tap.heard.partition(b"Hel")[0]
    assert before.count(SIGNS[client] + b"\r\n") >= 2, before


def test_a_client_survives_a_wait_in_the_queue(client: str) -> None:
    with (
        backend(_after(0.3, _says)) as only,
        running({"backends": backends(only, max_concurrent_requests=1)}) as server,
    ):
        first = _started(server, only.asked)
        assert "".join(ASKS[client](server.url)) == "Hello"
        first.join(10)


def test_an_error_after_a_sign_of_life_is_the_clients_own(client: str) -> None:
    def fails(asked: Asked, wire: Wire) -> None:
        wire.answer(400, {"error": {"message": "the prompt is too long"}})

    with (
        backend(_after(0.2, fails)) as only,
        running({"backends": backends(only)}) as server,
        pytest.raises(FAULTS[client], match="the prompt is too long"),
    ):
        ASKS[client](server.url)


def _started(server: Running, asked: list[Asked]) -> threading.Thread:
    """Somebody else's request, which has the only place."""
    before = len(asked)
    body = {"model": "m", "messages": MESSAGES, "stream": False}
    thread = threading.Thread(target=lambda: server.ask("POST", "/api/chat", body), daemon=True)
    thread.start()
    while len(asked) == before:
        time.sleep(0.005)
    return thread
