"""The backend manager for programs without an event loop.

Strategy: a thread of its own runs a loop with a `BackendManager` in it, from the first call until `close`; calls from
any thread are handed to it and waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from typing import Any, Literal, Self, TypeVar, overload

from ollamux_aiohttp.library.answers import GenerationResponse, ModelInfo
from ollamux_aiohttp.library.manager import BackendManager, GenerationStream
from ollamux_aiohttp.library.settings import Told

__all__ = ("BackendManagerSync", "OllamaAPI")

_T = TypeVar("_T")


class BackendManagerSync:
    """`BackendManager` with calls that block. Close it, or use it in a `with` block."""

    def __init__(self, config: Told = None, *, env: Mapping[str, str] | None = None) -> None:
        self._manager = BackendManager(config, env=env)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def validate_config(self) -> tuple[str, ...]:
        """See `BackendManager.validate_config`."""
        return self._manager.validate_config()

    def initialize(self) -> None:
        """See `BackendManager.initialize`; every other call does it where it was not done."""
        self._run(self._manager.initialize())

    def get_models(self) -> list[str]:
        """The names of all models, each once."""
        return list(dict.fromkeys(model.name for model in self.get_all_models()))

    def get_all_models(self) -> list[ModelInfo]:
        """See `BackendManager.get_all_models`."""
        return self._run(self._manager.get_all_models())

    def get_backend_status(self) -> dict[str, dict[str, Any]]:
        """See `BackendManager.get_backend_status`."""
        return self._run(self._manager.get_backend_status())

    @overload
    def generate_response(
        self,
        model: str,
        prompt: str,
        history: Iterable[Mapping[str, Any]] | None = None,
        *,
        preferred_backend: str | None = None,
        system: str | None = None,
        stream: Literal[False] = False,
        **options: Any,
    ) -> GenerationResponse: ...

    @overload
    def generate_response(
        self,
        model: str,
        prompt: str,
        history: Iterable[Mapping[str, Any]] | None = None,
        *,
        preferred_backend: str | None = None,
        system: str | None = None,
        stream: Literal[True],
        **options: Any,
    ) -> Iterator[str]: ...

    def generate_response(
        self,
        model: str,
        prompt: str,
        history: Iterable[Mapping[str, Any]] | None = None,
        *,
        preferred_backend: str | None = None,
        system: str | None = None,
        stream: bool = False,
        **options: Any,
    ) -> GenerationResponse | Iterator[str]:
        """See `BackendManager.generate_response`; with `stream` an iterator of the answer's text."""
        manager, preferred = self._manager, preferred_backend
        if stream:
            source = manager.generate_response(
                model, prompt, history, preferred_backend=preferred, system=system, stream=True, **options
            )
            return self._stream(self._run(source))
        whole: Coroutine[Any, Any, GenerationResponse] = manager.generate_response(
            model, prompt, history, preferred_backend=preferred, system=system, stream=False, **options
        )
        return self._run(whole)

    def close(self) -> None:
        """Ends what runs, and the thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._manager.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _stream(self, source: GenerationStream) -> Iterator[str]:
        loop = self._loop
        try:
            while True:
                piece = self._run(_next(source))
                if piece is None:
                    return
                yield piece
        finally:
            if loop is self._loop:  # else all of it has been closed
                self._run(source.aclose())

    def _run(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._started()).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="ollamux", daemon=True)
                self._thread.start()
            return self._loop


class OllamaAPI(BackendManagerSync):
    """The same under the name that programs for one Ollama know."""


async def _next(source: GenerationStream) -> str | None:
    """The next piece; None where there is none."""
    return await anext(source, None)
