"""What is found on a machine, seen through tiny servers that answer as the real ones do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from ollamux.config import BackendConfig
from ollamux_aiohttp.discovery import Found, discover, port_problem

Answer = tuple[int, dict[str, str], Any]
Answers = Mapping[str, Answer]
NOT_FOUND: Answer = (404, {}, None)

OLLAMA: Answers = {
    "/api/version": (200, {}, {"version": "0.33.0"}),
    "/v1/models": (200, {}, {"object": "list", "data": [{"id": "tiny", "owned_by": "library"}]}),
}
LLAMA_CPP: Answers = {
    "/v1/models": (200, {"Server": "llama.cpp"}, {"data": [{"id": "a.gguf", "owned_by": "llamacpp"}]}),
    "/props": (200, {"Server": "llama.cpp"}, {"default_generation_settings": {}}),
}
VLLM: Answers = {"/v1/models": (200, {}, {"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]})}
LM_STUDIO: Answers = {
    # LM Studio answers what it does not know with 200 and an error.
    "/api/version": (200, {}, {"error": "Unexpected endpoint or method."}),
    "/v1/models": (200, {}, {"object": "list", "data": [{"id": "m", "owned_by": "organization_owner"}]}),
    "/props": (200, {}, {"error": "Unexpected endpoint or method."}),
}
OURSELVES: Answers = {path: (status, {"X-Ollamux": "abc"}, body) for path, (status, _, body) in OLLAMA.items()}


async def serve(answers: Answers | None) -> tuple[asyncio.Server, int]:
    """A server with these answers, or one that never answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if answers is not None:
                status, headers, body = answers.get(head.split()[1].decode(), NOT_FOUND)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(data)}\r\n{lines}\r\n".encode() + data)
            else:
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def look(*places: tuple[Answers | None, str], switched_off: frozenset[str] = frozenset(), timeout: float = 5) -> Found:
    async def run() -> Found:
        servers = [await serve(answers) for answers, _ in places]
        ports = [(port, usual) for (_, port), (_, usual) in zip(servers, places, strict=True)]
        try:
            return await discover(ports, switched_off=switched_off, timeout=timeout)
        finally:
            for server, _ in servers:
                server.close()

    return asyncio.run(run())


def kinds(found: Found) -> list[tuple[str, str]]:
    return [(backend.id, backend.type) for backend in found.backends]


def test_every_kind_of_server_is_recognised_by_what_it_answers() -> None:
    found = look((OLLAMA, "ollama"), (LLAMA_CPP, "llama_cpp"), (LM_STUDIO, "lm_studio"), (VLLM, "vllm"))
    assert kinds(found) == [(kind, kind) for kind in ("ollama", "llama_cpp", "lm_studio", "vllm")]
    assert [backend.name for backend in found.backends] == ["Ollama", "llama.cpp", "LM Studio", "vLLM"]
    assert all((backend.endpoint or "").startswith("http://127.0.0.1:") for backend in found.backends)


def test_what_answers_decides_and_not_the_port() -> None:
    assert kinds(look((OLLAMA, "llama_cpp"), (LLAMA_CPP, "vllm"))) == [("ollama", "ollama"), ("llama_cpp", "llama_cpp")]


def test_two_of_a_kind_have_ids_of_their_own() -> None:
    assert kinds(look((VLLM, "llama_cpp"), (VLLM, "vllm"))) == [("vllm", "vllm"), ("vllm-2", "vllm")]


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"/v1/models": (401, {}, {"error": "no"})},
        {"/v1/models": (200, {}, b"<html>a web page</html>")},
        {"/v1/models": (200, {}, {"data": {"a": 1}})},
        {"/api/version": (200, {}, ["0.1"])},
        {"/v1/models": (200, {}, b"x" * 2_000_000)},
        LM_STUDIO,
    ],
)
def test_something_else_on_a_known_port_is_ignored(other: Answers) -> None:
    assert kinds(look((other, "vllm"))) == [("demo", "demo")]


def test_a_server_that_never_answers_does_not_hold_up_the_others() -> None:
    assert kinds(look((None, "ollama"), (VLLM, "vllm"), timeout=0.5)) == [("vllm", "vllm")]


def test_ollamux_itself_is_passed_over_and_reported() -> None:
    found = look((OURSELVES, "ollama"))
    assert kinds(found) == [("demo", "demo")]
    assert len(found.notes) == 1 and "ollamux itself" in found.notes[0]


def test_what_is_switched_off_is_left_out() -> None:
    assert kinds(look((OLLAMA, "ollama"), (VLLM, "vllm"), switched_off=frozenset({"ollama"}))) == [("vllm", "vllm")]
    assert kinds(look(switched_off=frozenset({"demo"}))) == []


@pytest.mark.parametrize(
    ("type_", "endpoint", "enabled", "taken"),
    [
        ("ollama", None, True, True),
        ("ollama", "http://localhost:11434", True, True),
        ("ollama", "[::1]:11434", True, True),
        ("openai_compatible", "http://127.0.0.1:11434/v1", True, True),
        ("ollama", None, False, False),
        ("ollama", "http://models.lan:11434", True, False),
        ("ollama", "http://localhost:9999", True, False),
        ("vllm", None, True, False),
        ("ollama", "http://localhost:port", True, False),
    ],
)
def test_a_backend_on_ollamas_port_is_noticed(type_: str, endpoint: str | None, enabled: bool, taken: bool) -> None:
    backend = BackendConfig(id="b", type=type_, endpoint=endpoint, enabled=enabled)
    assert (port_problem([backend]) is not None) == taken
