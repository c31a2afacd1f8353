"""Models that go so that others fit, over real sockets."""

from __future__ import annotations

from typing import Any

from tests.support.running import running
from tests.support.scripted import Asked, Wire, backend

from ollamux.hardware.readings import Device, Readings
from ollamux.hardware.vram import GIB


class Holding:
    """An Ollama that holds the model `large`, and says so until it is told to let go of it."""

    def __init__(self) -> None:
        self.loaded = ["large:latest"]
        self.order: list[tuple[str, Any]] = []

    def __call__(self, asked: Asked, wire: Wire) -> None:
        match asked.path:
            case "/api/tags":
                rows = [{"name": f"{name}:latest", "size": 8 * GIB} for name in ("large", "other")]
                wire.answer(200, {"models": rows})
            case "/api/ps":
                told = {"size": 10 * GIB, "size_vram": 10 * GIB, "expires_at": "2026-01-02T03:04:05Z"}
                wire.answer(200, {"models": [{"name": name, **told} for name in self.loaded]})
            case "/api/generate":
                self.order.append((asked.path, asked.json))
                self.loaded.remove(asked.json["model"])
                wire.answer(200, {"model": asked.json["model"], "done": True, "done_reason": "unload"})
            case _:
                self.order.append((asked.path, asked.json["model"]))
                message = {"role": "assistant", "content": "hi"}
                wire.answer(200, {"model": asked.json["model"], "message": message, "done": True})


def test_a_model_that_does_not_fit_is_asked_for_when_the_other_one_has_gone() -> None:
    holding = Holding()
    with backend(holding, style="silent") as up:
        settings = {"backends": {"o": {"type": "ollama", "endpoint": up.url, "hardware": "nvidia"}}}
        with running(settings) as server:
            card = Device(id="g", kind="nvidia", vram_total=12 * GIB)

            async def measure() -> None:
                server.server.gateway.sensed(Readings(devices=(card,)), 0.0)

            server.do(measure)
            body = {"model": "other", "messages": [{"role": "user", "content": "hi"}], "stream": False}
            assert server.ask("POST", "/api/chat", body).json["message"]["content"] == "hi"
            assert holding.order == [
                ("/api/generate", {"model": "large:latest", "keep_alive": 0, "stream": False}),
                ("/api/chat", "other"),
            ]
            assert server.ask("GET", "/thermal").json["memory"][0]["models"] == []
