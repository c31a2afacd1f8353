"""The backend manager for programs without an event loop."""

from __future__ import annotations

import threading

import pytest
from tests.support.library import as_ollama, config
from tests.support.scripted import Asked, Wire, backend, chunk, stream_head

from ollamux_aiohttp import BackendManagerSync, ModelNotFoundError, OllamaAPI


def test_calls_block_and_give_what_the_manager_gives() -> None:
    script = as_ollama("Hel", "lo")
    with backend(script, "m", "n", style="ollama") as up, BackendManagerSync(config(a=up.url), env={}) as manager:
        assert sorted(manager.get_models()) == ["m", "n"]
        assert {model.backend_id for model in manager.get_all_models()} == {"a"}
        assert manager.generate_response("m", "x", [{"role": "user", "content": "y"}]).content == "Hello"
        assert list(manager.generate_response("m", "x", stream=True)) == ["Hel", "lo"]
        assert manager.get_backend_status()["a"]["health"]["status"] == "healthy"
        with pytest.raises(ModelNotFoundError):
            manager.generate_response("nope", "x")


def test_the_thread_ends_with_the_manager_and_a_later_call_starts_another() -> None:
    with backend(as_ollama("a"), "m", style="ollama") as up:
        manager = OllamaAPI(config(a=up.url), env={})
        before = threading.active_count()
        manager.initialize()
        assert any(thread.name == "ollamux" for thread in threading.enumerate())
        manager.close()
        manager.close()
        assert not any(thread.name == "ollamux" for thread in threading.enumerate())
        assert threading.active_count() <= before + 2
        assert str(manager.generate_response("m", "x")) == "a"
        manager.close()


def test_who_leaves_a_stream_hangs_up_on_the_backend() -> None:
    left = threading.Event()

    def endless(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(b'{"message":{"content":"x"},"done":false}\n'))
        if wire.wait_for_peer_to_leave(10):
            left.set()

    with backend(endless, "m", style="ollama") as up, BackendManagerSync(config(a=up.url), env={}) as manager:
        for piece in manager.generate_response("m", "x", stream=True):
            assert piece == "x"
            break
        assert left.wait(10)


def test_threads_may_share_one() -> None:
    with backend(as_ollama("a"), "m", style="ollama") as up, BackendManagerSync(config(a=up.url), env={}) as manager:
        found: list[str] = []
        threads = [
            threading.Thread(target=lambda: found.append(manager.generate_response("m", "x").content)) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert found == ["a"] * 8
