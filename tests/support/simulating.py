"""A world around a gateway, made from a seed: backends that fail in every way, clients that leave or stop reading.

`Simulation(seed).run()` lets a while of virtual time go by and gives back a transcript; the same seed gives the same
one. Everything that happens is an entry in a queue of moments. What must hold whatever happens is checked as it goes,
by `Asked` (one head, nothing after the end, no call for a client that is gone) and here (`check`, `verdict`).

Strategy: each call to a backend draws its fate when it is made; each client draws its habits when it comes. Every piece
of text names the call it comes from, so that an answer pieced together from two attempts would be seen.
"""

from __future__ import annotations

import heapq
import json
import math
import random
from collections.abc import Callable
from typing import Any

from tests.support.driving import Asked, Called, Driven, delta, driven, ending, line, listing

from ollamux.contract import FailureKind

__all__ = ("Simulation",)

_KINDS: tuple[FailureKind, ...] = ("refused", "dns", "timeout", "reset", "tls", "protocol", "closed", "unreachable")
_FATES = ("fine",) * 6 + ("slow", "refuse", "reset", "stall", "status", "cut", "silent", "garbage", "fault", "late")
_PAUSE = 700.0  # longer than every deadline
_TOOL = {"index": 0, "id": "t", "type": "function", "function": {"name": "never", "arguments": "{"}}


class Simulation:
    """One run."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        draw = self.draw
        slow = {"first_byte": 40, "idle": 12, "total": draw.choice([0, 90])}
        self.run_ = driven(
            {
                "queue": {"size": draw.choice([1, 3, 50]), "timeout": "60s", "concurrency": draw.choice([0, 0, 4])},
                "retry": {"attempts": draw.choice([1, 2, 3, 5])},
                "routing": {"fallback": draw.choice(["next_available", "next_available", "none"])},
                "models": {"named": {"backend": "vllm", "api_model": "m"}},
                "aliases": {"short": "m"},
            },
            a={"type": "ollama", "timeouts": slow, "max_concurrent_requests": draw.choice([1, 2, 3])},
            b={"type": "vllm", "timeouts": slow, "max_concurrent_requests": draw.choice([1, 2])},
            c={"type": "llama_cpp", "timeouts": slow, "priority": draw.choice([50, 60])},
            demo="demo",
            learn=False,
        )
        self.run_.play = self.meet
        self.asked: list[Asked] = []
        self.said: dict[int, list[str]] = {}
        self.transcript: list[str] = []
        self._moments: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def run(self) -> list[str]:
        """Lets everything happen, checks what must hold, and tells what happened."""
        pace = self.draw.choice([1.0, 5.0, 30.0])
        for _ in range(self.draw.randint(6, 24)):
            self.after(self.draw.expovariate(1 / pace), self.come)
        self.probe()
        steps = 0
        while self.step():
            steps += 1
            assert steps < 20_000, "it never comes to rest"
            self.check()
        self.verdict()
        return self.transcript

    # Time -------------------------------------------------------------------------------------------------------------

    @property
    def driven(self) -> Driven:
        return self.run_

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._moments, (self.run_.now + seconds, self._count, what))

    def step(self) -> bool:
        """The next thing that happens; False where nothing will."""
        run = self.run_
        moment = self._moments[0][0] if self._moments else math.inf
        waking = min((asked.wake_at for asked in run.open if not asked.over), default=math.inf)
        until = min(moment, waking)
        if until == math.inf:
            return False
        if waking <= moment:
            run.pass_time(max(0.0, until - run.now))
        else:
            run.now = max(run.now, moment)
            heapq.heappop(self._moments)[2]()
            run.drain()
        if run.gateway.hurry:
            self.probe()
        return True

    def note(self, text: str) -> None:
        self.transcript.append(f"{self.run_.now:.3f} {text}")

    # Clients ----------------------------------------------------------------------------------------------------------

    def come(self) -> None:
        """A client comes with a request, and with habits."""
        draw = self.draw
        model = draw.choice(["m", "m", "m", "short", "named", "demo", "nobody"])
        messages = [{"role": "user", "content": "hi"}]
        stream = draw.random() < 0.7
        path, body = draw.choice(
            [
                ("/api/chat", {"model": model, "messages": messages, "stream": stream}),
                ("/api/chat", {"model": model, "messages": messages, "stream": stream}),
                ("/v1/chat/completions", {"model": model, "messages": messages, "stream": stream}),
                ("/api/generate", {"model": model}),
                ("/api/pull", {"model": model}),
                ("/api/tags", None),
            ]
        )
        asked = self.run_.ask("GET" if body is None else "POST", path, b"" if body is None else body)
        asked.name = f"{len(self.asked)} {path} {model}"
        self.asked.append(asked)
        self.note(f"{asked.name} comes")
        self.run_.drain()
        habit = draw.random()
        if habit < 0.2:
            self.after(draw.expovariate(1 / draw.choice([0.2, 2, 20])), lambda: self.leave(asked))
        elif habit < 0.4:
            self.after(draw.expovariate(1 / draw.choice([0.2, 2, 20])), lambda: self.pause(asked))

    def leave(self, asked: Asked) -> None:
        if not asked.over:
            self.note(f"{asked.name} leaves")
            asked.leave()

    def pause(self, asked: Asked) -> None:
        if not asked.over:
            asked.pause()
            self.after(self.draw.choice([1.0, 30.0, _PAUSE]), lambda: self.resume(asked))

    def resume(self, asked: Asked) -> None:
        if not asked.over:
            asked.resume()

    # Backends ---------------------------------------------------------------------------------------------------------

    def meet(self, called: Called) -> None:
        """A call meets its fate."""
        draw = self.draw
        fate = draw.choice(_FATES)
        number = len(self.said)
        self.said[number] = []
        self.note(f"call {number} to {called.backend} {called.call.url}: {fate}")
        wait = draw.expovariate(1 / 2)
        if fate in ("refuse", "reset"):
            kind = draw.choice(_KINDS)
            self.later(called, wait, lambda: called.fail(kind))
        elif fate == "status":
            status = draw.choice([400, 401, 403, 404, 429, 500, 502, 503, 529])
            self.later(called, wait, lambda: called.answer(status, {"error": {"message": "no"}}))
        elif fate == "garbage":
            self.later(called, wait, lambda: called.answer(200, b"<html>", "text/html"))
        elif fate != "stall":
            self.later(called, 50.0 if fate == "late" else wait, lambda: self.begin(called, number, fate))

    def later(self, called: Called, seconds: float, what: Callable[[], None]) -> None:
        """What a backend does: late, where its call is over; then nobody may hear of it. Never while it is not read."""

        def happen() -> None:
            if called.open and not called.reading:
                self.later(called, 1.0, what)
            elif called.open:
                what()
            else:
                self.speak_late(called)

        self.after(seconds, happen)

    def speak_late(self, called: Called) -> None:
        """Reports of a call that was cancelled or has ended: the pump may still have them in its hands."""
        exchange, attempt, now = called.asked.exchange, called.call.attempt, self.run_.now
        heard = [
            exchange.attempt_head(attempt, 200, [], now),
            exchange.attempt_data(attempt, delta("late"), now),
            exchange.attempt_failed(attempt, "reset", True, now),
            exchange.attempt_end(attempt, now),
        ]
        assert heard == [None] * 4, f"a late report was heard: {heard}"

    def begin(self, called: Called, number: int, fate: str) -> None:
        """The answer begins: whole, or the first piece of a stream."""
        if called.url.endswith("/api/pull"):
            called.stream(b'{"status":"success"}\n', kind="application/x-ndjson")
            return
        native = "/v1/" not in called.url
        body = called.json
        if native and "messages" not in body:
            called.answer(200, {"model": "m", "response": "", "done": True, "done_reason": "load"})
        elif body.get("stream", native):
            called.head(200, "application/x-ndjson" if native else "text/event-stream")
            self.go_on(called, number, fate, self.draw.randint(1, 8), native)
        else:
            self.said[number] = [f"{number}. "]
            message = {"role": "assistant", "content": f"{number}. "}
            whole: dict[str, Any] = {"model": "m", "message": message, "done": True, "done_reason": "stop"}
            if not native:
                whole = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
            data = json.dumps(whole).encode()
            called.answer(200, data[: len(data) // 2] if fate == "cut" else data)

    def go_on(self, called: Called, number: int, fate: str, left: int, native: bool) -> None:
        """The next piece of a stream, its end, or what stands for one."""
        draw = self.draw
        if left:
            if fate == "cut" and not native and not self.said[number] and draw.random() < 0.5:
                called.data(delta(tool_calls=[_TOOL]))  # a call that is begun and never told
                called.fail("reset")
                return
            text = f"{number}.{left} "
            self.said[number].append(text)
            data = line(text) if native else delta(text)
            cut = draw.randrange(len(data))
            called.data(data[:cut])
            if called.open:
                called.data(data[cut:])
            wait = draw.expovariate(1 / 6) if fate == "slow" else 0.3
            self.later(called, wait, lambda: self.go_on(called, number, fate, left - 1, native))
        elif fate == "cut":
            called.end() if draw.random() < 0.5 else called.fail("reset")
        elif fate == "fault":
            called.data(b'{"error":"oh"}\n' if native else b'data: {"error":{"message":"oh"}}\n\n')
        elif fate != "silent":
            called.data(line(done=True) if native else ending())
            if called.open:
                called.end() if draw.random() < 0.8 else called.fail("closed")

    def probe(self) -> None:
        """The chores that are due are done, each in its time and not always well."""
        for chore in self.run_.chores():
            wait, luck = self.draw.expovariate(2.0), self.draw.random()

            def answer(chore: Any = chore, luck: float = luck) -> None:
                self.run_.tell(chore, None if luck < 0.2 else listing(chore.path, ["m"]))

            self.after(wait, answer)

    # What must hold ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        gateway = self.run_.gateway
        assert gateway.admission.waiting <= gateway.config.queue.size, "the queue is longer than it may be"
        for backend in gateway.backends():
            places = backend.config.max_concurrent_requests
            assert 0 <= gateway.admission.running(backend.id) <= (places or 1000), "more run than there are places"
        for asked in self.asked:
            if asked.over:
                assert not [called for called in asked.calls if called.open], f"{asked.name}: a call outlives it"

    def verdict(self) -> None:
        """What must hold when everybody has ended."""
        run = self.run_
        for asked in self.asked:
            assert asked.over, f"{asked.name} never ends"
            self.note(f"{asked.name}: {asked.heads[0].status if asked.heads else None} {asked.body!r}")
            if not asked.gone:
                self.judge(asked)
        assert run.running == 0, "places were not given back"
        assert run.gateway.admission.waiting == 0, "somebody still waits"

    def judge(self, asked: Asked) -> None:
        """An answer is whole and of one attempt, or it says that it is none."""
        if asked.status != 200 or "/api/tags" in asked.name or "/api/pull" in asked.name:
            assert asked.status < 600 and asked.body
            return
        kind = asked.headers["content-type"]
        if "event-stream" in kind:
            assert asked.body.endswith(b"data: [DONE]\n\n") or b'"error"' in asked.body, f"{asked.name}: no end"
            rows = [json.loads(row[6:]) for row in asked.body.split(b"\n\n") if row[:7] == b"data: {"]
            text = "".join(c["delta"].get("content") or "" for row in rows for c in row.get("choices", ()))
            broken = any("error" in row for row in rows)
        elif "choices" in asked.body.decode()[:200] or "ndjson" not in kind:
            whole = asked.json
            text = (whole.get("message") or whole.get("choices", [{"message": {}}])[0]["message"]).get("content", "")
            broken = False
        else:
            assert asked.lines[-1].get("done") is True or "error" in asked.lines[-1], f"{asked.name}: no end"
            assert not any(row.get("done") for row in asked.lines[:-1]), f"{asked.name}: something after the end"
            text = _text_of(asked.lines)
            broken = "error" in asked.lines[-1]
            assert b"never" not in asked.body, f"{asked.name}: a call that another attempt began"
        if "demo" not in asked.name and "/api/generate" not in asked.name:
            said = ["".join(pieces) for pieces in self.said.values()]
            found = any(whole.startswith(text) for whole in said) if broken else text in said
            assert found, f"{asked.name}: {text!r} is no attempt's answer"


def _text_of(rows: list[Any]) -> str:
    return "".join(row["message"]["content"] if "message" in row else row.get("response", "") for row in rows)
