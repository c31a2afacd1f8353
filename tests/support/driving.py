"""A whole gateway without a socket: virtual time, exchanges that are told what happens, and backends that a test plays.

`Driven` holds the gateway and its clock; `Driven.ask` opens an exchange and carries out what it wants as a pump would,
writing down the calls it makes and what the client would have read. A test answers calls by hand (`call.head`,
`call.data`, `call.end`, `call.fail`) or lets a function, `play`, answer each call as it is made, so that it reads as a
transcript.

Rules: the driver checks the contract as it goes: one head, nothing after the end, no report for what was cancelled
unless the test makes it; the clock moves in `pass_time` alone, which wakes who asked to be woken, in order.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from ollamux.config import Config, Layer, load
from ollamux.contract import (
    Call,
    CallData,
    CallEnd,
    Cancel,
    ClientRequest,
    Data,
    End,
    FailureKind,
    Head,
    Read,
    ReadBody,
    WakeAt,
    Want,
    Wants,
    spread,
)
from ollamux.exchange import Exchange
from ollamux.gateway import Chore, Gateway
from ollamux.head_lines import pairs_of

__all__ = ("IN_ORDER", "Asked", "Called", "Driven", "delta", "driven", "ending", "line", "listing")

_EPOCH = 1_767_322_800.0  # 2026-01-02 03:00 UTC

IN_ORDER: dict[str, Any] = {"routing": {"load_balancing": False}}
"""Settings by which backends are asked in the order in which they are configured."""

Player = Callable[["Called"], None]


class Called:
    """A call that an exchange made, and the hands of the backend that answers it."""

    def __init__(self, asked: Asked, call: Call) -> None:
        self.asked = asked
        self.call = call
        self.uploaded = call.body or b""
        self.upload_over = call.body is not None
        self.cancelled = False
        self.over = False
        self.reading = True

    @property
    def backend(self) -> str:
        return self.call.backend

    @property
    def url(self) -> str:
        return self.call.url

    @property
    def json(self) -> Any:
        return json.loads(self.uploaded)

    @property
    def open(self) -> bool:
        """Whether it still runs."""
        return not (self.cancelled or self.over)

    def head(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        pairs = [("content-type", kind), *((name.replace("_", "-"), value) for name, value in headers.items())]
        self._report(lambda exchange, now: exchange.attempt_head(self.call.attempt, status, pairs, now))

    def data(self, data: bytes) -> None:
        self._report(lambda exchange, now: exchange.attempt_data(self.call.attempt, data, now))

    def end(self) -> None:
        self.over = True
        self._report(lambda exchange, now: exchange.attempt_end(self.call.attempt, now))

    def fail(self, kind: FailureKind = "reset", detail: str = "") -> None:
        self.over = True
        self._report(lambda exchange, now: exchange.attempt_failed(self.call.attempt, kind, True, now, detail))

    def answer(self, status: int, value: Any, kind: str = "application/json", **headers: str) -> None:
        """A whole answer."""
        self.head(status, kind, **headers)
        if self.open:
            self.data(value if isinstance(value, bytes) else json.dumps(value).encode())
        if self.open:
            self.end()

    def stream(self, *pieces: bytes, kind: str = "text/event-stream") -> None:
        """A whole stream."""
        self.head(200, kind)
        for piece in pieces:
            self.data(piece)
        self.end()

    def _report(self, report: Callable[[Exchange, float], Wants]) -> None:
        self.asked.do(report(self.asked.exchange, self.asked.driven.now))


class Asked:
    """A client's request under way: what it wanted of the backends, and what its client got."""

    def __init__(self, driven: Driven, exchange: Exchange, player: Player | None) -> None:
        self.driven = driven
        self.exchange = exchange
        self.name = ""
        self._player = player or driven.play
        self.calls: list[Called] = []
        self.heads: list[Head] = []
        self.body = b""
        self.pieces: list[bytes] = []
        self.end: End | None = None
        self.gone = False
        self.wake_at = math.inf
        self.body_on = True
        exchange.front = self

    @property
    def over(self) -> bool:
        """Whether the exchange has ended, or its client has."""
        return self.end is not None or self.gone

    @property
    def status(self) -> int:
        assert self.heads, "no head was written"
        return self.heads[0].status

    @property
    def headers(self) -> dict[str, str]:
        head = self.heads[0]
        pairs = (*head.headers, *pairs_of(head.lines), *self.exchange.extra_headers)
        return {name.lower(): value for name, value in pairs}

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]

    @property
    def text(self) -> str:
        """The text of an Ollama chat or generate stream."""
        return "".join(row["message"]["content"] if "message" in row else row["response"] for row in self.lines)

    @property
    def called(self) -> Called:
        """The last call."""
        return self.calls[-1]

    @property
    def asked(self) -> list[str]:
        """The backends that were called, in order."""
        return [called.backend for called in self.calls]

    def do(self, wants: Wants) -> None:
        """Carries out what a report came back with, as a pump does."""
        made = len(self.calls)
        for want in spread(wants):
            self._do(want)
        if self._player is not None:
            for called in self.calls[made:]:
                self._player(called)

    def _do(self, want: Want) -> None:
        assert self.end is None, f"{want} after the end"
        assert not self.gone or isinstance(want, Cancel | Read | WakeAt), f"{want} though the client is gone"
        match want:
            case Call():
                assert not self._of(want.attempt), "an attempt's number came twice"
                self.calls.append(Called(self, want))
                self.driven.calls.append(self.calls[-1])
            case Cancel():
                for called in self._of(want.attempt):
                    called.cancelled = True
            case Read():
                for called in self._of(want.attempt):
                    called.reading = want.on
            case CallData():
                for called in self._of(want.attempt):
                    called.uploaded += want.data
            case CallEnd():
                for called in self._of(want.attempt):
                    called.upload_over = True
            case ReadBody():
                self.body_on = want.on
            case WakeAt():
                self.wake_at = want.when
            case Head():
                assert not self.heads, "a second head"
                self.heads.append(want)
            case Data():
                assert self.heads, "data before the head"
                self.body += want.data
                self.pieces.append(want.data)
            case End():
                self.end = want
                self.wake_at = math.inf

    def _of(self, attempt: int) -> list[Called]:
        return [called for called in self.calls if called.call.attempt == attempt]

    def pause(self) -> None:
        self.do(self.exchange.client_paused(self.driven.now))

    def resume(self) -> None:
        self.do(self.exchange.client_resumed(self.driven.now))

    def leave(self) -> None:
        wants = self.exchange.client_gone(self.driven.now)
        self.gone = True
        self.do(wants)
        self.wake_at = math.inf

    def upload(self, *pieces: bytes) -> None:
        """A body that streams in, whole."""
        for piece in pieces:
            self.do(self.exchange.body_data(piece, self.driven.now))
        self.do(self.exchange.body_end(self.driven.now))


class Driven:
    """A gateway, its clock, and everything that was asked of it; every second request in the steps of a burst."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.now = 1000.0
        self.calls: list[Called] = []
        self.open: list[Asked] = []
        self.play: Player | None = None
        self.in_steps = False
        gateway.wall(_EPOCH, 0, self.now)

    def ask(
        self,
        method: str,
        path: str,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        *,
        player: Player | None = None,
        peer: str = "",
    ) -> Asked:
        """A client's request, as far as it goes without a report. What is no bytes is sent as JSON, None streams in."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = ClientRequest(method, path, {"host": "localhost"} | dict(headers or {}), data, peer=peer)
        asked = Asked(self, self.gateway.open(request, self.now), player)
        self.open.append(asked)
        self.in_steps = not self.in_steps
        if self.in_steps:
            asked.exchange.take_in(self.now)
            asked.exchange.take_place(self.now)
        asked.do(asked.exchange.start(self.now))
        self.drain()
        return asked

    def chat(self, model: str = "m", *, player: Player | None = None, **fields: Any) -> Asked:
        """An Ollama client's chat."""
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}
        return self.ask("POST", "/api/chat", body, player=player)

    def drain(self) -> None:
        """Lets those go on who waited for something inside the gateway."""
        self.open = [asked for asked in self.open if not asked.over]
        while True:
            ready = self.gateway.ready(self.now)
            if not ready:
                return
            for exchange in ready:
                if isinstance(exchange.front, Asked) and not exchange.front.over:
                    exchange.front.do(exchange.proceed(self.now))

    def pass_time(self, seconds: float) -> None:
        """Lets time go by; who asked to be woken meanwhile is."""
        until = self.now + seconds
        for _ in range(100_000):
            due = min((asked for asked in self.open if not asked.over), key=lambda asked: asked.wake_at, default=None)
            if due is None or due.wake_at > until:
                break
            self.now = max(self.now, due.wake_at)
            due.wake_at = math.inf
            due.do(due.exchange.woken(self.now))
            self.drain()
        else:
            raise AssertionError("somebody asks to be woken again and again")
        self.now = until

    def chores(self) -> list[Chore]:
        """The probes that are due now."""
        return self.gateway.chores(self.now)

    def tell(self, chore: Chore, answer: Any = None, *, status: int = 200, **headers: str) -> None:
        """A backend's answer to a probe; bytes as they are, anything else as JSON, None is a refused connection."""
        if answer is None:
            self.gateway.chore_failed(chore, "refused", "", self.now)
        else:
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
            self.gateway.chore_done(chore, status, pairs, body, self.now)
        self.drain()

    def learn(self, **models: str | list[str] | None) -> None:
        """A round of probes in which each backend names these models (by its id, - as _); None does not answer."""
        for chore in self.chores():
            told = models.get(chore.backend.replace("-", "_"), ["m"])
            names = [told] if isinstance(told, str) else told
            self.tell(chore, None if names is None else listing(chore.path, names))

    def state(self, backend: str) -> tuple[str, str]:
        """A backend's state and the reason, as reported."""
        found = next(report for report in self.gateway.report(self.now) if report.id == backend)
        return found.state, found.reason

    @property
    def running(self) -> int:
        """The places that are taken, over all backends."""
        return sum(self.gateway.admission.running(backend.id) for backend in self.gateway.backends())


def configured(settings: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Config:
    """The configuration that this file of settings makes."""
    return load([Layer("test", settings)], env or {})


def driven(
    settings: Mapping[str, Any] | None = None, *, learn: bool = True, **backends: str | Mapping[str, Any]
) -> Driven:
    """A gateway over these backends (a type, or all of a backend's keys), all of which serve `m`."""
    found: dict[str, dict[str, Any]] = {}
    for name, told in backends.items():
        keys = {"type": told} if isinstance(told, str) else dict(told)
        found[name] = keys if keys["type"] in ("demo", "gguf") else {"endpoint": f"http://{name}:1", **keys}
    made = Driven(Gateway(configured({"backends": found, **(settings or {})}), instance="this-one"))
    if learn:
        made.learn()
    return made


def listing(path: str, names: list[str]) -> Any:
    """What a backend answers to a probe of its models."""
    if path == "/api/tags":
        return {"models": [{"name": name, "model": name, "details": {"family": "llama"}} for name in names]}
    if path == "/api/ps":
        return {"models": []}
    return {"object": "list", "data": [{"id": name, "object": "model"} for name in names]}


def delta(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a chat completion's stream."""
    told = ({"content": text} if text is not None else {}) | more
    choice = {"index": 0, "delta": told, "finish_reason": finish}
    value = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def ending() -> bytes:
    """The end of a chat completion's stream."""
    return delta(finish="stop") + b"data: [DONE]\n\n"


def line(text: str = "", *, done: bool = False, **more: Any) -> bytes:
    """One line of an Ollama chat's stream."""
    value = {"model": "m", "created_at": "2026-01-02T03:04:05Z", "message": {"role": "assistant", "content": text}}
    last = {"done": True, "done_reason": "stop"} if done else {"done": False}
    return json.dumps(value | last | more).encode() + b"\n"
