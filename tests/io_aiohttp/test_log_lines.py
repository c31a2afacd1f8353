"""How lines of a log look, and when they get out."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from ollamux_aiohttp.log_lines import JsonLines, Lines, TextLines


class Pipe(io.StringIO):
    """Where lines go; `writes` are the texts of each write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


@pytest.fixture
def log(pipe: Pipe) -> Iterator[logging.Logger]:
    logger = logging.getLogger("ollamux-test-lines")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logger.handlers[:] = [Lines(TextLines(), pipe)]
    yield logger
    logger.handlers.clear()


def lines_of(logger: logging.Logger) -> Lines:
    found = logger.handlers[0]
    assert isinstance(found, Lines)
    return found


def named(value: str) -> Mapping[str, object]:
    return {"name": value}


async def written(pipe: Pipe, count: int) -> None:
    for _ in range(4000):
        if len(pipe.writes) >= count:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nothing was written")


def test_a_line_tells_when_how_bad_who_and_what_in_both_looks() -> None:
    fields = {"model": "a b", "reason": "", "status": 200, "waited_ms": 0.0, "upstream": None}
    text = TextLines().line(86400.0625, "INFO", "ollamux", "done", fields)
    assert text.endswith(',062 INFO ollamux: done model="a b" status=200 waited_ms=0.0') and text.startswith(
        "1970-01-0"
    )
    told = json.loads(JsonLines().line(86400.0625, "INFO", "ollamux", "done", fields))
    assert told == {
        "time": "1970-01-02T00:00:00.062+00:00", "level": "info", "logger": "ollamux", "message": "done", **fields
    }  # fmt: skip


def test_the_time_is_that_of_each_line_also_where_one_is_older_than_the_last() -> None:
    look = JsonLines()
    times = [json.loads(look.line(at, "INFO", "x", "y", {}))["time"][17:23] for at in (5.5, 5.75, 6.0, 5.25)]
    assert times == ["05.500", "05.750", "06.000", "05.250"]


def test_what_is_logged_without_a_loop_goes_out_at_once(log: logging.Logger, pipe: Pipe) -> None:
    log.debug("one")
    lines_of(log).tell(logging.DEBUG, "ollamux", "two", named, "x")
    assert [text.split(": ")[1] for text in pipe.writes] == ["one\n", "two name=x\n"]


def test_lines_of_a_loop_go_out_in_one_write_and_in_their_order(log: logging.Logger, pipe: Pipe) -> None:
    async def run() -> None:
        log.info("one")
        lines_of(log).tell(logging.DEBUG, "ollamux", "two", named, "x y")
        log.debug("three")
        assert not pipe.writes
        await written(pipe, 1)
        log.info("four")
        await written(pipe, 2)

    asyncio.run(run())
    assert [line.split(": ")[1] for line in pipe.writes[0].splitlines()] == ["one", 'two name="x y"', "three"]
    assert pipe.writes[1].endswith(": four\n") and len(pipe.writes) == 2


def test_a_warning_goes_out_at_once_with_what_came_before_it(log: logging.Logger, pipe: Pipe) -> None:
    async def run() -> None:
        log.info("one")
        log.warning("two")
        log.info("three")
        assert [line.split(": ")[1] for line in pipe.getvalue().splitlines()] == ["one", "two"]
        await written(pipe, 2)

    asyncio.run(run())
    assert pipe.getvalue().endswith(": three\n")


def test_very_many_lines_do_not_wait_for_more(log: logging.Logger, pipe: Pipe) -> None:
    async def run() -> None:
        for _ in range(2500):
            lines_of(log).tell(logging.DEBUG, "ollamux", "answered", named, "x")
        assert len(pipe.writes) == 2

    asyncio.run(run())
    lines_of(log).flush()
    assert len(pipe.getvalue().splitlines()) == 2500


def test_a_loop_that_ended_keeps_no_line_of_the_next_one(log: logging.Logger, pipe: Pipe) -> None:
    async def leave() -> None:
        log.info("one")

    async def stay() -> None:
        log.info("two")
        await written(pipe, 1)

    asyncio.run(leave())
    asyncio.run(stay())
    assert len(pipe.getvalue().splitlines()) == 2


@pytest.mark.parametrize("how", ["", "logging.shutdown(); os._exit(0)"])
def test_what_waits_goes_out_when_the_process_ends(how: str) -> None:
    code = (
        "import asyncio, logging, os\n"
        "from ollamux.config import LoggingConfig\n"
        "from ollamux_aiohttp.logs import set_up\n"
        "set_up(LoggingConfig())\n"
        "async def run(): logging.getLogger('ollamux').info('last words')\n"
        f"asyncio.run(run())\n{how}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("INFO ollamux: last words\n")


def test_half_a_character_and_values_of_any_kind_lose_no_line() -> None:
    told = json.loads(JsonLines().line(1.0, "INFO", "ollamux", "x", {"model": "\ud800", "what": {1, 2}}))
    assert told["model"] == "\ud800" and told["what"] == "{1, 2}"
    assert TextLines().line(1.0, "INFO", "ollamux", "x", {"what": (1, 2)}).endswith("what=(1, 2)")


def test_a_value_of_any_kind_stays_on_its_line() -> None:
    told = TextLines().line(0.0, "INFO", "ollamux", "m", {"error": ValueError("one\ntwo"), "none": None, "zero": 0})
    assert told.endswith(' m error="one two" zero=0')


def test_nobody_minds_a_stream_that_is_closed(log: logging.Logger, pipe: Pipe) -> None:
    pipe.close()
    log.warning("nobody reads this")


def test_a_record_that_cannot_be_told_is_the_loggings_own_affair(
    log: logging.Logger, pipe: Pipe, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    lines_of(log).handle(logging.LogRecord("x", logging.INFO, "", 0, "%d", ("no number",), None))
    log.info("next")
    assert "--- Logging error ---" in capsys.readouterr().err and pipe.getvalue().endswith(": next\n")
