"""The supervisor with workers that do next to nothing, in a process of its own: it forks, and a test has threads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

PROGRAM = """
import os, signal, sys, time

from ollamux.workers.messages import Chosen, Frames, Joined, decode, frame_of
from ollamux_aiohttp.workers import supervisor
from ollamux_aiohttp.workers.ports import Port

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def messages(start):
    frames = Frames()
    while data := start.carrier.recv(65536):
        for frame in frames.feed(data):
            yield decode(frame.payload)

def echo(start):
    "Says who it is and what it hears, and answers each connection with its number."
    start.carrier.sendall(frame_of(Joined(start.number)))
    say("worker", start.number, os.getpid(), start.first, decode(start.left) if start.left else None)
    (listener,) = start.sockets
    listener.setblocking(True)
    while True:
        sock, _ = listener.accept()
        sock.sendall(str(start.number).encode())
        sock.close()

{work}

port = Port("127.0.0.1", 0, 64)
say("port", port.number)
sys.exit(supervisor.Supervisor(2, port, work, lambda text: say("told", text)).run())
"""


class Supervised:
    """The process, and the lines that it and its workers say."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = int(self.line("port")[1])

    def line(self, word: str) -> list[str]:
        """The next line that begins with this word, as its words."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(f"{word} "):
                return line.split()
        raise AssertionError(f"no {word!r}: {self.process.communicate()[1]}")

    def begun(self) -> dict[int, int]:
        """The process of each of the two workers, once both have begun."""
        lines = [self.line("worker"), self.line("worker")]
        return {int(line[1]): int(line[2]) for line in lines}

    def ask(self) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as sock:
            return sock.recv(16)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def supervised(work: str = "work = echo") -> Iterator[Supervised]:
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("{work}", work)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield Supervised(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers hold the pipes open, too
        process.communicate()


def test_all_workers_answer_and_end_when_asked_to() -> None:
    with supervised() as found:
        begun = found.begun()
        answers: set[bytes] = set()
        while len(answers) < 2:
            answers.add(found.ask())
        assert answers == {b"0", b"1"}
        assert set(begun) == {0, 1}
        assert found.stop() == 0
        for pid in begun.values():
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_a_worker_that_is_killed_is_replaced_and_no_connection_that_waited_for_it_is_lost() -> None:
    with supervised() as found:
        begun = found.begun()
        os.kill(begun[1], signal.SIGSTOP)
        while Path(f"/proc/{begun[1]}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.01)
        waiting = [socket.create_connection(("127.0.0.1", found.port), timeout=20) for _ in range(16)]
        os.kill(begun[1], signal.SIGKILL)
        _, number, pid, first, *_ = found.line("worker")
        assert (number, first) == ("1", "False")
        assert int(pid) != begun[1]
        assert {sock.recv(16) for sock in waiting} <= {b"0", b"1"}
        for sock in waiting:
            sock.close()
        assert found.stop() == 0


RELAYING = """
def work(start):
    say("worker", start.number, os.getpid(), start.first, decode(start.left) if start.left else None)
    if start.number == 0:
        if start.first:
            next(messages(start))  # the other one is there
        start.carrier.sendall(frame_of(Chosen("all")) + frame_of(Chosen("one"), 1) + frame_of(Chosen("nobody"), 7))
        start.carrier.sendall(frame_of(Chosen("last"), 7, kept=True))
    else:
        start.carrier.sendall(frame_of(Joined(1)))
    for message in messages(start):
        say("heard", start.number, message)
"""


def test_messages_are_carried_to_whom_they_are_for_and_what_is_kept_goes_to_the_successor() -> None:
    with supervised(RELAYING) as found:
        begun = found.begun()
        assert [" ".join(found.line("heard")) for _ in range(2)] == [
            "heard 1 Chosen(mode='all')",
            "heard 1 Chosen(mode='one')",
        ]
        os.kill(begun[0], signal.SIGKILL)
        assert "Left(worker=0)" in " ".join(found.line("heard"))
        assert " ".join(found.line("worker")).endswith("False Chosen(mode='last')")
        assert found.stop() == 0


def test_workers_that_never_begin_end_all_with_a_word_about_why() -> None:
    with supervised("def work(start):\n    return 3") as found:
        assert " ".join(found.line("told")).endswith("does not start: it ended with status 3")
        assert found.process.wait(20) == 1


HANGING = """
def work(start):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start.carrier.sendall(frame_of(Joined(start.number)))
    say("worker", start.number, os.getpid())
    time.sleep(60)
"""


def test_the_second_request_to_end_ends_those_at_once_that_do_not() -> None:
    with supervised(HANGING) as found:
        found.begun()
        found.process.send_signal(signal.SIGINT)
        assert found.line("told") == ["told", *"Stopping; once more to stop at once.".split()]
        assert found.stop() == 128 + signal.SIGTERM


FLOODING = """
supervisor.UNSENT = 1_000_000

def work(start):
    say("worker", start.number, os.getpid())
    start.carrier.sendall(frame_of(Joined(start.number)))
    if start.number == 0:
        next(messages(start))  # the other one is there
        for _ in range(50):
            start.carrier.sendall(frame_of(Chosen("x" * 100_000)))
        start.carrier.sendall(frame_of(Chosen("over"), 0))
        say("sent", 0)
    time.sleep(60)
"""


def test_a_worker_that_hears_nothing_holds_up_nobody() -> None:
    with supervised(FLOODING) as found:
        found.begun()
        assert found.line("sent") == ["sent", "0"]
        assert found.stop() == 0
