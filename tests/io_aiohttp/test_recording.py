"""Recording: no secret reaches the disk, files and their number are bounded, and nothing of it harms a request."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.support.dialogues import backends, says
from tests.support.raw import eventually, post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head

from ollamux.config import Config, Layer, load
from ollamux_aiohttp.recording import Recorder, secrets_of

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
DEMO: dict[str, Any] = {"backends": {"demo": {"type": "demo"}}}


def _records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]


def _record(**more: Any) -> dict[str, Any]:
    """As little of a record as can be written."""
    request = {"method": "GET", "path": "/", "headers": [], "body": b""}
    return {"unix": 1_767_322_800.0, "request": request, "calls": [], "events": [], **more}


def _written(folder: Path, config: Config, *records: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
    recorder = Recorder(folder, config, **how)
    for record in records:
        recorder.put(record)
    recorder.close()
    return _records(folder)


def test_no_secret_reaches_the_disk(tmp_path: Path) -> None:
    def echoes(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head())
        for piece in (sse(f"{asked.headers['authorization']} "), sse("backend"), sse("-k"), sse("ey")):
            wire.send(chunk(piece))
        wire.send(chunk(sse(finish="stop") + b"data: [DONE]\n\n") + chunk(b""))

    keys = {"server": {"keys": [{"name": "k", "key": "client-key"}]}}
    with backend(echoes) as up:
        settings = {"backends": backends(up, api_key="backend-key", headers={"X-Team": "team-secret"}), **keys}
        with running(settings, record=tmp_path) as server:
            shown = {"Authorization": "Bearer client-key", "Cookie": "session=crumb"}
            asked = {**CHAT, "stream": True, "messages": [{"role": "user", "content": "client-key team-secret"}]}
            assert server.ask("POST", "/api/chat", asked, shown).status == 200
            server.ask("GET", "/api/tags?key=client-key")
            server.ask("GET", "/api/tags?key=wrong-key", headers={"X-Goog-Api-Key": "other-key"})
    text = "".join(file.read_text(encoding="utf-8") for file in tmp_path.glob("*.json"))
    for secret in ("client-key", "backend-key", "team-secret", "crumb", "wrong-key", "other-key"):
        assert secret not in text, secret
    first = _records(tmp_path)[0]
    assert ["authorization", "Bearer ***"] in first["request"]["headers"]
    assert ["X-Team", "***"] in first["calls"][0]["headers"]


def test_a_secret_that_was_cut_in_two_is_found(tmp_path: Path) -> None:
    config = load([Layer("f", {"server": {"keys": [{"name": "k", "key": 'pass"word'}]}})], {})
    halves = [(1.0, "data", 1, b'{"a":"pass\\"w'), (2.0, "data", 2, b"kept"), (3.0, "data", 1, b'ord"}')]
    (found,) = _written(tmp_path, config, _record(events=halves))
    assert found["events"] == [[1.0, "data", 1, '{"a":"***"}'], [2.0, "data", 2, "kept"]]


def test_the_secrets_of_a_configuration_are_all_of_them() -> None:
    oauth = {"token_url": "http://h/t", "client_id": "i", "client_secret": "oauth-secret"}
    some = {"type": "vllm", "endpoint": "http://h"}
    listed = {
        "a": {**some, "api_keys": ["key-one", "key-two"], "auth": "header:X-Odd"},
        "b": {**some, "auth": "oauth2", "oauth2": oauth},
        "c": {"type": "aws_bedrock", "access_key": "access", "secret_key": "secret/key", "session_token": "session"},
    }
    secrets, names = secrets_of(load([Layer("f", {"backends": listed})], {}))
    wanted = {"key-one", "key-two", "oauth-secret", "access", "secret/key", "secret%2Fkey", "session"}
    assert wanted <= set(secrets) and list(secrets) == sorted(secrets, key=len, reverse=True)
    assert {"x-odd", "authorization", "cookie"} <= names


def test_what_is_no_text_is_written_as_base64(tmp_path: Path) -> None:
    (found,) = _written(tmp_path, Config(), _record(answer={"body": b"\xff\x00"}))
    assert found["answer"]["body"] == {"base64": "/wA="}


def test_a_file_and_their_number_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    with backend(says("x" * 5000)) as up, running({"backends": backends(up)}, record=tmp_path) as server:
        recorder: Recorder = server.server.gateway.recorder  # type: ignore[attr-defined]
        recorder.largest = 1000
        recorder._most = 3  # pyright: ignore[reportPrivateUsage]
        for _ in range(5):
            assert len(server.ask("POST", "/api/chat", CHAT).body) > 5000
    files = sorted(file.name for file in tmp_path.iterdir())
    assert len(files) == 4 and "mine.json" in files
    (tmp_path / "mine.json").unlink()
    for record in _records(tmp_path):
        assert record["whole"] is False and len(json.dumps(record)) < 5000


def test_files_are_for_nobody_elses_eyes(tmp_path: Path) -> None:
    _written(tmp_path / "new", Config(), _record())
    (file,) = (tmp_path / "new").glob("*")
    assert file.stat().st_mode & 0o077 == 0 and (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_folder_that_cannot_be_written_harms_no_request(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING, "ollamux"), running(DEMO, record=tmp_path / "file/below") as server:
        for _ in range(3):
            assert server.ask("POST", "/api/chat", {**CHAT, "model": "demo"}).status == 200
    assert caplog.text.count("recording to") == 1


def test_what_the_disk_does_not_take_in_time_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held, go = threading.Event(), threading.Event()
    write = Recorder._write  # pyright: ignore[reportPrivateUsage]

    def slow(self: Recorder, record: dict[str, Any]) -> None:
        held.set()
        go.wait(10)
        write(self, record)

    monkeypatch.setattr(Recorder, "_write", slow)
    recorder = Recorder(tmp_path, Config(), waiting=2)
    recorder.put(_record())
    assert held.wait(10)
    for _ in range(5):
        recorder.put(_record())
    go.set()
    recorder.close()
    assert len(_records(tmp_path)) == 3


def test_a_client_that_left_is_recorded_as_far_as_it_came(tmp_path: Path) -> None:
    def waits(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hello")))
        wire.wait_for_peer_to_leave(10)

    with backend(waits) as up, running({"backends": backends(up)}, record=tmp_path) as server:
        with raw(server) as client:
            client.send(post("/api/chat", {**CHAT, "stream": True}))
            assert client.head()[0] == 200 and b"Hello" in next(client.chunks())
        assert eventually(lambda: len(_records(tmp_path)) == 1, 5)
    (found,) = _records(tmp_path)
    assert found["answer"]["complete"] is False and found["events"][-1][1] == "gone"


def test_who_waits_in_the_queue_is_served_while_it_is_recorded(tmp_path: Path) -> None:
    def slowly(asked: Asked, wire: Wire) -> None:
        all_came.wait(20)
        says("Hello")(asked, wire)

    all_came = threading.Event()

    with (
        backend(slowly) as up,
        running({"backends": backends(up, max_concurrent_requests=1)}, record=tmp_path) as server,
    ):
        threads = [threading.Thread(target=server.ask, args=("POST", "/api/chat", CHAT)) for _ in range(6)]
        for thread in threads:
            thread.start()
        assert eventually(lambda: server.server.gateway.admission.waiting == 5)
        all_came.set()
        for thread in threads:
            thread.join(20)
    assert [record["answer"]["status"] for record in _records(tmp_path)] == [200] * 6
    assert any(event[1] == "proceed" for record in _records(tmp_path) for event in record["events"])


def test_an_upload_is_recorded_with_its_body(tmp_path: Path) -> None:
    def takes(asked: Asked, wire: Wire) -> None:
        wire.answer(201, b"")

    digest = "/api/blobs/sha256:" + "a" * 64
    with (
        backend(takes, style="ollama") as up,
        running({"backends": {"up": {"type": "ollama", "endpoint": up.url}}}, record=tmp_path) as server,
    ):
        assert server.ask("POST", digest, b"blob").status == 201
    (found,) = _records(tmp_path)
    assert (found["request"]["body"], found["answer"]["status"]) == ("blob", 201)
