"""What was recorded happens again: the same request, told the same things at the same times, makes the same calls and
gives its client the same answer. The files are of real runs, as `ollamux serve --record` writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.dialogues import backends, says
from tests.support.running import running
from tests.support.scripted import backend

from ollamux.config import Layer, load
from ollamux.contract import Call, ClientRequest, Data, End, Head, Wants, spread
from ollamux.exchange import Exchange
from ollamux.gateway import Gateway
from ollamux.head_lines import pairs_of
from ollamux.models import Inventory, ModelInfo

FOLDER = Path(__file__).resolve().parents[1] / "data/recordings"
FILES = sorted(FOLDER.glob("*.json"))
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}


def _bytes(told: Any) -> bytes:
    return told.encode() if isinstance(told, str) else base64.b64decode(told["base64"])


def _gateway(record: dict[str, Any]) -> Gateway:
    """One that knows what the recorded one did, and has a key where that had one."""
    found: dict[str, Any] = {}
    for one in record["backends"]:
        shown = {tuple(pair) for call in record["calls"] if call["backend"] == one["id"] for pair in call["headers"]}
        found[one["id"]] = {"type": one["type"], "endpoint": one["endpoint"]}
        if any(value.endswith("***") for _, value in shown):
            found[one["id"]]["api_key"] = "***"
    via = [value for call in record["calls"] for name, value in call["headers"] if name == "X-Ollamux-Via"]
    config = load([Layer("recording", {"backends": found or {"demo": {"type": "demo"}}})], {})
    gateway = Gateway(config, instance=next(iter(via), "x"))
    gateway.wall(record["unix"], 0, record["now"])
    for one in record["backends"]:
        models = (
            ModelInfo(
                name=model["name"],
                capabilities=frozenset(model["capabilities"]),
                context_length=model["context_length"],
            )
            for model in one["models"]
        )
        gateway.backend(one["id"]).health.good()
        gateway.catalog.stock(one["id"], Inventory(models=tuple(models)))
    return gateway


class Replay:
    """An exchange that is told what another one was told."""

    def __init__(self, record: dict[str, Any]) -> None:
        asked = record["request"]
        self.calls: list[Call] = []
        self.head: Head | None = None
        self.body = b""
        self.end: End | None = None
        headers = dict(asked["headers"])
        request = ClientRequest(asked["method"], asked["path"], headers, _bytes(asked["body"]))
        self.exchange: Exchange = _gateway(record).open(request, record["now"])
        self._do(self.exchange.start(record["now"]))
        for event in record["events"]:
            self._do(self._told(*event))

    def _told(self, now: float, kind: str, *what: Any) -> Wants:
        exchange = self.exchange
        match kind, what:
            case "head", (attempt, status, headers):
                return exchange.attempt_head(attempt, status, [(name, value) for name, value in headers], now)
            case "data", (attempt, data):
                return exchange.attempt_data(attempt, _bytes(data), now)
            case "end", (attempt,):
                return exchange.attempt_end(attempt, now)
            case "failed", (attempt, why, sent, detail):
                return exchange.attempt_failed(attempt, why, sent, now, detail)
            case "woken", ():
                return exchange.woken(now)
            case "proceed", ():
                return exchange.proceed(now)
            case "gone", ():
                return exchange.client_gone(now)
            case _:
                raise AssertionError(f"nobody knows what {kind} is")

    def _do(self, wants: Wants) -> None:
        for want in spread(wants):
            if isinstance(want, Call):
                self.calls.append(want)
            elif isinstance(want, Head):
                self.head = want
            elif isinstance(want, Data):
                self.body += want.data
            elif isinstance(want, End):
                self.end = want


def _read(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls with what their bodies mean: one build copies white space that the other one leaves out."""
    return [call | {"body": json.loads(call["body"])} for call in calls]


_ESTIMATED = (
    "X-Alternatives",
    "X-Estimated-Latency-Ms",
    "X-Estimated-Power-Watts",
    "X-Provider-Used",
    "X-Routing-Reason",
)
"""What a plan tells beside the backend: it follows the rules for routing, which tests of their own hold."""


def _same(record: dict[str, Any]) -> None:
    """Fails where the replay differs."""
    again = Replay(record)
    made = [
        {"attempt": call.attempt, "backend": call.backend, "method": call.method, "url": call.url}
        | {"headers": [list(pair) for pair in call.headers], "body": (call.body or b"").decode()}
        for call in again.calls
    ]
    assert _read(made) == _read(record["calls"])
    told = record["answer"]
    assert again.body.decode() == told["body"]
    complete = again.end is not None and not again.end.broken
    status = again.head.status if again.head is not None else None
    assert (status, complete) == (told["status"], told["complete"])
    mark = {"X-Ollamux", *_ESTIMATED}
    headers = (*again.head.headers, *pairs_of(again.head.lines)) if again.head is not None else ()
    assert [list(pair) for pair in headers if pair[0] not in mark] == [
        pair for pair in told["headers"] if pair[0] not in mark
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_was_recorded_happens_again(file: Path) -> None:
    _same(json.loads(file.read_text(encoding="utf-8")))


def test_there_are_recordings_of_every_sort() -> None:
    records = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]
    kinds = {event[1] for record in records for event in record["events"]}
    assert {"head", "data", "end", "failed", "woken"} <= kinds
    assert len({record["request"]["path"] for record in records}) >= 4


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[list[dict[str, Any]]]:
    """What a server that runs now records of requests of every sort, replayable at once."""
    records: list[dict[str, Any]] = []
    with backend(says("Hel", "lo")) as up:
        with running({"backends": backends(up, api_key="s3cret-key")}, record=tmp_path) as server:
            server.ask("POST", "/api/chat", CHAT)
            server.ask("POST", "/v1/chat/completions", CHAT)
            server.ask("POST", "/v1/messages", {**CHAT, "max_tokens": 5, "stream": False})
            server.ask("POST", "/api/chat", {**CHAT, "model": "nobody's"})
        files = sorted(tmp_path.glob("*.json"))
        records += [json.loads(file.read_text(encoding="utf-8")) for file in files]
    yield records


def test_what_is_recorded_now_happens_again_too(recorded: list[dict[str, Any]]) -> None:
    assert [len(record["calls"]) for record in recorded] == [1, 1, 1, 0]
    assert "s3cret-key" not in json.dumps(recorded)
    for record in recorded[:3]:
        assert ["Authorization", "Bearer ***"] in record["calls"][0]["headers"]
        _same(record)
