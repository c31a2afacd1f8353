"""The scripted backends at work: what comes of a call, and of a probe, by the mood that its backend is in.

Strategy: a call meets its fate when it is made; what follows are moments in the world's queue. While a backend is
silent nothing of it arrives, and what it had to say arrives afterwards; one that goes away breaks off whatever runs.

Rules: in its mood `fine` a backend answers every call whole and in time: what goes wrong then is the gateway's doing.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.simulation import spoken
from bench.simulation.pump import Attempt
from bench.simulation.scene import Host, Mood, Trouble
from ollamux.contract import FailureKind
from ollamux.probing import Chore

if TYPE_CHECKING:
    from bench.simulation.world import World

__all__ = ("Server",)

_GONE: tuple[FailureKind, ...] = ("refused", "refused", "dns", "unreachable", "tls", "reset")
_NOT_READ = 5.0
_SLOWER = 20.0


class Server:
    """One backend. `calls` are all that it got; `limited` says that it ever refused a call for a limit, or for its key;
    `asked_until` until when it asked to be left alone."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host
        self.calls: list[Attempt] = []
        self.limited = False
        self.asked_until = -math.inf
        self.level = float(host.rate or 0)
        self.level_at = world.now
        self._draw = random.Random(f"{world.scene.seed} {host.id}")
        self._calm = False
        for trouble in host.troubles:
            if trouble.mood == "gone":
                world.at(world.began + trouble.at, self._break_all)

    @property
    def open(self) -> list[Attempt]:
        """The calls under way."""
        return [call for call in self.calls[-200:] if call.open]

    @property
    def placed(self) -> int:
        """How many of them take a place."""
        return sum(call.asked.guest.wire != "pull" for call in self.open)

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with it now."""
        if self._calm:
            return None
        since = self.world.now - self.world.began
        return next((one for one in self.host.troubles if one.at <= since < one.at + one.seconds), None)

    @property
    def mood(self) -> Mood:
        """How it is now."""
        trouble = self.trouble
        return trouble.mood if trouble is not None else "fine"

    def fine_since(self) -> float:
        """Since when nothing is wrong with it; infinity where something is."""
        if self.trouble is not None:
            return math.inf
        now = self.world.now
        ends = [self.world.began + one.at + one.seconds for one in self.host.troubles]
        return max([end for end in ends if end <= now], default=-math.inf)

    def calm_down(self) -> None:
        """From now on all is well."""
        self._calm = True

    # Calls ------------------------------------------------------------------------------------------------------------

    def meet(self, call: Attempt) -> None:
        """A call comes."""
        self.calls.append(call)
        draw, mood = self._draw, self.mood
        wait = 0.01 + min(draw.expovariate(1.0 / self.host.pace), 5.0 * self.host.pace)
        self.world.note(f"{call.asked}: call {call.number} to {call.backend} {call.call.url}, which is {mood}")
        wire = spoken.wire_of(call.call.url)
        match mood:
            case "gone":
                kind = draw.choice(_GONE)
                self._surely(call, 0.02, lambda: call.fail(kind))
            case "silent" if draw.random() < 0.4:
                self._surely(call, call.call.connect_timeout, lambda: call.fail("timeout"))
            case "brown" if draw.random() < 0.75:
                status = draw.choice([500, 502, 503, 503, 504, 529, 501, 400])
                headers = (("retry-after", draw.choice(["1", "5"])),) if status == 503 and draw.random() < 0.5 else ()
                self._later(call, wait, lambda: self._refuse(call, wire, status, "trouble", headers))
            case "limited" if draw.random() < 0.8:
                self._later(call, wait, lambda: self._limit(call, wire))
            case "denied":
                status = draw.choice([401, 401, 403, 404])
                self._later(call, wait, lambda: self._refuse(call, wire, status, f"not with {call.key}"))
            case "garbled":
                self._later(call, wait, lambda: self._garble(call, wire))
            case "slow":
                self._later(call, wait * _SLOWER, lambda: self._answer(call, wire, mood))
            case _:
                self._later(call, wait, lambda: self._answer(call, wire, mood))

    def _answer(self, call: Attempt, wire: str, mood: Mood) -> None:
        """The answer begins; the mood says how it goes on."""
        draw, body = self._draw, call.body
        if mood == "cut" and draw.random() < 0.3:
            call.fail(draw.choice(["reset", "closed", "protocol"]))
            return
        count = body.get("n") or 1
        texts = [[f"{call.number}/{place}.{piece} " for piece in range(draw.randint(1, 5))] for place in range(count)]
        call.said = ["".join(pieces) for pieces in texts] if wire != "pull" else []
        inputs = body.get("input", "")
        streams = body.get("stream", wire in ("chat", "generate", "pull"))
        if wire in ("embed", "embeddings") or not streams or (wire == "generate" and not body.get("prompt")):
            self._tell_whole(call, wire, mood, len(inputs) if isinstance(inputs, list) else 1)
            return
        call.head(200, spoken.STREAM_TYPES[wire])
        told = spoken.events(wire, texts)
        if mood in ("cut", "faulty"):
            told = told[: draw.randrange(len(told))]
            if mood == "faulty":
                told.append(spoken.fault(wire))
        self._go_on(call, _cut(b"".join(told), draw), mood)

    def _go_on(self, call: Attempt, left: list[bytes], mood: Mood) -> None:
        """The next piece of a stream, or its end."""
        draw = self._draw
        if left:
            call.data(left[0])
            gap = draw.uniform(0.0, self.host.pace / 2) * (_SLOWER if mood == "slow" else 1.0)
            self._later(call, gap, lambda: self._go_on(call, left[1:], mood))
        elif mood == "cut" and draw.random() < 0.6:
            call.fail(draw.choice(["reset", "closed"]))
        elif mood in ("cut", "faulty") or draw.random() < 0.9:
            call.end()
        else:
            call.fail("closed")  # after its last word: no matter

    def _tell_whole(self, call: Attempt, wire: str, mood: Mood, inputs: int) -> None:
        data = json.dumps(spoken.whole(wire, call.said, inputs)).encode()
        if mood == "faulty":
            self._refuse(call, wire, 500, "it fell over")
            return
        call.head(200, "application/json")
        if mood == "cut":
            data = data[: self._draw.randrange(len(data))]
        if call.open and data:
            call.data(data)
        if call.open:
            if mood == "cut" and self._draw.random() < 0.5:
                call.fail("closed")
            else:
                call.end()

    def _refuse(
        self, call: Attempt, wire: str, status: int, message: str, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        if status in (401, 403):
            self.limited = True
        if status in (429, 503, 529):
            for name, value in headers:
                if name == "retry-after":
                    self.limited = True
                    self.asked_until = max(self.asked_until, self.world.now + float(value))
        call.head(status, "application/json", *headers)
        if call.open:
            call.data(json.dumps(spoken.refusal(wire, status, message)).encode())
        if call.open:
            call.end()

    def _limit(self, call: Attempt, wire: str) -> None:
        self.limited = True
        draw = self._draw
        headers: list[tuple[str, str]] = []
        if draw.random() < 0.6:
            headers.append(("retry-after", draw.choice(["1", "4", "15", "90"])))
        if draw.random() < 0.4:
            headers += [
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", draw.choice(["1s", "2m30s"])),
            ]
        self._refuse(call, wire, 429, "too many requests", tuple(headers))

    def _garble(self, call: Attempt, wire: str) -> None:
        draw = self._draw
        streams = call.body.get("stream", wire in ("chat", "generate", "pull"))
        kind = spoken.STREAM_TYPES.get(wire, "application/json") if streams else "application/json"
        data = draw.choice(
            [b"<html>no</html>", b"", b'{"a":', b"data: nothing\n\n", b"\xff\xfe\n\n", b"[]\n", b"{}\n", b"null\n"]
        )
        call.head(200, draw.choice([kind, kind, "text/html"]))
        if call.open and data:
            call.data(data)
        if call.open:
            call.end()

    def _break_all(self) -> None:
        """It falls over, and with it all that runs there."""
        for call in self.open:
            if not self._calm and call.open:
                call.fail("reset")

    # Probes -----------------------------------------------------------------------------------------------------------

    def probe(self, chore: Chore) -> None:
        """A question of the gateway's own."""
        world, draw, mood = self.world, self._draw, self.mood
        wait = draw.uniform(0.01, 0.3) * (_SLOWER if mood == "slow" else 1.0)
        if mood == "silent" or wait > chore.timeout:
            world.at(world.now + chore.timeout, lambda: world.missed(chore, "timeout"))
        elif mood == "gone" or (mood == "cut" and draw.random() < 0.5):
            world.at(world.now + wait, lambda: world.missed(chore, "refused" if mood == "gone" else "reset"))
        elif mood in ("brown", "limited", "denied") and draw.random() < 0.7:
            status = {"brown": 503, "limited": 429, "denied": 401}[mood]
            world.at(world.now + wait, lambda: world.answered(chore, status, b"{}"))
        elif mood == "garbled":
            world.at(world.now + wait, lambda: world.answered(chore, 200, b"<html>"))
        else:
            body = json.dumps(spoken.listed(chore.path, self.host.models)).encode()
            world.at(world.now + wait, lambda: world.answered(chore, 200, body))

    # When -------------------------------------------------------------------------------------------------------------

    def _surely(self, call: Attempt, seconds: float, what: Callable[[], None]) -> None:
        """Something that needs nobody to listen."""
        self.world.at(self.world.now + seconds, lambda: what() if call.open else call.speak_late())

    def _later(self, call: Attempt, seconds: float, what: Callable[[], None]) -> None:
        """Something that the backend does: late, where its call is over; then nobody may hear of it."""

        def happen() -> None:
            if not call.open:
                call.speak_late()
            elif not call.reading:
                self._later(call, _NOT_READ, what)
            elif self.mood == "silent":
                self._later(call, 1.0, what)
            else:
                what()

        self.world.at(self.world.now + seconds, happen)


def _cut(data: bytes, draw: random.Random) -> list[bytes]:
    """In pieces, as they might be read."""
    if not data:
        return []
    places = sorted({draw.randrange(1, len(data) + 1) for _ in range(draw.randint(1, 6))} - {len(data)})
    return [data[start:stop] for start, stop in zip([0, *places], [*places, len(data)], strict=True)]
