"""Looks on this machine for servers to stand in front of, and decides on which port ollamux itself listens.

Strategy: each known port is asked three harmless questions at once, within half a second; what answers decides what it
is, the port alone only where servers tell nothing of themselves (LM Studio). Where nothing is found, the demo serves.

Rules: loopback alone; a port where something else answers, or nothing, is left out without a word; an answer that
carries ollamux's own mark is ollamux, is never a backend, and is reported. Nothing is sent but these GET requests.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ollamux.config import BackendConfig

__all__ = (
    "DEFAULT_PORT",
    "PORTS",
    "SECOND_PORT",
    "Found",
    "discover",
    "port_problem",
)

DEFAULT_PORT = 11434
SECOND_PORT = 11435
"""Where ollamux listens when nobody asked for a port and Ollama's own is taken."""
PORTS: tuple[tuple[int, str], ...] = ((11434, "ollama"), (8080, "llama_cpp"), (1234, "lm_studio"), (8000, "vllm"))
"""The ports that are asked, and what usually listens there."""

_NAMES = {"llama_cpp": "llama.cpp", "lm_studio": "LM Studio", "ollama": "Ollama", "vllm": "vLLM"}
_QUESTIONS = ("/api/version", "/v1/models", "/props")
_MARK = "X-Ollamux"
_LIMIT = 1024 * 1024
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})


class Found(msgspec.Struct, frozen=True):
    """The backends that were found, at least the demo, and lines for people about what was passed over."""

    backends: tuple[BackendConfig, ...]
    notes: tuple[str, ...]


class _Reply(msgspec.Struct, frozen=True):
    status: int
    server: str
    ours: bool
    body: Any


async def discover(
    ports: Sequence[tuple[int, str]] = PORTS,
    *,
    switched_off: frozenset[str] = frozenset(),
    timeout: float = 0.5,
    host: str = "127.0.0.1",
) -> Found:
    """What runs on this machine now, within `timeout` seconds. Types in `switched_off` are left out."""
    limits = aiohttp.ClientTimeout(total=timeout)
    async with aiohttp.ClientSession(
        timeout=limits, connector=aiohttp.TCPConnector(limit=0, force_close=True), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        places = [f"http://{host}:{port}" for port, _ in ports]
        answers = await asyncio.gather(*(_ask_all(session, place) for place in places))
    backends: list[BackendConfig] = []
    notes: list[str] = []
    for (_, usual), place, replies in zip(ports, places, answers, strict=True):
        if any(reply.ours for reply in replies.values()):
            notes.append(f"{place} is ollamux itself: passed over")
            continue
        kind = _recognised(replies, usual)
        if kind is not None and kind not in switched_off:
            backends.append(_backend(kind, place, [backend.id for backend in backends]))
    if not backends and "demo" not in switched_off:
        backends.append(BackendConfig(id="demo", type="demo", name="Demo", source="nothing else was found"))
    return Found(tuple(backends), tuple(notes))


def port_problem(backends: Sequence[BackendConfig]) -> str | None:
    """Why ollamux should leave Ollama's own port alone though it may be free: a backend is configured there."""
    for backend in backends:
        endpoint = backend.endpoint or (f"http://127.0.0.1:{DEFAULT_PORT}" if backend.type == "ollama" else "")
        if not backend.enabled or not endpoint:
            continue
        try:
            parts = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}")
            port = parts.port
        except ValueError:
            continue
        if (parts.hostname or "").lower() in _LOOPBACK and port == DEFAULT_PORT:
            return f"{backend.name or backend.id} is on port {DEFAULT_PORT}"
    return None


async def _ask_all(session: aiohttp.ClientSession, place: str) -> Mapping[str, _Reply]:
    replies = await asyncio.gather(*(_ask(session, place + path) for path in _QUESTIONS))
    return {path: reply for path, reply in zip(_QUESTIONS, replies, strict=True) if reply is not None}


async def _ask(session: aiohttp.ClientSession, url: str) -> _Reply | None:
    """The answer to one question; None where there is none that HTTP allows."""
    try:
        async with session.get(url, allow_redirects=False) as answer:
            body = await answer.content.read(_LIMIT)
            while len(body) < _LIMIT and (more := await answer.content.read(_LIMIT)):
                body += more
            headers = answer.headers
            return _Reply(answer.status, headers.get("Server", ""), _MARK in headers, _decoded(answer.status, body))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def _decoded(status: int, body: bytes) -> Any:
    if status != 200:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _recognised(replies: Mapping[str, _Reply], usual: str) -> str | None:
    """The type of what gave these answers, or None."""
    owners = _owners(_body(replies, "/v1/models"))
    if (
        any(reply.server.startswith("llama.cpp") for reply in replies.values())
        or "llamacpp" in (owners or ())
        or "default_generation_settings" in _body(replies, "/props")
    ):
        return "llama_cpp"
    if isinstance(_body(replies, "/api/version").get("version"), str):
        return "ollama"
    if owners is None:
        return None
    if "vllm" in owners:
        return "vllm"
    return "lm_studio" if usual == "lm_studio" else None


def _body(replies: Mapping[str, _Reply], path: str) -> dict[str, Any]:
    body: object = replies[path].body if path in replies else None
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _owners(listing: dict[str, Any]) -> frozenset[str] | None:
    """Who owns the models of an OpenAI-style list; None where it is no such list."""
    rows: object = listing.get("data")
    if not isinstance(rows, list):
        return None
    listed = cast("Sequence[object]", rows)
    return frozenset(str(cast("dict[str, Any]", row).get("owned_by")) for row in listed if isinstance(row, dict))


def _backend(kind: str, endpoint: str, taken: Sequence[str]) -> BackendConfig:
    number = sum(name == kind or name.startswith(f"{kind}-") for name in taken) + 1
    suffix, title = (f"-{number}", f" {number}") if number > 1 else ("", "")
    return msgspec.structs.replace(
        BackendConfig(id=kind + suffix, type=kind, endpoint=endpoint),
        name=_NAMES[kind] + title,
        source="found on this machine",
    )
