"""The process that starts workers, watches them, and carries what they tell one another.

Strategy: it is one plain loop over sockets and signals, with no threads and no event loop, so that a worker can be a
fork of it at any time: configuration, secrets and modules are there without being written or read again. It answers no
client.
A worker that ends without being asked is replaced: at once where it had served for a while, else after a pause that
doubles; its listening sockets stay open meanwhile if the pause is none, and are closed if it is not, so that the others
get its connections.

Rules: frames are forwarded unread, but for those that a worker wants kept for its successor; what an addressee does not
take in time is dropped above a bound, so a worker that hangs holds up nobody. The first request to end goes to all
workers, the second one ends them at once. A worker that never begins to serve, three times in a row, ends all.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

from ollamux.workers.messages import EVERYONE, Frame, Frames, left
from ollamux_aiohttp.workers.link import UNSENT
from ollamux_aiohttp.workers.ports import Port

__all__ = ("Start", "Supervisor")

_log = logging.getLogger("ollamux")
_READ = 1024 * 1024
_STEADY = 10.0
"""Seconds after which a worker that ends is replaced at once."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_NEVER_BEGAN = 3
_PATIENCE = 15.0
"""Seconds after which workers that were asked to end are ended."""
_ENDING = (signal.SIGTERM, signal.SIGINT)


class Start(NamedTuple):
    """What a worker begins with: its number, whether it is the first of that number, the sockets to listen on, the one
    to the supervisor, and what its predecessor left."""

    number: int
    first: bool
    sockets: list[socket.socket]
    carrier: socket.socket
    left: bytes


class _Worker:
    """One place, and the process that fills it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lives = 0
        self.pid = 0
        self.began = 0.0
        self.heard = False
        self.failed = 0
        self.due = 0.0
        self.left = b""
        self.carrier: socket.socket | None = None
        self.sockets: list[socket.socket] = []
        self.frames = Frames()
        self.unsent = bytearray()


class Supervisor:
    """Runs `count` workers on a port. `work` is what a worker does, in its own process, until it is asked to end by
    SIGTERM; it returns the exit status. `say` tells a person."""

    def __init__(self, count: int, port: Port, work: Callable[[Start], int], say: Callable[[str], None]) -> None:
        self._port = port
        self._work = work
        self._say = say
        self._workers = [_Worker(number) for number in range(count)]
        self._selector = selectors.DefaultSelector()
        self._woken = socket.socketpair()
        self._signals: list[int] = []
        self._asked = 0
        self._until = float("inf")
        self._status = 0

    def run(self) -> int:
        """Until all have ended. The exit status."""
        gc.collect()
        gc.freeze()
        reader, writer = self._woken
        writer.setblocking(False)
        reader.setblocking(False)
        self._selector.register(reader, selectors.EVENT_READ)
        before = {each: signal.signal(each, self._came) for each in (*_ENDING, signal.SIGCHLD)}
        woken = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            while self._turn(reader):
                pass
        finally:
            signal.set_wakeup_fd(woken)
            for each, handler in before.items():
                signal.signal(each, handler)
            self._selector.close()
            reader.close()
            writer.close()
        return self._status

    def _turn(self, reader: socket.socket) -> bool:
        """One round of the loop. False where all is over."""
        now = time.monotonic()
        if not self._asked:
            for worker in self._workers:
                if not worker.pid and worker.due <= now:
                    self._begin(worker)
        elif now >= self._until:
            self._end(signal.SIGKILL)
        for key, events in self._selector.select(self._rest(now)):
            if key.fileobj is reader:
                try:
                    reader.recv(4096)
                except BlockingIOError:
                    pass
                continue
            told: _Worker = key.data
            if told.carrier is not None and events & selectors.EVENT_READ:
                self._read(told)
            if told.carrier is not None and events & selectors.EVENT_WRITE:
                self._write(told)
        signals, self._signals = self._signals, []
        for number in signals:
            if number in _ENDING:
                self._stop(number)
        for worker in self._workers:
            if worker.pid:
                self._look(worker)
        return not self._asked or any(worker.pid for worker in self._workers)

    def _rest(self, now: float) -> float | None:
        """Seconds until something is due."""
        due = [self._until] if self._asked else [worker.due for worker in self._workers if not worker.pid]
        soonest = min(due, default=float("inf"))
        return None if soonest == float("inf") else max(0.0, soonest - now)

    # Processes --------------------------------------------------------------------------------------------------------

    def _begin(self, worker: _Worker) -> None:
        """Starts a worker."""
        try:
            if not worker.sockets:
                worker.sockets = self._port.sockets()
        except OSError as error:
            self._failed(worker, f"its port cannot be used: {error.strerror}")
            return
        ours, theirs = socket.socketpair()
        with _undisturbed():
            pid = os.fork()
            if not pid:
                self._become(worker, ours, theirs)
        theirs.close()
        ours.setblocking(False)
        worker.pid = pid
        worker.lives += 1
        worker.began = time.monotonic()
        worker.heard = False
        worker.frames = Frames()
        worker.unsent = bytearray()
        worker.carrier = ours
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _become(self, worker: _Worker, ours: socket.socket, theirs: socket.socket) -> None:
        """In the new process: lets go of what belongs to others, works, and ends."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the supervisor passes it on
            for sock in (ours, *self._woken):
                sock.close()
            self._selector.close()
            for other in self._workers:
                if other.carrier is not None:
                    other.carrier.close()
                if other is not worker:
                    for sock in other.sockets:
                        sock.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (*_ENDING, signal.SIGCHLD))
            status = self._work(Start(worker.number, not worker.lives, worker.sockets, theirs, worker.left))
        except BaseException:
            traceback.print_exc()
        finally:
            try:
                logging.shutdown()  # what waits to be written
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)

    def _look(self, worker: _Worker) -> None:
        """Whether a worker has ended."""
        pid, status = os.waitpid(worker.pid, os.WNOHANG)
        if not pid:
            return
        if worker.carrier is not None:
            self._read(worker)  # what it said last
        self._drop(worker)
        worker.pid = 0
        for other in self._workers:
            if other.carrier is not None:
                self._queue(other, left(worker.number))
        code = os.waitstatus_to_exitcode(status)
        if not self._asked:
            self._failed(worker, f"it ended with {f'signal {-code}' if code < 0 else f'status {code}'}")

    def _failed(self, worker: _Worker, why: str) -> None:
        """A worker is not there though it should be: when it is replaced."""
        now = time.monotonic()
        worker.failed = 0 if worker.heard and now - worker.began >= _STEADY else worker.failed + 1
        if not worker.heard and worker.failed >= _NEVER_BEGAN:
            self._say(f"worker {worker.number} does not start: {why}")
            self._status = 1
            self._stop(signal.SIGTERM, quietly=True)
            return
        pause = 0.0 if worker.failed <= 1 else min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (worker.failed - 2))
        worker.due = now + pause
        if pause:
            self._close(worker)
        _log.warning("worker %d is started anew: %s", worker.number, why)

    # Ending -----------------------------------------------------------------------------------------------------------

    def _came(self, number: int, frame: object) -> None:
        self._signals.append(number)

    def _stop(self, number: int, *, quietly: bool = False) -> None:
        """The first request to end, or a further one."""
        self._asked += 1
        if self._asked == 1:
            self._until = time.monotonic() + _PATIENCE
            for worker in self._workers:
                self._close(worker)
            self._end(signal.SIGTERM)
            if not quietly:
                self._say("Stopping; once more to stop at once.")
        else:
            self._status = 128 + number
            self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, how)
        if how == signal.SIGKILL:
            self._until = float("inf")

    def _close(self, worker: _Worker) -> None:
        for sock in worker.sockets:
            sock.close()
        worker.sockets = []

    # Messages ---------------------------------------------------------------------------------------------------------

    def _read(self, worker: _Worker) -> None:
        """Carries on what a worker has said."""
        assert worker.carrier is not None
        while True:
            try:
                data = worker.carrier.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._drop(worker)
                return
            worker.heard = True
            try:
                for frame in worker.frames.feed(data):
                    self._carry(worker, frame)
            except ValueError:
                self._drop(worker)
                return

    def _carry(self, sender: _Worker, frame: Frame) -> None:
        if frame.kept:
            sender.left = frame.payload
        for worker in self._workers:
            if worker is not sender and worker.carrier is not None and frame.target in (worker.number, EVERYONE):
                self._queue(worker, frame.whole)

    def _queue(self, worker: _Worker, data: bytes) -> None:
        if len(worker.unsent) + len(data) > UNSENT:
            return
        idle = not worker.unsent
        worker.unsent += data
        if idle:
            self._write(worker)

    def _write(self, worker: _Worker) -> None:
        """Sends what the worker takes, and the rest when it takes more."""
        assert worker.carrier is not None
        before = bool(self._selector.get_key(worker.carrier).events & selectors.EVENT_WRITE)
        try:
            sent = worker.carrier.send(worker.unsent[:_READ])
            del worker.unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(worker)
            return
        if bool(worker.unsent) != before:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.unsent else 0)
            self._selector.modify(worker.carrier, events, worker)

    def _drop(self, worker: _Worker) -> None:
        """Nothing more comes from it, or goes to it."""
        if worker.carrier is not None:
            self._selector.unregister(worker.carrier)
            worker.carrier.close()
            worker.carrier = None


@contextmanager
def _undisturbed() -> Generator[None, None, None]:
    """No signal is delivered meanwhile: a new process must not take one for its own that was meant for this one."""
    signals = (*_ENDING, signal.SIGCHLD)
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
