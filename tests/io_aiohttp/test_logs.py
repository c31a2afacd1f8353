"""How a log looks."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ollamux.config import LoggingConfig
from ollamux_aiohttp.logs import set_up


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
