"""Several gateways of one configuration, and a carrier between them that a test moves by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.support.driving import Driven, configured

from ollamux.gateway import Gateway
from ollamux.workers.circle import Circle
from ollamux.workers.dividing import Part
from ollamux.workers.messages import EVERYONE, Frames, left

__all__ = ("Several",)


class Several:
    """`workers` are the gateways that serve, by their number; `carry` delivers what they have said."""

    def __init__(self, count: int, settings: Mapping[str, Any]) -> None:
        self.config = configured(settings)
        self.count = count
        self.workers: dict[int, Driven] = {}
        self.sent: list[tuple[int, bytes]] = []
        self.kept: dict[int, bytes] = {}
        for number in range(count):
            self.begin(number)

    def __getitem__(self, number: int) -> Driven:
        return self.workers[number]

    def circle(self, number: int) -> Circle:
        found = self.workers[number].gateway.circle
        assert found is not None
        return found

    def begin(self, number: int) -> Driven:
        """A worker of this number begins, and all hear it."""
        gateway = Gateway(self.config, instance="all", part=Part(number, self.count))
        worker = self.workers[number] = Driven(gateway)
        self.circle(number).post = lambda frame: self.sent.append((number, frame))
        self.circle(number).join(self.kept.get(number, b""))
        self.carry()
        return worker

    def end(self, number: int) -> None:
        """A worker ends without a word; the others are told."""
        del self.workers[number]
        (frame,) = Frames().feed(left(number))
        for other in list(self.workers):
            self.hear(other, frame.payload)

    def hear(self, number: int, payload: bytes) -> None:
        worker = self.workers[number]
        self.circle(number).hear(payload, worker.now)
        worker.drain()

    def carry(self, *, but: int = -1) -> None:
        """Delivers all that was said, and what that led to; nothing to `but`."""
        while self.sent:
            sender, data = self.sent.pop(0)
            for frame in Frames().feed(data):
                if frame.kept:
                    self.kept[sender] = frame.payload
                for number in list(self.workers):
                    if number not in (sender, but) and frame.target in (number, EVERYONE):
                        self.hear(number, frame.payload)
