"""The library guide's code runs as it stands there: a whole front on asyncio and httpx, and a gateway without I/O."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.raw import eventually
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head


def _block(root: Path, holds: str) -> dict[str, Any]:
    """What the one block of Python with this text in it defines."""
    text = (root / "docs/library.md").read_text(encoding="utf-8")
    (code,) = (found for found in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if holds in found)
    names: dict[str, Any] = {"__name__": "library_guide"}
    exec(compile(code, "docs/library.md", "exec"), names)
    return names


@contextmanager
def _serving(root: Path, backends: dict[str, Any]) -> Iterator[int]:
    """The guide's front, on a port of its own, until the block ends."""
    guide = _block(root, "async def main")
    began = threading.Event()
    gateway: Any = None
    port = 0
    stop: Callable[[], object] = lambda: None  # noqa: E731

    async def serve() -> None:
        nonlocal port, stop, gateway
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        stop = lambda: loop.call_soon_threadsafe(over.set)  # noqa: E731
        front = guide["Front"]({"backends": backends})
        async with front.client, await asyncio.start_server(front.serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            probing = asyncio.create_task(front.probe())
            gateway = front.gateway
            began.set()
            await over.wait()
            probing.cancel()
            await asyncio.gather(probing, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert began.wait(10)
    assert eventually(lambda: all(told.state != "checking" for told in gateway.report(0.0)), 10)
    try:
        yield port
    finally:
        stop()
        thread.join(10)


def _ask(port: int, **fields: Any) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/api/chat", json.dumps({"messages": [{"role": "user", "content": "Hi"}], **fields}))
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def _says_hello(asked: Asked, wire: Wire) -> None:
    if not asked.json.get("stream"):
        message = {"role": "assistant", "content": "Hello there"}
        wire.answer(200, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
        return
    wire.send(stream_head())
    for piece in (sse("Hello"), sse(" there"), sse(finish="stop"), b"data: [DONE]\n\n", b""):
        wire.send(chunk(piece))


def _texts(body: bytes) -> list[str]:
    return [json.loads(line)["message"]["content"] for line in body.splitlines()]


def test_the_guides_front_streams_an_answer(root: Path) -> None:
    with backend(_says_hello) as up, _serving(root, {"up": {"type": "vllm", "endpoint": up.url}}) as port:
        status, kind, body = _ask(port, model="m")
        assert (status, kind) == (200, "application/x-ndjson")
        assert [text for text in _texts(body) if text] == ["Hello", " there"]
        assert json.loads(body.splitlines()[-1])["done"] is True
        assert _ask(port, model="m", stream=False)[2].find(b"Hello there") > 0


def test_the_guides_front_fails_over_to_the_next_backend(root: Path) -> None:
    with backend(lambda asked, wire: wire.reset()) as bad, backend(_says_hello) as good:
        backends = {
            "bad": {"type": "vllm", "endpoint": bad.url, "priority": 90},
            "good": {"type": "vllm", "endpoint": good.url},
        }
        with _serving(root, backends) as port:
            assert "".join(_texts(_ask(port, model="m")[2])) == "Hello there"
            assert len(good.calls) == 1


def test_the_guides_front_refuses_what_the_gateway_refuses(root: Path) -> None:
    with _serving(root, {"demo": {"type": "demo"}}) as port:
        assert _ask(port, model="nope")[::2] == (404, b'{"error":"model \'nope\' not found"}')
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/api/tags", headers={"Host": "elsewhere.example"})
        assert connection.getresponse().status == 403
        connection.close()


def test_the_guides_front_hangs_up_on_the_backend_of_a_client_that_left(root: Path) -> None:
    left = threading.Event()

    def waits(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hello")))
        if wire.wait_for_peer_to_leave(10):
            left.set()

    with backend(waits) as up, _serving(root, {"up": {"type": "vllm", "endpoint": up.url}}) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        message = {"role": "user", "content": "Hi"}
        connection.request("POST", "/api/chat", json.dumps({"model": "m", "messages": [message]}))
        assert b"Hello" in connection.getresponse().readline()
        connection.close()
        assert left.wait(10)


def test_a_gateway_without_any_io_answers_in_the_very_call(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _block(root, "now=0.0")
    said = capsys.readouterr().out
    assert said.startswith("200 {")
    assert "built-in demo" in said


def test_the_guide_names_every_value_of_the_contract(root: Path) -> None:
    from ollamux import contract
    from ollamux.exchange import Exchange

    text = (root / "docs/library.md").read_text(encoding="utf-8")
    kinds = {name for name in contract.__all__ if name[0].isupper()}  # the others make them
    values = kinds - {"HeaderPairs", "Target", "Value", "Want", "Wants"}
    fields = {"caller", "extra_headers", "front", "request_id"}
    reports = {name for name in vars(Exchange) if not name.startswith("_")} - fields
    assert [name for name in sorted(values | reports) if f"`{name}" not in text] == []
