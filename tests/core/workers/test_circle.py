"""What workers know of one another, and what each does with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import Asked, Driven
from tests.support.several import Several

from ollamux.hardware.readings import Device, Readings

DEMO: dict[str, Any] = {"backends": {"demo": {"type": "demo"}}}
UP: dict[str, Any] = {"backends": {"up": {"type": "vllm", "endpoint": "http://127.0.0.1:9/v1"}}}
QUESTION: dict[str, Any] = {"model": "demo", "input": "Hello"}


def stored(worker: Driven, key: str = "a") -> str:
    """The id of a response that a worker has given and keeps."""
    told = worker.ask("POST", "/v1/responses", QUESTION, {"authorization": f"Bearer {key}"})
    return str(told.json["id"])


def get(worker: Driven, id_: str, method: str = "GET", key: str = "a", below: str = "") -> Asked:
    return worker.ask(method, f"/v1/responses/{id_}{below}", headers={"authorization": f"Bearer {key}"})


# Figures --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health/detailed", "/health/providers", "/api/providers", "/backends"])
def test_a_page_with_figures_waits_for_the_others_and_tells_of_all(path: str) -> None:
    house = Several(3, DEMO)
    for number, chats in enumerate((1, 2, 4)):
        for _ in range(chats):
            house[number].chat("demo", stream=False)
    asked = house[1].ask("GET", path)
    assert not asked.over
    house.carry()
    assert asked.status == 200
    assert house[1].gateway.ledger.sums().requests == 2
    if path == "/api/providers":
        assert asked.json["providers"]["demo"]["stats"]["requests"] == 7


def test_the_statistics_of_a_backend_are_those_of_all_workers() -> None:
    house = Several(2, DEMO)
    house[0].chat("demo", stream=False)
    house[1].chat("demo", stream=False)
    asked = house[0].ask("GET", "/api/providers/demo/stats")
    house.carry()
    assert (asked.json["requests"], asked.json["models"]) == (2, {"demo": 2})


def test_the_size_of_the_queue_is_that_of_all_workers() -> None:
    house = Several(2, {**DEMO, "queue": {"size": 9}})
    asked = house[0].ask("GET", "/health/detailed")
    house.carry()
    assert asked.json["queue"] == {"waiting": 0, "size": 9}


def test_nobody_waits_longer_than_a_moment_for_one_that_does_not_answer_and_its_last_figures_stand_in() -> None:
    house = Several(2, DEMO)
    house[1].chat("demo", stream=False)
    first = house[0].ask("GET", "/api/providers/demo/stats")
    house.carry()
    late = house[0].ask("GET", "/api/providers/demo/stats")
    house[0].pass_time(0.9)
    assert not late.over
    house[0].pass_time(0.2)
    assert first.json["requests"] == late.json["requests"] == 1
    house.carry()  # what comes afterwards disturbs nobody


def test_who_waits_for_one_that_ends_goes_on_at_once() -> None:
    house = Several(3, DEMO)
    asked = house[0].ask("GET", "/health/detailed")
    house.carry(but=2)
    assert not asked.over
    house.end(2)
    assert asked.over
    alone = Several(2, DEMO)
    alone.end(1)
    assert alone[0].ask("GET", "/health/detailed").over


def test_one_that_begins_anew_goes_on_from_the_figures_that_were_told_last() -> None:
    house = Several(2, DEMO)
    for _ in range(3):
        house[1].chat("demo", stream=False)
    house[0].ask("GET", "/health/detailed")
    house.carry()
    house.end(1)
    house.begin(1)
    asked = house[1].ask("GET", "/api/providers/demo/stats")
    house.carry()
    assert asked.json["requests"] == 3


def test_a_client_that_leaves_while_others_are_asked_is_forgotten() -> None:
    house = Several(2, DEMO)
    asked = house[0].ask("GET", "/health/detailed")
    asked.leave()
    house.carry()
    assert asked.heads == []


# Responses ------------------------------------------------------------------------------------------------------------


def test_a_stored_response_is_found_from_any_worker_by_its_owner_alone() -> None:
    house = Several(3, DEMO)
    id_ = stored(house[2])
    asked, stranger, items = get(house[0], id_), get(house[1], id_, key="b"), get(house[1], id_, below="/input_items")
    house.carry()
    assert (asked.status, asked.json["id"]) == (200, id_)
    assert stranger.status == 404
    assert items.json["data"][0]["content"][0]["text"] == "Hello"


def test_a_response_that_nobody_keeps_is_not_found() -> None:
    house = Several(2, DEMO)
    asked = get(house[0], "resp_none")
    house.carry()
    assert asked.status == 404


def test_a_response_is_deleted_everywhere_whichever_worker_is_asked() -> None:
    house = Several(3, DEMO)
    id_ = stored(house[0])
    get(house[1], id_)
    house.carry()
    deleted = get(house[2], id_, "DELETE")
    house.carry()
    assert deleted.json["deleted"] is True
    for number in range(3):
        asked = get(house[number], id_)
        house.carry()
        assert asked.status == 404, number


@pytest.mark.parametrize("way", ["previous_response_id", "item_reference"])
def test_a_request_goes_on_from_a_response_that_another_worker_keeps(way: str) -> None:
    settings = {"backends": {"up": {"type": "vllm", "models": ["m"]}}}
    house = Several(2, settings)
    for number in (0, 1):
        house[number].learn()
    house.carry()
    first = house[0].ask("POST", "/v1/responses", {"model": "m", "input": "My name is Ada."})
    first.called.answer(200, {"choices": [{"message": {"role": "assistant", "content": "Hi, Ada."}}]})
    told = first.json
    if way == "previous_response_id":
        body = {"model": "m", "input": "Who am I?", way: told["id"]}
    else:
        body = {"model": "m", "input": [{"type": way, "id": told["output"][0]["id"]}, {"role": "user", "content": "?"}]}
    asked = house[1].ask("POST", "/v1/responses", body)
    assert asked.calls == []
    house.carry()
    assert "Hi, Ada." in json.dumps(asked.called.json)
    asked.called.answer(200, {"choices": [{"message": {"role": "assistant", "content": "Ada."}}]})
    assert asked.json["output"][0]["content"][0]["text"] == "Ada."


def test_a_request_that_goes_on_from_nothing_asks_nobody() -> None:
    house = Several(2, DEMO)
    assert house[0].ask("POST", "/v1/responses", QUESTION).over
    assert house.sent == []


def test_ids_of_several_workers_are_never_the_same() -> None:
    house = Several(2, DEMO)
    assert stored(house[0]) != stored(house[1])


# What one learned -----------------------------------------------------------------------------------------------------


def test_what_one_worker_probed_all_know_and_none_of_them_asks_again() -> None:
    house = Several(3, UP)
    assert house[1].chores() == house[2].chores() == []
    house[0].learn(up=["m"])
    house.carry()
    for number in range(3):
        assert house[number].state("up")[0] == "ready"
        assert house[number].chat().asked == ["up"]
        house[number].now += 30.0
    assert len(house[0].chores()) == 1
    assert house[1].chores() == house[2].chores() == []


def test_another_worker_asks_where_the_first_one_does_not() -> None:
    house = Several(2, UP)
    house[1].chores()
    house[1].now += 1.5
    assert len(house[1].chores()) == 1


def test_what_nobody_answers_all_know_too() -> None:
    house = Several(2, {**UP, "health": {"unhealthy_after": 1}})
    house[0].learn(up=None)
    house.carry()
    assert house[1].state("up") == ("unreachable", "nothing listens there")


def test_a_key_that_is_refused_is_each_workers_own_matter() -> None:
    house = Several(2, UP)
    for chore in house[0].chores():
        house[0].tell(chore, {}, status=401)
    house.carry()
    assert house[0].state("up")[0] != house[1].state("up")[0] == "checking"


def test_a_worker_that_finds_a_backend_changed_has_it_asked_at_once_and_tells_the_others() -> None:
    house = Several(2, {**UP, "health": {"unhealthy_after": 1}})
    assert house[1].chores() == []
    house[0].learn(up=["m"])
    house.carry()
    house[1].now += 5.0
    house[1].chat().called.fail("refused")
    assert house[1].state("up")[0] == "unreachable"
    house[1].learn(up=["m"])
    house.carry()
    assert house[0].state("up")[0] == house[1].state("up")[0] == "ready"


def test_slots_that_a_backend_tells_of_are_divided() -> None:
    house = Several(2, {"backends": {"up": {"type": "llama_cpp"}}})
    for chore in house[0].chores():
        answers = {"/props": {"total_slots": 3}, "/v1/models": {"data": [{"id": "m"}]}}
        house[0].tell(chore, answers.get(chore.path, {}))
    house.carry()
    running = [sum(house[number].chat().calls != [] for _ in range(4)) for number in (0, 1)]
    assert running == [2, 1]


# What a person chose, and what one worker does for all ----------------------------------------------------------------


def test_an_efficiency_mode_that_was_chosen_holds_for_all_and_for_those_that_begin_later() -> None:
    house = Several(2, DEMO)
    house[1].ask("POST", "/efficiency", {"mode": "Quiet"})
    house.carry()
    assert house.sent == []
    house.end(1)
    house.begin(1)
    for number in (0, 1):
        assert house[number].ask("GET", "/efficiency").json["current_mode"] == "Quiet"


def test_what_the_sensors_say_all_know() -> None:
    house = Several(2, DEMO)
    house[0].gateway.sensed(Readings(devices=(Device(id="cpu", kind="cpu", temperature=50.0),)), house[0].now)
    house.carry()
    assert house[1].ask("GET", "/thermal").json["devices"][0]["temperature_celsius"] == 50.0


def test_where_a_supervised_backend_listens_all_know_and_one_that_begins_later_is_told() -> None:
    house = Several(2, {"backends": {"file": {"type": "gguf", "file": "m.gguf"}}})
    house[0].gateway.locate("file", "http://127.0.0.1:7")
    house.carry()
    assert house[1].gateway.backend("file").endpoint == "http://127.0.0.1:7"
    house.end(1)
    assert house.begin(1).gateway.backend("file").endpoint == "http://127.0.0.1:7"


def test_a_message_that_makes_no_sense_is_dropped() -> None:
    house = Several(2, DEMO)
    house.hear(0, b"\xc1")
    assert house[0].chat("demo", stream=False).over
