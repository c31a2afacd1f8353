"""The comparison finds a difference where there is one, and none where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.conftest import recorded
from tests.conformance.matching import differences
from tests.support.running import Answered

if TYPE_CHECKING:
    from collections.abc import Callable

MASKS = {'"<ts>"': '"2026-03-04T05:06:07.123456Z"', '"<ns>"': "4711"}
CASES = {case["name"]: case for case in recorded()}

STREAM = "g2-chat-stream"
WHOLE = "g2-chat-nostream"
CALLS = "g2-chat-tools-stream"


def given(case: dict[str, Any]) -> Answered:
    """The recorded answer itself, as it was on the wire."""
    body = case["response"]
    for mask, value in MASKS.items():
        body = body.replace(mask, value)
    headers = [(name.lower(), value) for name, value in case["response_headers"].items()]
    kind = [("content-type", case["content_type"])] if case["content_type"] else []
    return Answered(case["status"], [*kind, *headers], body.encode())


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "shape" not in case])
def test_a_recorded_answer_matches_itself(name: str) -> None:
    assert differences(CASES[name], given(CASES[name])) == []


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param(WHOLE, '"done_reason":"stop"', '"done_reason":"length"', id="another value"),
        pytest.param(WHOLE, '"eval_count":3', '"eval_count":3.0', id="a float for an integer"),
        pytest.param(WHOLE, '"eval_count":3', '"eval_count":"3"', id="a text for an integer"),
        pytest.param(WHOLE, '"done":true', '"done":1', id="a number for a boolean"),
        pytest.param(WHOLE, '"eval_count":3,', "", id="a key too few"),
        pytest.param(WHOLE, '"eval_count":3,', '"eval_count":3,"extra":1,', id="a key too many"),
        pytest.param(WHOLE, '"eval_count":3,', '"eval_count":3,"eval_count":3,', id="a key that comes twice"),
        pytest.param(WHOLE, '"role":"assistant","content":"Hello world"', '"content":"Hello world","role":"assistant"',
                     id="keys in another order"),
        pytest.param(WHOLE, "4711", "0", id="no duration at all"),
        pytest.param(WHOLE, "4711", '"4711"', id="a duration that is a text"),
        pytest.param(WHOLE, "05:06:07.123456Z", "05:06", id="a moment without seconds"),
        pytest.param(WHOLE, "05:06:07.123456Z", "05:06:07", id="a moment without its zone"),
        pytest.param(WHOLE, "}", "}\n", id="a newline after a whole answer"),
        pytest.param(WHOLE, "{", "", id="no JSON"),
        pytest.param(STREAM, "\n", "\n\n", id="blank lines in a stream"),
        pytest.param(STREAM, "}\n", "}", id="a stream without newlines"),
        pytest.param(STREAM, '"lo"', '"l0"', id="another text in a stream"),
        pytest.param(CALLS, '{"city":"Paris"}', '"{}"', id="arguments that are a text"),
        pytest.param(CALLS, "abc123", "abc124", id="another id than the backend's"),
        pytest.param(CALLS, ',{"id":"def456","function":{"index":1,"name":"get_time","arguments":{}}}', "",
                     id="an item too few"),
        pytest.param("g3-embs", "[3,0,4,0]", "[3,0,4,1]", id="another vector"),
        pytest.param("g8-gen-images-null", '"context":[', '"context":[0.5,', id="a context with a fraction"),
        pytest.param("g5-auth-header", "0.33.0-rc2", "latest", id="a version that is none"),
        pytest.param("g1-404", "404 page not found", "404 page not found\n", id="another plain text"),
    ],
)  # fmt: skip
def test_a_body_that_differs_is_caught(name: str, old: str, new: str) -> None:
    answer = given(CASES[name])
    changed = answer.body.decode().replace(old, new)
    assert changed != answer.body.decode(), "the change changes nothing"
    assert differences(CASES[name], answer._replace(body=changed.encode())) != []


@pytest.mark.parametrize("part", [b"2026-03-04T05:06:07Z", b"2026-03-04T05:06:07.1+02:00"])
def test_a_moment_may_be_written_with_any_fraction_and_zone(part: bytes) -> None:
    answer = given(CASES[WHOLE])
    body = answer.body.replace(b"2026-03-04T05:06:07.123456Z", part)
    assert differences(CASES[WHOLE], answer._replace(body=body)) == []


def test_numbers_in_a_list_may_be_written_either_way() -> None:
    answer = given(CASES["g3-embs"])
    assert differences(CASES["g3-embs"], answer._replace(body=b'{"embedding":[3.0,0,4,0.0]}')) == []


def _without(name: str) -> Callable[[Answered], Answered]:
    return lambda answer: answer._replace(headers=[pair for pair in answer.headers if pair[0] != name])


def _with(name: str, value: str) -> Callable[[Answered], Answered]:
    return lambda answer: answer._replace(headers=[*_without(name)(answer).headers, (name, value)])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param(WHOLE, lambda answer: answer._replace(status=201), id="another status"),
        pytest.param(WHOLE, _with("content-type", "application/json"), id="no charset"),
        pytest.param(STREAM, _with("content-type", "application/x-ndjson; charset=utf-8"), id="a charset too many"),
        pytest.param("g1-405c", _without("allow"), id="no Allow"),
        pytest.param("g1-405c", _with("allow", "GET, POST"), id="another Allow"),
        pytest.param(WHOLE, _with("location", "/"), id="a Location"),
        pytest.param(WHOLE, _with("access-control-allow-origin", "*"), id="an open door"),
        pytest.param("g5-cors-preflight-root", _with("access-control-max-age", "1"), id="another age of a preflight"),
    ],
)
def test_a_head_that_differs_is_caught(name: str, change: Callable[[Answered], Answered]) -> None:
    assert differences(CASES[name], change(given(CASES[name]))) != []


SHAPED = {
    "status": 200,
    "content_type": "application/json; charset=utf-8",
    "response_headers": {},
    "shape": {"models": [{"name": "text", "size": "int", "digest?": "hex64", "details": {"...": "any"}}]},
    "lists": ['"a:latest"'],
}


@pytest.mark.parametrize(
    ("body", "matches"),
    [
        ('{"models":[{"name":"a:latest","size":1,"details":{}}]}', True),
        ('{"models":[{"name":"a:latest","size":1,"digest":"' + "0" * 64 + '","details":{"x":[]}}]}', True),
        ('{"models":[{"name":"b:latest","size":1,"details":{}}]}', False),
        ('{"models":[{"name":"a:latest","size":1.5,"details":{}}]}', False),
        ('{"models":[{"name":"a:latest","size":true,"details":{}}]}', False),
        ('{"models":[{"name":"a:latest","size":1,"digest":"0","details":{}}]}', False),
        ('{"models":[{"size":1,"name":"a:latest","details":{}}]}', False),
        ('{"models":[{"name":"a:latest","size":1}]}', False),
        ('{"models":[{"name":"a:latest","size":1,"details":{},"more":1}]}', False),
        ('{"models":{"name":"a:latest"}}', False),
        ('["a:latest"]', False),
    ],
)
def test_a_shape_holds_keys_kinds_and_order(body: str, matches: bool) -> None:
    answer = Answered(200, [("content-type", "application/json; charset=utf-8")], body.encode())
    assert (differences(SHAPED, answer) == []) is matches
