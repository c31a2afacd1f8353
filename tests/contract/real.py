"""The one vendor that is no script: a llama.cpp server, in a process of its own.

Its model says what is known in advance, so the same features hold for it, by its own words. It cannot be seen what it
was told, only what came of it; and it fails neither on demand nor in the middle of an answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.wishes import SCHEMA, Client, Got, Wish
from tests.support.running import Answered, Running
from tests.support.scripted_gguf import write_scripted_gguf

__all__ = ("REAL", "REAL_FEATURES", "UNTRIED", "llama")

REAL = "llama_cpp"
_CONTEXT = 2048
_ENOUGH = 100  # tokens: an answer that leaves its script must not take minutes
UNTRIED = "a real server does not do so on demand; it is called as `openai_compatible` is"


@contextmanager
def llama() -> Iterator[str]:
    """Where the server listens, until the block ends. It ends with its stdin."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_scripted_gguf(Path(folder) / "scripted.gguf")
        command = [sys.executable, "-m", "ollamux_aiohttp.llama_child", "--model", str(file), "--name", "scripted"]
        places = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        with subprocess.Popen(
            [*command, "--ctx", str(_CONTEXT), "--threads", "1"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": places},
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
            process.stdin.close()


def _ask(server: Running, client: Client, wish: Wish) -> Answered:
    path, body = client.ask(wish._replace(limit=wish.limit or _ENOUGH))
    return server.ask("POST", path, body, {"Content-Type": "application/json"})


_Real = Callable[[Running, Client, str], str]


def _says(wish: Wish, right: Callable[[Got, Client], bool], *, both: bool = True) -> _Real:
    """A feature that is there where what comes of the wish is right."""

    def feature(server: Running, client: Client, model: str) -> str:
        for stream in (False, True) if both else (wish.stream,):
            answer = _ask(server, client, wish._replace(model=model, stream=stream))
            if answer.status >= 400:
                return client.error(answer)
            assert answer.status == 200 and not answer.header("x-ollamux-warning"), answer
            got = client.streamed(answer.body) if stream else client.whole(answer.body)
            assert right(got, client), got
        return ""

    return feature


def _called(*cities: str) -> Callable[[Got, Client], bool]:
    def right(got: Got, client: Client) -> bool:
        calls = tuple(("get_weather", {"city": city}) for city in cities)
        return got.calls == calls and got.finish == client.finishes["tool_calls"]

    return right


def _stopped(text: str) -> Callable[[Got, Client], bool]:
    return lambda got, client: text in got.text and got.finish == client.finishes["stop"]


def _too_long(server: Running, client: Client, model: str) -> str:
    for stream in (False, True):
        answer = _ask(server, client, Wish("", stream, model, says="x" * 4 * _CONTEXT))
        assert answer.status == 400 and "context size" in client.error(answer), answer
    return ""


def _untried(server: Running, client: Client, model: str) -> str:
    return UNTRIED


_HELLO = "Hello from a real llama.cpp server!"
_TOLD = (("get_weather", {"city": "Paris"}, "21C"),)

REAL_FEATURES: dict[str, _Real] = {
    "text": _says(Wish("", says="Hello"), _stopped(_HELLO), both=False),
    "text, streamed": _says(Wish("", True, says="Hello"), _stopped(_HELLO), both=False),
    "a tool called": _says(Wish("", tools=True, says="What is the weather in Paris?"), _called("Paris")),
    "tools called in parallel": _says(Wish("", tools=True, says="parallel, please"), _called("Oslo", "Rome")),
    "results of tools": _says(Wish("", tools=True, results=_TOLD, says="And?"), _stopped("It's 21\u00b0C")),
    "thinking": _says(
        Wish("", think=True, says="think about 2+2"),
        lambda got, _: (got.thought.strip(), got.text.strip()) == ("The user wants 2+2.", "The answer is 4."),
    ),
    "thinking in a loop of tools": _untried,
    "a picture": _says(Wish("", image=True, says="What is it?"), lambda got, _: False),
    "an answer by a schema": _says(
        Wish("", schema=SCHEMA, says="Say 2"), lambda got, _: isinstance(json.loads(got.text)["n"], int)
    ),
    "a limit of tokens": _says(
        Wish("", limit=3, says="Hello"),
        lambda got, client: got.text != _HELLO and got.finish == client.finishes["length"],
    ),
    "a stop sequence": _says(
        Wish("", stop="real", says="Hello"),
        lambda got, client: got.text == "Hello from a " and got.finish == client.finishes["stop"],
    ),
    "usage": _says(Wish("", says="Hello"), lambda got, _: bool(got.read and got.written)),
    "429 with the time to wait": _untried,
    "400 with the reason": _too_long,
    "an answer that breaks off": _untried,
    "an error in the stream": _untried,
    "a client that leaves": _untried,
}
"""The same rows as for the scripted vendors."""
