"""What clients ask for in headers and cannot have: which status it is, and what they are told, in their own format."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

MESSAGES = [{"role": "user", "content": "hi"}]
FORMATS: dict[str, dict[str, Any]] = {
    "/api/chat": {"model": "m", "messages": MESSAGES},
    "/api/generate": {"model": "m", "prompt": "hi"},
    "/api/embed": {"model": "m", "input": "hi"},
    "/v1/chat/completions": {"model": "m", "messages": MESSAGES},
    "/v1/responses": {"model": "m", "input": "hi"},
    "/v1/messages": {"model": "m", "max_tokens": 10, "messages": MESSAGES},
    "/v1beta/models/m:generateContent": {"contents": [{"parts": [{"text": "hi"}]}]},
}
NUMBERS = ("X-Max-Latency-Ms", "X-Max-Power-Watts", "X-Deadline-Ms")
FEW: dict[str, Any] = {"type": "vllm", "region": "eu", "characteristics": {"power_watts": 200, "avg_latency_ms": 300}}
MANY: dict[str, Any] = {"type": "ollama", "region": "us", "characteristics": {"power_watts": 20, "avg_latency_ms": 900}}


def fleet(settings: dict[str, Any] | None = None) -> Driven:
    return driven(settings, few=FEW, many=MANY)


def ask(run: Driven, path: str = "/api/chat", **headers: str) -> Asked:
    return run.ask(
        "POST", path, FORMATS[path], {name.lower().replace("_", "-"): value for name, value in headers.items()}
    )


def words(asked: Asked) -> str:
    """The message of an error, wherever its format has it."""
    error = asked.json["error"]
    return str(error if isinstance(error, str) else error["message"])


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("alone", [True, False])
def test_what_is_wrong_in_a_header_is_a_400_in_every_format_and_calls_nobody(path: str, alone: bool) -> None:
    run = driven(few=FEW) if alone else fleet()
    for header, value in (("X-Target-Backend", "nobody"), ("X-Max-Latency-Ms", "soon"), ("X-Priority", "first")):
        asked = ask(run, path, **{header: value})
        assert (asked.status, asked.calls) == (400, []) and header in words(asked)


@pytest.mark.parametrize("header", NUMBERS)
@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "1e999", "1,5", "0x10", "10 ms", "١٠٠ms"])
def test_a_number_that_is_none_is_a_400_that_names_the_header(header: str, value: str) -> None:
    asked = ask(fleet(), **{header: value})
    assert (asked.status, asked.calls) == (400, []) and words(asked).startswith(f"{header}: expected")


@pytest.mark.parametrize(
    ("header", "value", "listed"),
    [
        ("X-Target-Backend", "nobody", "few, many"),
        ("X-Provider", "nobody", "ollama, vllm"),
        ("X-Routing-Strategy", "best", "balanced, capability_based, cost_optimized"),
        ("X-Region", "mars", "eu, us"),
        ("X-Priority", "first", "best-effort, low, normal, high, critical, realtime"),
        ("X-Media-Type", "smell", "text, code, image, audio, realtime, auto"),
        ("X-Latency-Critical", "perhaps", "true"),
        ("X-Power-Efficient", "perhaps", "true"),
    ],
)
def test_a_word_that_nobody_knows_is_a_400_that_lists_those_that_there_are(
    header: str, value: str, listed: str
) -> None:
    asked = ask(fleet(), **{header: value})
    assert (asked.status, asked.calls) == (400, []) and header in words(asked) and listed in words(asked)
    explained = run_route(fleet(), **{header: value})
    assert explained.status == 400 and listed in words(explained)


def run_route(run: Driven, **headers: str) -> Asked:
    return run.ask("POST", "/api/route", FORMATS["/api/chat"], {name.lower(): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("wishes", "last", "told"),
    [
        ({"X-Max-Power-Watts": "10"}, "X-Max-Power-Watts", "many draws the least, 20 W"),
        ({"X-Max-Latency-Ms": "100"}, "X-Max-Latency-Ms", "few is the quickest, with about 300 ms"),
        ({"X-Max-Power-Watts": "100", "X-Max-Latency-Ms": "500"}, "X-Max-Latency-Ms", "many is the quickest"),
        ({"X-Region": "eu", "X-Max-Power-Watts": "100"}, "X-Max-Power-Watts", "few draws the least, 200 W"),
        ({"X-Provider": "ollama", "X-Region": "eu"}, "X-Region", "it is served in us"),
        ({"X-Target-Backend": "many", "X-Max-Latency-Ms": "500"}, "X-Max-Latency-Ms", "many is the quickest"),
        ({"X-Target-Backend": "many", "X-Provider": "few"}, "X-Provider", "another backend than X-Target-Backend"),
        ({"X-Target-Backend": "many", "X-Provider": "vllm"}, "X-Provider", "it is served by ollama"),
        ({"X-Deadline-Ms": "50"}, "X-Deadline-Ms", "few is the quickest"),
    ],
)
def test_wishes_that_leave_nobody_are_a_400_that_names_the_one_that_removed_the_last(
    wishes: dict[str, str], last: str, told: str
) -> None:
    for path in ("/api/chat", "/v1/chat/completions"):
        asked = ask(fleet(), path, **wishes)
        assert (asked.status, asked.calls) == (400, [])
        assert words(asked).startswith(last) and told in words(asked)
    assert asked.json["error"]["param"] == last


@pytest.mark.parametrize("path", FORMATS)
def test_who_exists_but_is_not_to_be_had_now_is_a_503_with_the_time_and_the_reason(path: str) -> None:
    for alone in (True, False):
        run = driven(few=FEW) if alone else fleet()
        for backend in run.gateway.backends():
            run.gateway.fleet.stations[backend.id].exclude("thermal", run.now + 30.0)
            backend.restricted = True
        asked = ask(run, path)
        status = 529 if path == "/v1/messages" else 503  # Anthropic's word for it
        assert (asked.status, asked.calls) == (status, []) and asked.headers["retry-after"] == "30"
        assert "is ruled out by thermal" in words(asked)


def test_a_limit_of_time_that_only_the_load_breaks_is_a_503() -> None:
    run = driven(few={**FEW, "max_concurrent_requests": 1}, many={**MANY, "max_concurrent_requests": 1})
    assert [ask(run).asked for _ in range(2)] == [["few"], ["many"]]
    asked = ask(run, **{"X-Max-Latency-Ms": "2000"})
    assert (asked.status, asked.calls) == (503, []) and int(asked.headers["retry-after"]) >= 1
    assert "ms to the first token" in words(asked)


def test_where_all_are_silent_it_is_a_503_that_says_when_to_come_back() -> None:
    run = driven({"breaker": {"failures": 1}}, few=FEW, many=MANY)
    first = ask(run)
    while not first.over:
        first.called.fail("refused")
    asked = ask(run)
    assert (asked.status, asked.calls) == (503, []) and int(asked.headers["retry-after"]) >= 1


def test_an_empty_header_is_none_and_capitals_make_no_difference() -> None:
    headers = {"X-Target-Backend": "", "X-Max-Latency-Ms": " ", "X-Priority": "HIGH", "X-Provider": "OLLAMA"}
    assert ask(fleet(), **headers).asked == ["many"]


def test_a_request_about_models_names_its_backend_too_and_is_told_which_there_are() -> None:
    run = fleet()
    asked = run.ask("POST", "/api/pull", {"model": "new"}, {"x-provider": "few"})
    assert (asked.status, asked.calls) == (400, []) and "(there are: many)" in words(asked)
