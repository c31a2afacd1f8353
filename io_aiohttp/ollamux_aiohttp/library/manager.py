"""The backend manager: models, answers and health of all backends, for programs with an event loop.

Strategy: a call becomes an Ollama chat that the gateway answers as it would over the network, so that routing, failover
and translation are the same. A preferred backend is asked alone first, where it is well and has the model; where it
fails without a word, all others are.

Rules: the first call starts the manager where `initialize` was not awaited; it belongs to that event loop, and ends
with it where nobody closes it; what a request may hold besides its prompt is what Ollama's chat may hold, and every
other keyword is an option.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from typing import Any, Literal, overload

import msgspec

from ollamux_aiohttp.library.answers import GenerationResponse, ModelInfo, response_of
from ollamux_aiohttp.library.engine import Asking, Broken, Engine
from ollamux_aiohttp.library.failing import BackendConnectionError, BackendError, may_go_on, raised
from ollamux_aiohttp.library.settings import Told, config_of
from ollamux_aiohttp.serve import resolve

__all__ = ("BackendManager", "GenerationStream")

_MEMBERS = frozenset({"format", "images", "keep_alive", "logprobs", "think", "tools", "top_logprobs"})
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode
_RENAMED = {"max_tokens": "num_predict"}


class BackendManager:
    """See the module. `config` is a mapping, the name of a file, a `Config`, or nothing, for what a server would find;
    `env` stands for the process's variables."""

    def __init__(self, config: Told = None, *, env: Mapping[str, str] | None = None) -> None:
        self._told = config
        self._env = env
        self._engine: Engine | None = None
        self._life: AsyncGenerator[None, None] | None = None
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> BackendManager:
        await self.initialize()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def validate_config(self) -> tuple[str, ...]:
        """Checks the configuration. Raises ConfigError with everything that is wrong; returns remarks on what has no
        effect."""
        return config_of(self._told, self._env).notes

    async def initialize(self) -> None:
        """Starts, and asks every backend what it has. Raises ConfigError."""
        if self._engine is not None and self._engine.closed:  # its event loop has ended
            self._engine = self._life = None
            self._starting = asyncio.Lock()
        async with self._starting:
            if self._engine is not None:
                return
            config, _ = await resolve(config_of(self._told, self._env))
            engine = Engine(config)
            life = _life(engine)
            await anext(life)
            try:
                await engine.start(config.health.timeout)
            except BaseException:
                await life.aclose()
                raise
            self._engine, self._life = engine, life

    async def close(self) -> None:
        """Ends what runs and closes every connection."""
        life, self._life, self._engine = self._life, None, None
        if life is not None:
            await life.aclose()

    async def get_all_models(self) -> list[ModelInfo]:
        """The models of all healthy backends, each backend's own."""
        gateway = (await self._started()).gateway
        return [
            ModelInfo(
                name=offer.name,
                backend_id=backend.id,
                backend_type=backend.provider.type,
                capabilities=offer.capabilities,
                context_length=offer.context_length,
                size=offer.info.size or None,
                loaded=gateway.catalog.is_loaded(offer),
            )
            for backend in gateway.backends()
            if backend.callable and backend.health.usable
            for offer in {offer.name: offer for offer in gateway.catalog.of_backend(backend.id)}.values()
        ]

    async def get_backend_status(self) -> dict[str, dict[str, Any]]:
        """What each backend is (`info`) and how it is (`health`), by its id."""
        return (await self._started()).gateway.status()

    @overload
    async def generate_response(
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
    async def generate_response(
        self,
        model: str,
        prompt: str,
        history: Iterable[Mapping[str, Any]] | None = None,
        *,
        preferred_backend: str | None = None,
        system: str | None = None,
        stream: Literal[True],
        **options: Any,
    ) -> GenerationStream: ...

    async def generate_response(
        self,
        model: str,
        prompt: str,
        history: Iterable[Mapping[str, Any]] | None = None,
        *,
        preferred_backend: str | None = None,
        system: str | None = None,
        stream: bool = False,
        **options: Any,
    ) -> GenerationResponse | GenerationStream:
        """The model's answer to the prompt after these messages, from the first backend that gives one; with `stream`
        as it comes. Raises BackendError and what it is the root of."""
        engine = await self._started()
        body = _body(model, prompt, history, system, stream, options)
        began = time.monotonic()
        among: frozenset[str] | None = None
        if preferred_backend is not None:
            first, rest = _parted(engine, model, preferred_backend)
            if first:
                try:
                    answer = GenerationStream(engine, await _begun(engine, body, first), model, began)
                    await answer.begin()
                    return answer if stream else await answer.response()
                except BackendError as error:
                    if not rest or not may_go_on(error):
                        raise
                    among = rest
        answer = GenerationStream(engine, await _begun(engine, body, among), model, began)
        return answer if stream else await answer.response()

    async def _started(self) -> Engine:
        await self.initialize()
        assert self._engine is not None
        return self._engine


class GenerationStream(AsyncIterator[str]):
    """An answer as it comes: its text, piece by piece. `response` reads what is left and puts it together."""

    def __init__(self, engine: Engine, asking: Asking, model: str, began: float) -> None:
        self._model = model
        self._began = began
        self._took: float | None = None
        self._rows: list[dict[str, Any]] = []
        self._first: str | None = None
        self._asking = asking
        self.backend_id = asking.headers.get("x-backend-used", "")
        known = {backend.id: backend.provider.type for backend in engine.gateway.backends()}
        self.backend_type = known.get(self.backend_id, "")
        self._lines = _lines(asking)
        weakref.finalize(self, engine.let_go, asking).atexit = False

    def __aiter__(self) -> GenerationStream:
        return self

    async def __anext__(self) -> str:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        while True:
            try:
                row = await anext(self._lines)
            except StopAsyncIteration:
                if self._took is None:
                    self._took = time.monotonic() - self._began
                raise
            except Broken:
                raise BackendConnectionError("the answer broke off", status=502, backend_id=self.backend_id) from None
            if "error" in row:
                raise raised(row, 502, self.backend_id)
            self._rows.append(row)
            message: dict[str, Any] = row.get("message") or {}
            if text := message.get("content"):
                return str(text)

    async def begin(self) -> None:
        """Waits for the first text, or for the end of an answer that has none. Raises BackendError where it failed."""
        self._first = await anext(self, None)

    async def response(self) -> GenerationResponse:
        """All of the answer."""
        async for _ in self:
            pass
        assert self._took is not None
        return response_of(self._rows, self._model, self.backend_id, self.backend_type, self._took)

    async def aclose(self) -> None:
        """Wants no more of it: the backend stops."""
        self._asking.leave()


async def _life(engine: Engine) -> AsyncGenerator[None, None]:
    """Closes the engine when it is closed itself, as an event loop does with generators that are left when it ends."""
    try:
        yield
    finally:
        await engine.close()


async def _begun(engine: Engine, body: bytes, among: frozenset[str] | None) -> Asking:
    """An answer that has begun well. Raises what it is where it is an error."""
    asking = engine.ask(body, among)
    status = await asking.head()
    if status == 200:
        return asking
    try:
        whole = b"".join([piece async for piece in asking.pieces()])
        told = _decode_object(whole)
    except (Broken, msgspec.DecodeError):
        told = {}
    raise raised(told, status or 502, asking.headers.get("x-backend-used", ""))


async def _lines(asking: Asking) -> AsyncGenerator[dict[str, Any], None]:
    """The objects of an answer, one a line."""
    rest = b""
    async for piece in asking.pieces():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield _decode_object(line)
    if rest:
        yield _decode_object(rest)


def _parted(engine: Engine, model: str, preferred: str) -> tuple[frozenset[str], frozenset[str]]:
    """The backends of this id or type that are well and have the model, and the others. Raises BackendError where there
    is none of that name."""
    backends = engine.gateway.backends()
    named = [backend for backend in backends if backend.id == preferred] or [
        backend for backend in backends if backend.provider.type == preferred.lower()
    ]
    if not named:
        there = ", ".join(backend.id for backend in backends) or "none"
        raise BackendError(f"there is no backend '{preferred}' (there are: {there})", status=400)
    serving = {offer.backend for offer in engine.gateway.catalog.find(model)}
    first = {backend.id for backend in named if backend.id in serving and backend.callable and backend.health.usable}
    return frozenset(first), frozenset(serving - first)


def _body(
    model: str,
    prompt: str,
    history: Iterable[Mapping[str, Any]] | None,
    system: str | None,
    stream: bool,
    options: Mapping[str, Any],
) -> bytes:
    """The request as an Ollama chat."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system is not None else []
    messages += [dict(message) for message in history or ()]
    own = {name: value for name, value in options.items() if name in _MEMBERS and value is not None}
    images = own.pop("images", None)
    messages.append({"role": "user", "content": prompt, **({"images": images} if images else {})})
    knobs = dict(options.get("options") or {})
    knobs |= {
        _RENAMED.get(name, name): value
        for name, value in options.items()
        if name not in _MEMBERS and name != "options" and value is not None
    }
    return _encode({"model": model, "messages": messages, "stream": stream, "options": knobs, **own})
