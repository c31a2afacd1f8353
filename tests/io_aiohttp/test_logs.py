"""How a log looks."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from ollamux.config import LoggingConfig
from ollamux.news import CircuitChange, Decision, Feed, HealthChange, Unloaded
from ollamux_aiohttp.logs import log_news, set_up

ANSWERED = Decision(
    at=1.0,
    request_id="r-1",
    format="ollama",
    operation="chat",
    model="fast",
    backend="a",
    upstream="llama3.2:3b",
    reason="it has the model loaded",
    calls=1,
    failure="",
    status=200,
    waited=0.0,
    first_token=0.25,
    seconds=1.5,
    input_tokens=10,
    output_tokens=20,
)
FELL_OVER = replace(ANSWERED, calls=2)
FAILED = replace(ANSWERED, backend="", upstream="", failure="timeout", status=504, first_token=None)
WRONG = replace(ANSWERED, failure="bad_request", status=400)
GONE = HealthChange(1.0, "a", "healthy", "unreachable", "nothing listens there")
BACK = HealthChange(2.0, "a", "unreachable", "healthy", "")
Level = Literal["debug", "info", "warning", "error"]


def logged(level: Level, form: Literal["text", "json"] = "json") -> str:
    """What all kinds of news leave in a log."""
    stream = io.StringIO()
    set_up(LoggingConfig(level=level, format=form), stream)
    feed = Feed()
    stop = log_news(feed)
    for news in (ANSWERED, FELL_OVER, FAILED, WRONG, GONE, BACK):
        feed.tell(news)
    stop()
    feed.tell(FAILED)
    assert not feed.heard
    return stream.getvalue()


def rows(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(autouse=True)
def _loggers_as_they_were() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("ollamux")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def test_json_has_one_object_a_line_also_with_an_exception() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(format="json"), stream)
    logging.getLogger("ollamux").info("hello %s", "wörld")
    try:
        raise ValueError("bad\nluck")
    except ValueError:
        logging.getLogger("ollamux.x").exception("it broke")
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["level"], first["logger"], first["message"]) == ("info", "ollamux", "hello wörld")
    assert first["time"].endswith("+00:00")
    assert "ValueError: bad" in second["exception"]


def test_text_is_a_line_to_read() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(), stream)
    logging.getLogger("ollamux").info("hello")
    assert stream.getvalue().endswith("INFO ollamux: hello\n")


def test_the_level_is_for_our_own_loggers_and_libraries_only_warn() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(level="debug"), stream)
    logging.getLogger("ollamux").debug("ours")
    logging.getLogger("asyncio").info("theirs")
    logging.getLogger("asyncio").warning("a warning")
    assert "ours" in stream.getvalue() and "theirs" not in stream.getvalue() and "a warning" in stream.getvalue()
    set_up(LoggingConfig(level="error"), stream)
    logging.getLogger("asyncio").warning("no more")
    assert "no more" not in stream.getvalue()


def test_what_went_wrong_is_a_warning_what_turned_out_well_is_information_and_the_rest_is_for_debugging() -> None:
    levels = ["debug", "info", "warning", "info", "warning", "info"]
    assert [row["level"] for row in rows(logged("debug"))] == levels
    assert [row["level"] for row in rows(logged("info"))] == [level for level in levels if level != "debug"]
    assert [row["level"] for row in rows(logged("warning"))] == ["warning", "warning"]
    assert logged("error") == ""


def test_what_a_backend_turns_out_to_be_at_the_start_is_less_worth_a_line_than_a_change() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(level="debug", format="json"), stream)
    feed = Feed()
    log_news(feed)
    feed.tell(replace(BACK, before="unknown"))
    feed.tell(replace(GONE, before="unknown"))
    assert [row["level"] for row in rows(stream.getvalue())] == ["debug", "info"]


def test_a_request_is_logged_with_its_id_the_decision_and_its_times() -> None:
    first = rows(logged("debug"))[0]
    assert first["message"] == "request answered"
    assert {name: first[name] for name in ("request_id", "model", "backend", "upstream", "reason", "status")} == {
        "request_id": "r-1",
        "model": "fast",
        "backend": "a",
        "upstream": "llama3.2:3b",
        "reason": "it has the model loaded",
        "status": 200,
    }
    assert (first["first_token_ms"], first["total_ms"], first["waited_ms"]) == (250.0, 1500.0, 0.0)
    assert (first["input_tokens"], first["output_tokens"], first["calls"]) == (10, 20, 1)


def test_text_has_the_same_after_the_message_and_leaves_out_what_says_nothing() -> None:
    lines = logged("debug", "text").splitlines()
    assert "DEBUG ollamux: request answered request_id=r-1 format=ollama" in lines[0]
    assert 'reason="it has the model loaded"' in lines[0] and "failure" not in lines[0]
    assert 'backend a is unreachable backend=a before=healthy state=unreachable reason="nothing listens' in lines[4]


def test_nobody_listens_to_ordinary_requests_where_nobody_debugs_and_to_nothing_where_nothing_is_logged() -> None:
    for level, heard, detailed in (("debug", True, True), ("info", True, False), ("error", False, False)):
        set_up(LoggingConfig(level=level), io.StringIO())  # type: ignore[arg-type]
        feed = Feed()
        log_news(feed)
        assert (feed.heard, feed.detailed) == (heard, detailed)


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_name_that_a_client_gives_can_make_a_line_of_its_own(form: Literal["text", "json"]) -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(format=form), stream)
    feed = Feed()
    log_news(feed)
    feed.tell(replace(FAILED, model="x\r\n2026 ERROR\u2028forged", request_id="i" * 10_000))
    assert len(stream.getvalue().splitlines()) == 1 or form == "json"
    assert stream.getvalue().count("\n") == 1 and len(stream.getvalue()) < 2000


def test_a_circuit_that_opens_is_a_warning_and_one_that_closes_information() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(format="json"), stream)
    feed = Feed()
    log_news(feed)
    feed.tell(CircuitChange(1.0, "a", "", "closed", "open", "too many failures in a row"))
    feed.tell(CircuitChange(2.0, "a", "m", "half_open", "closed", "the trial calls went well"))
    first, second = rows(stream.getvalue())
    assert (first["level"], first["message"]) == ("warning", "circuit of backend a is open")
    assert (first["before"], first["reason"]) == ("closed", "too many failures in a row")
    assert (second["level"], second["message"]) == ("info", "circuit of model m on backend a is closed")


def test_a_model_that_went_is_information_and_one_that_would_not_a_warning() -> None:
    stream = io.StringIO()
    set_up(LoggingConfig(format="json"), stream)
    feed = Feed()
    log_news(feed)
    feed.tell(Unloaded(1.0, "o", "large", 1024, "to make room for 'm' on 'o'", ""))
    feed.tell(Unloaded(2.0, "o", "large", 1024, "to make room for 'm' on 'o'", "timeout"))
    first, second = rows(stream.getvalue())
    assert (first["level"], first["message"], first["backend"]) == ("info", "model large unloaded", "o")
    assert (second["level"], second["message"], second["failure"]) == ("warning", "model large stays", "timeout")


def test_who_else_listens_to_the_logger_gets_each_request_as_a_record() -> None:
    stream, heard = io.StringIO(), list[logging.LogRecord]()

    class Other(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(record)

    set_up(LoggingConfig(level="debug", format="json"), stream)
    feed = Feed()
    log_news(feed)
    feed.tell(ANSWERED)
    logging.getLogger().addHandler(Other())
    feed.tell(ANSWERED)
    first, second = rows(stream.getvalue())
    assert {**first, "time": ""} == {**second, "time": ""}
    assert [record.__dict__["fields"]["request_id"] for record in heard] == ["r-1"]
