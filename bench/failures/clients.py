"""The clients: a number of them, each asking one thing after the other, who note what became of every request.

Half of what they ask is streamed, half of it in Ollama's format and half in OpenAI's. A request is *whole*, or it
failed *before* its first content byte, where another backend could have answered and the client would not have known,
or it *broke* after that, which nothing but the end of a stream can tell.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any, Literal

import aiohttp
import msgspec

from bench.failures.fleet import MODEL

__all__ = ("Seen", "ask_for")

Outcome = Literal["whole", "before", "broke"]
_PATIENCE_S = 30
_CONTENT = re.compile(rb'"content":\s*"[^"]')


class Seen(msgspec.Struct, frozen=True):
    """One request: when it began (seconds after the first), how long it took, what became of it, who answered, and
    what it was told where it failed."""

    began: float
    seconds: float
    outcome: Outcome
    backend: str
    said: str = ""


def _body(number: int) -> tuple[str, bool, bytes]:
    """Path, whether it is a stream, and the body."""
    stream = number % 2 == 0
    path = "/api/chat" if number % 4 < 2 else "/v1/chat/completions"
    asked: dict[str, Any] = {
        "model": MODEL,
        "stream": stream,
        "messages": [{"role": "user", "content": f"say {number}"}],
    }
    asked["options" if path == "/api/chat" else "temperature"] = {"temperature": 0} if path == "/api/chat" else 0
    return path, stream, json.dumps(asked).encode()


def _judge(status: int, stream: bool, path: str, body: bytes) -> Outcome:
    if not stream:
        return "whole" if status == 200 else "before"
    if path == "/api/chat":
        ended = b'"done":true' in body
    else:
        ended = b"data: [DONE]" in body and b'"error"' not in body
    if status == 200 and ended:
        return "whole"
    return "broke" if status == 200 and _CONTENT.search(body) else "before"


async def _one(session: aiohttp.ClientSession, url: str, number: int, first: float) -> Seen:
    path, stream, body = _body(number)
    began = time.monotonic()
    backend, received = "", b""
    outcome: Outcome = "before"
    said = ""
    try:
        async with session.post(url + path, data=body, headers={"Content-Type": "application/json"}) as answer:
            backend = answer.headers.get("X-Backend-Used", "")
            async for piece in answer.content.iter_any():
                received += piece
            outcome = _judge(answer.status, stream, path, received)
            said = f"{answer.status} " if outcome != "whole" else ""
    except (aiohttp.ClientError, TimeoutError) as error:
        outcome = "broke" if received else "before"
        said = f"{type(error).__name__} "
    if outcome != "whole":
        said += received[-160:].decode(errors="replace")
    return Seen(began - first, time.monotonic() - began, outcome, backend, said)


async def _client(session: aiohttp.ClientSession, url: str, place: int, first: float, until: float) -> list[Seen]:
    seen = []
    number = place
    while time.monotonic() < until:
        seen.append(await _one(session, url, number, first))
        number += 1
    return seen


def ask_for(seconds: float, url: str, clients: int) -> list[Seen]:
    """What so many clients saw in that time."""

    async def all_of_them() -> list[Seen]:
        first = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            runs = [_client(session, url, place, first, first + seconds) for place in range(clients)]
            return [one for seen in await asyncio.gather(*runs) for one in seen]

    return asyncio.run(all_of_them())
