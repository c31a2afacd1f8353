"""A backend that fails before its first byte is never seen by a client; one that fails after it is told as it is."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, Dialect, backends, says
from tests.support.raw import eventually, post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Script, Wire, backend, chunk, sse, stream_head

every_dialect = pytest.mark.parametrize(
    "dialect", ALL, ids=lambda d: f"{d.path[1:4]}-{'stream' if d.stream else 'whole'}"
)
streamed = pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1/"])


def _status(status: int) -> Script:
    return lambda asked, wire: wire.answer(status, {"error": {"message": "not now"}})


def _reset(asked: Asked, wire: Wire) -> None:
    wire.reset()


def _close(asked: Asked, wire: Wire) -> None:
    wire.close()


def _hang(asked: Asked, wire: Wire) -> None:
    wire.wait_for_peer_to_leave(5)


def _hang_behind_the_head(asked: Asked, wire: Wire) -> None:
    wire.send(stream_head("text/event-stream" if asked.json.get("stream") else "application/json"))
    wire.wait_for_peer_to_leave(5)


def _cut_head(asked: Asked, wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    wire.close()


def _empty(asked: Asked, wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n")


def _garbage(asked: Asked, wire: Wire) -> None:
    wire.send(b"\x00\xffSSH-2.0 what is this\r\n\r\n")
    wire.close()


def _html(asked: Asked, wire: Wire) -> None:
    wire.answer(200, b"<!doctype html><html><body>Please log in</body></html>", "text/html")


def _short(asked: Asked, wire: Wire) -> None:
    wire.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id":')
    wire.close()


def _endless_head(asked: Asked, wire: Wire) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        wire.send(b"X-More: " + b"y" * 1000 + b"\r\n")


def _fault_first(asked: Asked, wire: Wire) -> None:
    if asked.json.get("stream"):
        wire.send(stream_head() + chunk(b'data: {"error":{"message":"out of memory","code":500}}\n\n') + chunk(b""))
    else:
        wire.answer(200, {"error": {"message": "out of memory", "code": 500}})


def _refused_key(asked: Asked, wire: Wire) -> None:
    wire.answer(401, {"error": {"message": "Incorrect API key provided: sk-123"}})


FAILURES: dict[str, Script] = {
    "a reset": _reset,
    "a close": _close,
    "silence": _hang,
    "silence behind the head": _hang_behind_the_head,
    "half a head": _cut_head,
    "an empty answer": _empty,
    "garbage": _garbage,
    "HTML": _html,
    "a length that lies": _short,
    "an endless head": _endless_head,
    "an error in the body": _fault_first,
    "a refused key": _refused_key,
    **{f"a {status}": _status(status) for status in (429, 500, 502, 503, 504, 404)},
}


@every_dialect
@pytest.mark.parametrize("failure", FAILURES)
def test_the_next_backend_answers_and_the_client_sees_nothing_of(failure: str, dialect: Dialect) -> None:
    with backend(FAILURES[failure]) as bad, backend(says("Hel", "lo")) as good:
        hurried, patient = backends(bad, good)
        hurried["timeouts"] = {"first_byte": 0.15, "idle": 0.15}
        with running({"backends": [hurried, patient]}) as server:
            assert dialect.text(dialect.ask(server)) == "Hello"
            assert bad.calls and len(good.calls) == 1
            assert dialect.text(dialect.ask(server)) == "Hello"


@every_dialect
def test_a_backend_that_was_killed_between_requests_is_passed_over(dialect: Dialect) -> None:
    with (
        backend(says("first")) as first,
        backend(says("second")) as second,
        running({"backends": backends(first, second)}) as server,
    ):
        assert dialect.text(dialect.ask(server)) == "first"
        first.stop()
        assert dialect.text(dialect.ask(server)) == "second"
        assert dialect.text(dialect.ask(server)) == "second"


@every_dialect
def test_a_connection_that_went_stale_is_replaced_on_the_same_backend(dialect: Dialect) -> None:
    def once_for_each_connection(asked: Asked, wire: Wire) -> None:
        says("Hello")(asked, wire)
        wire.close()

    with backend(once_for_each_connection) as only, running({"backends": backends(only)}) as server:
        for _ in range(3):
            assert dialect.text(dialect.ask(server)) == "Hello"


def _then_break(how: str) -> Script:
    def script(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hel", role="assistant")))
        time.sleep(0.02)
        if how == "a reset":
            wire.reset()
        elif how == "a close":
            wire.close()
        elif how == "silence":
            wire.wait_for_peer_to_leave(5)
        elif how == "an end without a finish":
            wire.send(chunk(b""))
        elif how == "an error event":
            wire.send(chunk(b'data: {"error":{"message":"out of memory","code":500}}\n\n') + chunk(b""))
        elif how == "garbage":
            wire.send(b"zzzz\r\n")
            wire.wait_for_peer_to_leave(5)
        else:
            wire.send(chunk(b"data: {not json\n\n"))
            wire.wait_for_peer_to_leave(5)

    return script


@streamed
@pytest.mark.parametrize(
    "how", ["a reset", "a close", "silence", "an end without a finish", "an error event", "garbage", "bad JSON"]
)
def test_a_stream_that_broke_is_told_in_the_clients_format_and_never_ended_as_whole(how: str, dialect: Dialect) -> None:
    with (
        backend(_then_break(how)) as bad,
        backend(says("other")) as good,
        running({"backends": backends(bad, good, timeouts={"idle": 0.2})}) as server,
    ):
        answer = dialect.ask(server)
        assert answer.status == 200
        assert b"Hel" in answer.body
        assert dialect.fault(answer.body)
        assert not good.calls


@streamed
@pytest.mark.parametrize(
    "how", ["a reset", "a close", "silence", "an end without a finish", "an error event", "garbage", "bad JSON"]
)
def test_another_backend_goes_on_with_it_where_that_is_asked_for(how: str, dialect: Dialect) -> None:
    with (
        backend(_then_break(how)) as bad,
        backend(says("lo", " there")) as good,
        running(
            {
                "backends": backends(bad, good, type="llama_cpp", timeouts={"idle": 0.2}),
                "routing": {"resume": True},
            }
        ) as server,
    ):
        answer = dialect.ask(server)
        assert answer.status == 200 and dialect.text(answer) == "Hello there"
        assert [call.json["messages"][-1] for call in good.calls] == [{"role": "assistant", "content": "Hel"}]


@every_dialect
def test_retry_attempts_bound_the_calls_of_a_request(dialect: Dialect) -> None:
    with (
        backend(_status(503)) as a,
        backend(_status(503)) as b,
        backend(says("late")) as c,
        running({"backends": backends(a, b, c), "retry": {"attempts": 2}}) as server,
    ):
        answer = dialect.ask(server)
        assert answer.status == 503
        assert "not now" in dialect.error(answer)
        assert [len(each.calls) for each in (a, b, c)] == [1, 1, 0]


@every_dialect
def test_without_fallback_there_is_one_call(dialect: Dialect) -> None:
    with (
        backend(_cut_head) as a,
        backend(says("late")) as b,
        running({"backends": backends(a, b), "routing": {"fallback": "none"}}) as server,
    ):
        answer = dialect.ask(server)
        assert answer.status == 502
        assert "backend 'a'" in dialect.error(answer)
        assert [len(each.calls) for each in (a, b)] == [1, 0]


@every_dialect
def test_a_status_that_is_not_in_retry_on_goes_to_the_client(dialect: Dialect) -> None:
    with (
        backend(_status(429)) as a,
        backend(says("late")) as b,
        running({"backends": backends(a, b), "retry": {"on": [503]}}) as server,
    ):
        assert dialect.ask(server).status == 429
        assert not b.calls


@every_dialect
def test_a_request_that_the_backend_finds_wrong_is_not_tried_elsewhere(dialect: Dialect) -> None:
    with backend(_status(400)) as a, backend(says("late")) as b, running({"backends": backends(a, b)}) as server:
        answer = dialect.ask(server)
        assert answer.status == 400
        assert "not now" in dialect.error(answer)
        assert not b.calls


@every_dialect
def test_the_only_backends_429_comes_through_with_its_retry_after(dialect: Dialect) -> None:
    def busy(asked: Asked, wire: Wire) -> None:
        wire.answer(429, {"error": {"message": "slow down"}}, "application/json", "Retry-After: 7")

    with backend(busy) as only, running({"backends": backends(only)}) as server:
        answer = dialect.ask(server)
        assert answer.status == 429
        assert [value for name, value in answer.headers if name == "retry-after"] == ["7"]
        assert "slow down" in dialect.error(answer)


@every_dialect
def test_the_last_error_is_told_where_every_backend_fails(dialect: Dialect) -> None:
    with backend(_reset) as a, backend(_status(500)) as b, running({"backends": backends(a, b)}) as server:
        answer = dialect.ask(server)
        assert answer.status == 500
        assert "not now" in dialect.error(answer)


@every_dialect
def test_a_backend_that_is_not_there_is_told_by_name(dialect: Dialect) -> None:
    with backend(says("never")) as only, running({"backends": backends(only)}) as server:
        only.stop()
        answer = dialect.ask(server)
        assert answer.status == 502
        assert "backend 'a'" in dialect.error(answer)
        assert str(only.port) not in dialect.error(answer)


def test_a_backend_that_hangs_is_told_as_a_timeout() -> None:
    with backend(_hang) as only, running({"backends": backends(only, timeouts={"first_byte": 0.1})}) as server:
        for dialect in ALL:
            answer = dialect.ask(server)
            assert answer.status == 504
            assert "did not answer in time" in dialect.error(answer)


@pytest.mark.parametrize("dialect", [d for d in ALL if not d.stream], ids=["api", "v1/"])
def test_a_whole_answer_that_stops_half_way_is_a_timeout_long_before_the_first_byte_would_be(dialect: Dialect) -> None:
    def half(asked: Asked, wire: Wire) -> None:
        wire.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"id":')
        wire.wait_for_peer_to_leave(5)

    with (
        backend(half) as only,
        running({"backends": backends(only, timeouts={"first_byte": 30, "idle": 0.1})}) as server,
    ):
        assert dialect.ask(server).status == 504


def test_a_lower_priority_serves_while_the_higher_is_unreachable_and_until_a_good_probe() -> None:
    healthy = False

    def script(asked: Asked, wire: Wire) -> None:
        says("first")(asked, wire) if healthy else _cut_head(asked, wire)

    with backend(script) as first, backend(says("second")) as second:
        settings: dict[str, Any] = {
            "backends": backends(first, second),
            "health": {"unhealthy_after": 2, "healthy_after": 1},
        }
        with running(settings) as server:
            for _ in range(8):
                assert OLLAMA.text(OLLAMA.ask(server)) == "second"
            assert len(first.calls) == 2
            healthy = True
            while not server.server.gateway.backend("a").health.usable:
                server.refresh()
            assert OLLAMA.text(OLLAMA.ask(server)) == "first"


def test_a_backend_whose_answers_are_errors_is_passed_over_after_a_while() -> None:
    with backend(_status(500)) as first, backend(says("second")) as second:
        settings: dict[str, Any] = {"backends": backends(first, second), "health": {"unhealthy_after": 2}}
        with running(settings) as server:
            for _ in range(8):
                assert OPENAI.text(OPENAI.ask(server)) == "second"
            assert len(first.calls) == 2


def test_the_queue_moves_on_when_a_place_is_given_up_by_a_failover() -> None:
    def slow(asked: Asked, wire: Wire) -> None:
        if len(first.calls) == 1:
            time.sleep(0.1)
            _cut_head(asked, wire)
        else:
            says("first")(asked, wire)

    def very_slow(asked: Asked, wire: Wire) -> None:
        if len(second.calls) == 1:
            wire.wait_for_peer_to_leave(5)
        else:
            says("second")(asked, wire)

    with backend(slow) as first, backend(very_slow, "m", "other") as second:
        found = backends(first, second, max_concurrent_requests=1)
        found[1]["max_concurrent_requests"] = 2
        with running({"backends": found}) as server, raw(server) as waits, raw(server) as queued:
            first.models = ("m", "mine")
            server.refresh()
            waits.send(post("/api/chat", OLLAMA.body()))
            assert eventually(lambda: len(first.calls) == 1)
            queued.send(post("/api/chat", OLLAMA.body("mine")))
            assert queued.answer().lines[-1]["done"] is True


def test_a_name_that_leads_nowhere_is_passed_over() -> None:
    with backend(says("Hello")) as good:
        nowhere = {
            "id": "x",
            "type": "openai_compatible",
            "endpoint": "http://nowhere.invalid:1",
            "priority": 99,
            "models": ["m"],
        }
        with running({"backends": [nowhere, *backends(good)]}) as server:
            assert OLLAMA.text(OLLAMA.ask(server)) == "Hello"


def test_an_address_that_swallows_the_connection_is_given_up_after_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, backend(says("Hello")) as good:
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        hole = {
            "id": "x",
            "type": "openai_compatible",
            "endpoint": f"http://127.0.0.1:{full.getsockname()[1]}",
            "priority": 99,
            "models": ["m"],
            "connect_timeout": 0.2,
        }
        with running({"backends": [hole, *backends(good)], "health": {"timeout": 0.1}}, refreshed=False) as server:
            assert eventually(lambda: server.ask("GET", "/readyz").status == 200)
            assert OLLAMA.text(OLLAMA.ask(server)) == "Hello"
        for filler in fillers:
            filler.close()
