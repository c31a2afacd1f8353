"""The responses that clients come back to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import ResponseItemList

from ollamux.formats.openai_responses.store import REMEMBERED, StoredResponses, owner_of


def message(text: str, **more: Any) -> bytes:
    return json.dumps({"type": "message", "role": "user", "content": text, **more}).encode()


def put(store: StoredResponses, id_: str, now: float = 0.0, owner: str = "", size: int = 1, **more: Any) -> None:
    store.put(id_, owner, b"x" * size, [], [], now, **more)


def test_a_response_is_found_with_all_that_went_before_it() -> None:
    store = StoredResponses()
    store.put("r", "", b'{"id":"r"}', [b'{"a":1}'], [b'{"id":"msg_1"}'], 1.0)
    kept = store.find("r", now=2.0)
    assert kept is not None and kept.items == (b'{"a":1}', b'{"id":"msg_1"}') and not kept.upstream
    assert store.get("r", 2.0) == (200, b'{"id":"r"}')
    assert store.item("msg_1") == b'{"id":"msg_1"}' and store.item("msg_2") is None


def test_one_client_never_reads_what_is_anothers() -> None:
    store = StoredResponses()
    alice = owner_of({"authorization": "Bearer a"})
    bob = owner_of({"authorization": "Bearer b"})
    store.put("r", alice, b"{}", [], [b'{"id":"msg_1"}'], 0.0)
    for owner in (bob, ""):
        assert store.find("r", owner) is None and store.item("msg_1", owner) is None
        assert store.get("r", 0.0, owner)[0] == store.delete("r", 0.0, owner)[0] == 404
        assert store.input_items("r", 0.0, owner)[0] == 404
    assert store.get("r", 0.0, alice)[0] == 200


def test_an_owner_is_a_hash_of_the_key_in_whatever_header_it_came() -> None:
    assert owner_of({}) == owner_of({"authorization": ""}) == ""
    found = owner_of({"authorization": "Bearer secret"})
    assert found == owner_of({"x-api-key": "secret"}) == owner_of({"api-key": "secret"})
    assert "secret" not in found and len(found) == 64


def test_a_response_is_forgotten_when_its_time_is_over() -> None:
    store = StoredResponses(longest=10.0)
    put(store, "a", 0.0)
    put(store, "b", 5.0)
    put(store, "a", 6.0)  # anew: its time begins again
    assert store.get("a", 10.0)[0] == 200
    assert store.get("b", 15.0)[0] == 404 and len(store) == 1
    assert store.get("a", 16.0)[0] == 404 and len(store) == store.size == 0


def test_who_only_looks_need_not_say_the_time_and_the_newest_that_was_told_counts() -> None:
    store = StoredResponses(longest=10.0)
    put(store, "a", 100.0)
    assert store.find("a") is not None
    put(store, "b", 110.0)
    assert store.find("a") is None


def test_the_least_recently_used_goes_first_where_there_are_too_many() -> None:
    store = StoredResponses(most=2)
    put(store, "a")
    put(store, "b")
    store.find("a")
    put(store, "c")
    assert [store.find(name) is not None for name in "abc"] == [True, False, True]


def test_the_least_recently_used_goes_first_where_they_are_too_large() -> None:
    store = StoredResponses(largest=10)
    put(store, "a", size=6)
    put(store, "b", size=4)
    put(store, "c", size=5)
    assert [store.find(name) is not None for name in "abc"] == [False, True, True] and store.size == 9
    put(store, "d", size=11)
    assert store.find("d") is None and len(store) == 2


def test_of_many_that_went_before_their_time_the_others_still_end_in_theirs() -> None:
    store = StoredResponses(most=2, longest=10.0)
    put(store, "first", 0.0)
    for at in range(8):
        store.find("first")
        put(store, f"r{at}", at / 10)
    assert store.get("first", 9.0)[0] == 200
    assert store.get("first", 10.0)[0] == 404 and store.get("r7", 10.6)[0] == 200
    assert store.get("r7", 10.7)[0] == 404 and len(store) == 0


def test_items_go_with_their_response() -> None:
    store = StoredResponses(most=1)
    store.put("a", "", b"", [], [b'{"id":"msg_1"}'], 0.0)
    put(store, "b")
    assert store.item("msg_1") is None


def test_a_response_is_deleted_once() -> None:
    store = StoredResponses()
    put(store, "a")
    status, body = store.delete("a", 1.0)
    assert (status, json.loads(body)) == (200, {"id": "a", "object": "response", "deleted": True})
    assert store.delete("a", 1.0)[0] == store.get("a", 1.0)[0] == 404 and store.size == 0
    error = json.loads(store.get("a", 1.0)[1])["error"]
    assert error["type"] == "invalid_request_error" and "'a'" in error["message"]


def test_a_stored_response_is_not_streamed_again() -> None:
    store = StoredResponses()
    put(store, "a")
    assert store.get("a", 1.0, query="stream=true")[0] == 400
    assert store.get("a", 1.0, query="stream=false&include=x")[0] == 200


def test_ids_are_never_the_same() -> None:
    store = StoredResponses()
    assert len({store.fresh(1.0) for _ in range(100)}) == 100


ITEMS = [
    message("hi"),
    b'{"role":"assistant","content":"ho"}',
    b'{"role":"user","content":[{"type":"input_text","text":"see"},{"type":"input_image","image_url":"http://x/y"}]}',
    b'{"type":"message","id":"msg_9","role":"assistant","status":"completed","content":[{"type":"output_text","text":"x"}]}',
    b'{"type":"reasoning","encrypted_content":"g"}',
    b'{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}',
    b'{"type":"function_call_output","call_id":"c","output":"21"}',
]


def stocked() -> StoredResponses:
    store = StoredResponses()
    store.put("resp_1", "", b"{}", ITEMS, [], 0.0)
    return store


def test_input_items_are_listed_as_openais_types_want_them() -> None:
    status, body = stocked().input_items("resp_1", 1.0, query="order=asc")
    listed = json.loads(body)
    ResponseItemList.model_validate(listed, strict=True)
    assert status == 200 and not listed["has_more"]
    assert listed["data"][0]["content"] == [{"type": "input_text", "text": "hi"}]
    assert listed["data"][3]["id"] == "msg_9"
    assert (listed["first_id"], listed["last_id"]) == (listed["data"][0]["id"], listed["data"][-1]["id"])


def test_input_items_come_newest_first_and_by_pages() -> None:
    store = stocked()
    seen: list[str] = []
    after = ""
    while True:
        page = json.loads(store.input_items("resp_1", 1.0, query=f"limit=3{after}")[1])
        seen += [row["id"] for row in page["data"]]
        if not page["has_more"]:
            break
        after = f"&after={page['last_id']}"
    assert len(seen) == len(set(seen)) == len(ITEMS) and seen[0].endswith("_in6")


def test_an_item_that_was_listed_can_be_referred_to() -> None:
    store = stocked()
    first = json.loads(store.input_items("resp_1", 1.0, query="order=asc&limit=1")[1])["first_id"]
    assert json.loads(store.item(first) or b"")["content"] == [{"type": "input_text", "text": "hi"}]


@pytest.mark.parametrize("limit", ["0", "101", "x", "-1", "99999999"])
def test_a_page_has_one_to_a_hundred_items(limit: str) -> None:
    status, body = stocked().input_items("resp_1", 1.0, query=f"limit={limit}")
    assert status == 400 and json.loads(body)["error"]["param"] == "limit"


def test_a_response_to_nothing_lists_nothing() -> None:
    store = StoredResponses()
    put(store, "a")
    listed = json.loads(store.input_items("a", 0.0)[1])
    ResponseItemList.model_validate(listed, strict=True)
    assert listed["data"] == []


def test_of_what_a_backend_keeps_its_model_is_remembered_for_its_owner_alone_and_not_for_ever() -> None:
    kept = StoredResponses(most=1)
    kept.remember("resp_1", "me", "m")
    assert (kept.behind("resp_1", "me"), kept.behind("resp_1", "you"), kept.behind("resp_2", "me")) == ("m", "", "")
    for number in range(REMEMBERED):
        kept.remember(f"more_{number}", "me", "m")
    assert kept.behind("resp_1", "me") == "" and kept.behind("more_0", "me") == "m"
