"""What comes over a client's connection goes to the lane, is kept, or is its connection's business."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.raw import post

from ollamux_aiohttp.client import HELD_AT_MOST, Answering, Client, Lane
from ollamux_aiohttp.lane import GIVEN_UP, MORE, LaneParser

REQUEST = post("/api/chat", b"hello")


class _Taken(Lane):
    """Takes what is for the lane, and answers nothing."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def begin(self, client: Client, message: Any, body: bytes) -> None:
        self.bodies.append(body)


class _Transport:
    reading = True

    def pause_reading(self) -> None:
        self.reading = False


class _Behind:
    """A connection that writes down what it is called for."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *told: self.told.append((name, *told))


@pytest.fixture
def behind() -> Any:
    return _Behind()


@pytest.fixture
def client(behind: Any) -> Client:
    found = Client(behind, _Taken(), LaneParser(lambda method, path: path != "/slow", 8192))
    found.transport = _Transport()  # type: ignore[assignment]
    return found


def test_an_ordinary_request_is_begun_and_its_connection_hears_nothing_of_it(client: Client, behind: Any) -> None:
    for _ in range(3):
        client.data_received(REQUEST)
        assert client.busy
        client.leave(True, 7.0)
        assert not client.busy and client.left_at == 7.0
    assert client.lane.bodies == [b"hello"] * 3  # type: ignore[attr-defined]
    assert behind.told == []


def test_a_body_is_let_go_of_with_its_answer(client: Client) -> None:
    reader = client.reader
    assert reader is not None
    client.data_received(REQUEST)
    assert reader.body == b"hello"
    client.leave(True, 7.0)
    assert reader.body == b""


def test_what_is_no_whole_request_is_looked_at_by_its_connection(client: Client, behind: Any) -> None:
    client.data_received(REQUEST[:20])
    client.head_bytes = 20
    client.data_received(REQUEST[20:])
    assert behind.told == [("look_at", client.reader, REQUEST[:20], MORE), ("drop_head",)]
    client.leave(True, 1.0)
    odd = post("/slow", b"hello")
    client.data_received(odd)
    assert behind.told[2:] == [("look_at", client.reader, odd, GIVEN_UP)]


def test_what_follows_a_request_is_kept_until_its_answer_is_out_and_much_of_it_is_not_read(
    client: Client, behind: Any
) -> None:
    transport: Any = client.transport
    client.data_received(REQUEST)
    client.data_received(b"a" * HELD_AT_MOST)
    assert transport.reading
    client.data_received(b"b")
    assert not transport.reading and bytes(client.held or b"") == b"a" * HELD_AT_MOST + b"b"
    client.leave(True, 1.0)
    assert client.busy and behind.told == [("leave_lane", True)]


def test_a_connection_that_is_not_to_stay_begins_no_more_and_is_told_when_the_lane_is_free(
    client: Client, behind: Any
) -> None:
    client.data_received(REQUEST)
    client.leave(False, 1.0)
    assert behind.told == [("leave_lane", False)]
    client.busy, client.closing = False, True
    client.data_received(REQUEST)
    assert client.lane.bodies == [b"hello"]  # type: ignore[attr-defined]


def test_what_the_transport_says_goes_on_to_the_connection_as_long_as_there_is_one(client: Client, behind: Any) -> None:
    lost = ConnectionResetError()
    for _ in range(2):
        client.pause_writing()
        client.resume_writing()
        assert client.eof_received() is None  # type: ignore[func-returns-value]
        client.connection_lost(lost)
        client.connection = None
    assert behind.told == [("pause_writing",), ("resume_writing",), ("connection_lost", lost)]


def test_a_deadline_wakes_who_answers_and_nobody_else(client: Client) -> None:
    woken: list[float] = []

    class Woken(Answering):
        def wake(self, now: float) -> None:
            woken.append(now)

    client.wake(1.0)
    client.driver = Woken()
    client.wake(2.0)
    assert woken == [2.0]
