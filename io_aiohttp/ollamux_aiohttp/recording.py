"""Writes every exchange down, one JSON file each: what the client asked, what the backends were asked and answered,
what the client got. Such a file can be played again, since the gateway knows nothing but what it was told.

Strategy: a gateway whose exchanges note what they are told and what they want, and change none of it; a server that
does not record has another gateway and pays nothing. A thread of its own takes secrets out and writes.

Rules: a key never reaches the disk: headers that carry one lose it, and every configured or presented secret of four
characters or more is replaced wherever it stands. A file and their number are bounded, the oldest go first; what comes
faster than the disk takes it is left out, and a disk that fails is told once and harms no request.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ollamux import __version__
from ollamux.config import Config
from ollamux.config.schema import Secret
from ollamux.contract import Call, ClientRequest, Data, End, FailureKind, Head, Wants, spread
from ollamux.exchange.base import Exchange
from ollamux.formats.base import Serving
from ollamux.gateway import Gateway
from ollamux.head_lines import pairs_of

__all__ = ("HIDDEN", "Recorder", "RecordingGateway", "secrets_of")

HIDDEN = "***"
"""What stands in a secret's place."""

_log = logging.getLogger("ollamux")
_CARRIERS = frozenset(
    {
        "api-key", "authorization", "cookie", "ocp-apim-subscription-key", "proxy-authorization", "set-cookie",
        "x-amz-security-token", "x-api-key", "x-goog-api-key",
    }
)  # fmt: skip
"""Headers that carry a secret, whoever sends them."""

_QUERY = re.compile(r"(?i)([?&](?:key|api[-_]key|access_token|x-amz-(?:signature|credential|security-token))=)[^&#\s]+")
_OURS = re.compile(r"\d{8}-\d{6}-\d{6}-[0-9a-f]{8}\.json")
_SHORTEST = 4


class Recorder:
    """Writes records into a folder. `most` files at most are kept, each with about `largest` bytes of bodies; `waiting`
    records wait for the disk at most."""

    def __init__(
        self, folder: Path, config: Config, *, most: int = 1000, largest: int = 4 * 1024 * 1024, waiting: int = 64
    ) -> None:
        self.largest = largest
        self._folder = folder
        self._most = most
        self._secrets, self._names = secrets_of(config)
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(waiting)
        self._run = os.urandom(4).hex()
        self._count = 0
        self._failed = False
        self._files: list[str] = []
        self._thread = threading.Thread(target=self._write_all, name="ollamux-recorder", daemon=True)
        self._thread.start()

    def put(self, record: dict[str, Any]) -> None:
        """Takes a record to be written, soon; leaves it out where too many wait."""
        try:
            self._queue.put_nowait(record)
        except queue.Full:
            self._complain("the disk is too slow, so that exchanges are left out")

    def close(self, patience: float = 5.0) -> None:
        """Writes what waits, for so many seconds."""
        try:
            self._queue.put(None, timeout=patience)
        except queue.Full:
            return
        self._thread.join(patience)

    def _write_all(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = sorted(name for name in os.listdir(self._folder) if _OURS.fullmatch(name))
        except OSError as error:
            self._complain(error.strerror or "it cannot be used")
        while (record := self._queue.get()) is not None:
            try:
                self._write(record)
            except OSError as error:
                self._complain(error.strerror or "it cannot be written")
            except Exception as error:  # a record is never worth more than the server
                self._complain(type(error).__name__)

    def _write(self, record: dict[str, Any]) -> None:
        text = json.dumps(_cleaned(record, self._secrets, self._names), indent=1, ensure_ascii=False)
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(record["unix"]))
        self._count += 1
        name = f"{moment}-{self._count % 1_000_000:06d}-{self._run}.json"
        path, half = self._folder / name, self._folder / f".{self._run}.part"
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.replace(half, path)
        self._files.append(name)
        while len(self._files) > self._most:
            (self._folder / self._files.pop(0)).unlink(missing_ok=True)

    def _complain(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            _log.warning("recording to %s: %s", self._folder, why)


class RecordingGateway(Gateway):
    """A gateway that writes down what its exchanges do."""

    def __init__(self, recorder: Recorder, config: Config, **how: Any) -> None:
        super().__init__(config, **how)
        self.recorder = recorder

    def open(self, request: ClientRequest, now: float, serving: Serving | None = None) -> Exchange:
        return _Recorded(self, request, super().open(request, now, serving), now)


class _Recorded(Exchange):
    """An exchange, and the one that is told the same. Its front belongs to both: the gateway names the inner one."""

    def __init__(self, gateway: RecordingGateway, request: ClientRequest, inner: Exchange, now: float) -> None:
        super().__init__()
        self.extra_headers = inner.extra_headers
        self._gateway = gateway
        self._inner = inner
        self._room = gateway.recorder.largest
        self._cut = False
        self._over = False
        self._request = request
        self._now = now
        self._body = [self._kept(request.body)] if request.body else []
        self._calls: list[tuple[Call, bytes]] = []
        self._events: list[tuple[Any, ...]] = []
        self._head: Head | None = None
        self._answer: list[bytes] = []

    def start(self, now: float) -> Wants:
        self._inner.front = self.front
        return self._noted(self._inner.start(now))

    def proceed(self, now: float) -> Wants:
        self._events.append((now, "proceed"))
        return self._noted(self._inner.proceed(now))

    def body_data(self, data: bytes, now: float) -> Wants:
        self._body.append(self._kept(data))
        return self._noted(self._inner.body_data(data, now))

    def body_end(self, now: float) -> Wants:
        self._events.append((now, "body_end"))
        return self._noted(self._inner.body_end(now))

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        self._events.append((now, "head", attempt, status, tuple(headers)))
        return self._noted(self._inner.attempt_head(attempt, status, headers, now))

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        self._events.append((now, "data", attempt, self._kept(data)))
        return self._noted(self._inner.attempt_data(attempt, data, now))

    def attempt_end(self, attempt: int, now: float) -> Wants:
        self._events.append((now, "end", attempt))
        return self._noted(self._inner.attempt_end(attempt, now))

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        self._events.append((now, "failed", attempt, kind, sent, detail))
        return self._noted(self._inner.attempt_failed(attempt, kind, sent, now, detail))

    def upload_drained(self, attempt: int, now: float) -> Wants:
        return self._noted(self._inner.upload_drained(attempt, now))

    def upload_blocked(self, attempt: int, now: float) -> Wants:
        return self._noted(self._inner.upload_blocked(attempt, now))

    def client_paused(self, now: float) -> Wants:
        self._events.append((now, "paused"))
        return self._noted(self._inner.client_paused(now))

    def client_resumed(self, now: float) -> Wants:
        self._events.append((now, "resumed"))
        return self._noted(self._inner.client_resumed(now))

    def client_gone(self, now: float) -> Wants:
        self._events.append((now, "gone"))
        wants = self._noted(self._inner.client_gone(now))
        self._finish()
        return wants

    def woken(self, now: float) -> Wants:
        self._events.append((now, "woken"))
        return self._noted(self._inner.woken(now))

    def _kept(self, data: bytes) -> bytes:
        """As much of these bytes as there is room for."""
        kept = data[: self._room]
        self._room -= len(kept)
        self._cut = self._cut or len(kept) < len(data)
        return kept

    def _noted(self, wants: Wants) -> Wants:
        """The same wants."""
        for want in spread(wants):
            if isinstance(want, Data):
                self._answer.append(self._kept(want.data))
            elif isinstance(want, Head):
                self._head = want
            elif isinstance(want, Call):
                self._calls.append((want, self._kept(want.body or b"")))
            elif isinstance(want, End):
                self._finish(want)
        return wants

    def _finish(self, end: End | None = None) -> None:
        if self._over:
            return
        self._over = True
        self._inner.front = None
        gateway, request, head = self._gateway, self._request, self._head
        told = (*head.headers, *pairs_of(head.lines)) if head is not None else ()
        gateway.recorder.put(
            {
                "ollamux": __version__,
                "unix": gateway.clock.unix(self._now),
                "now": self._now,
                "whole": not self._cut,
                "request": {
                    "method": request.method,
                    "path": request.path,
                    "headers": [[name.lower(), value] for name, value in request.headers.items()],
                    "body": b"".join(self._body),
                },
                "backends": [self._described(id_) for id_ in dict.fromkeys(call.backend for call, _ in self._calls)],
                "calls": [
                    {
                        "attempt": call.attempt,
                        "backend": call.backend,
                        "method": call.method,
                        "url": call.url,
                        "headers": [list(pair) for pair in call.headers],
                        "body": body,
                    }
                    for call, body in self._calls
                ],
                "events": self._events,
                "answer": {
                    "status": head.status if head is not None else None,
                    "headers": [list(pair) for pair in (*told, *self.extra_headers)],
                    "body": b"".join(self._answer),
                    "complete": end is not None and not end.broken,
                },
            }
        )

    def _described(self, id_: str) -> dict[str, Any]:
        """A backend, and those of its models that the calls may have named."""
        backend = self._gateway.backend(id_)
        said = [call.url.encode() + body for call, body in self._calls if call.backend == id_]
        models = {
            offer.upstream: {
                "name": offer.upstream,
                "capabilities": sorted(offer.capabilities),
                "context_length": offer.context_length,
            }
            for offer in self._gateway.catalog.of_backend(id_)
            if any(offer.upstream.encode() in text for text in said)
        }
        return {
            "id": id_,
            "type": backend.provider.type,
            "endpoint": backend.endpoint,
            "models": list(models.values()),
        }


def secrets_of(config: Config) -> tuple[tuple[str, ...], frozenset[str]]:
    """The secrets of a configuration, the longest first, and the names of headers that carry one, in lower case."""
    secrets: set[str] = set()
    names = set(_CARRIERS)

    def walk(value: Any) -> None:
        if isinstance(value, Secret):
            secrets.add(value.reveal())
        elif isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                walk(getattr(value, name))
        elif isinstance(value, tuple | list | frozenset):
            for item in value:  # pyright: ignore[reportUnknownVariableType]
                walk(item)
        elif isinstance(value, dict):
            for item in value.values():  # pyright: ignore[reportUnknownVariableType]
                walk(item)

    walk(config)
    for backend in config.backends or ():
        secrets.update(backend.headers.values())
        names.update(name.lower() for name in backend.headers)
        if backend.auth and backend.auth.startswith("header:"):
            names.add(backend.auth.partition(":")[2].lower())
    return _longest_first(secrets), frozenset(names)


def _longest_first(secrets: Iterable[str]) -> tuple[str, ...]:
    """With the forms that a text has in JSON and in a URL."""
    forms = {form for text in secrets for form in (text, json.dumps(text)[1:-1], quote(text, safe=""))}
    return tuple(sorted((form for form in forms if len(form) >= _SHORTEST), key=len, reverse=True))


def _cleaned(record: dict[str, Any], secrets: tuple[str, ...], names: frozenset[str]) -> Any:
    """The record without secrets, as JSON can hold it."""
    presented: set[str] = set()
    for headers in (record["request"]["headers"], *(call["headers"] for call in record["calls"])):
        presented.update(value.rpartition(" ")[2] for name, value in headers if name.lower() in names)
    for text in (record["request"]["path"], *(call["url"] for call in record["calls"])):
        presented.update(found[0].partition("=")[2] for found in _QUERY.finditer(text))
    hidden = _longest_first({*secrets, *presented})
    record["events"] = _joined(record["events"], [secret.encode() for secret in hidden])

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: clean(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, list | tuple):
            pair = cast(Sequence[Any], value)
            if len(pair) == 2 and isinstance(pair[0], str) and pair[0].lower() in names:
                scheme = str(pair[1]).rpartition(" ")[0]
                return [pair[0], f"{scheme} {HIDDEN}" if scheme in ("Basic", "Bearer") else HIDDEN]
            return [clean(item) for item in pair]
        if isinstance(value, bytes):
            for secret in hidden:
                value = value.replace(secret.encode(), HIDDEN.encode())
            try:
                return value.decode()
            except UnicodeDecodeError:
                return {"base64": base64.b64encode(value).decode()}
        if isinstance(value, str):
            for secret in hidden:
                value = value.replace(secret, HIDDEN)
            return _QUERY.sub(rf"\g<1>{HIDDEN}", value).encode("utf-8", "replace").decode()
        return value

    return clean(record)


def _joined(events: list[tuple[Any, ...]], secrets: list[bytes]) -> list[tuple[Any, ...]]:
    """The same events; the data of an attempt in which a secret stands is one piece, so that no cut can hide it."""
    data: dict[int, bytes] = {}
    for event in events:
        if event[1] == "data":
            data[event[2]] = data.get(event[2], b"") + event[3]
    told = {attempt for attempt, whole in data.items() if any(secret in whole for secret in secrets)}
    kept: list[tuple[Any, ...]] = []
    for event in events:
        if event[1] != "data" or event[2] not in told:
            kept.append(event)
        elif event[2] in data:
            kept.append((*event[:3], data.pop(event[2])))
    return kept
