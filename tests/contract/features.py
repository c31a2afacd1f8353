"""What each pair of a client's protocol and a vendor is held to, feature by feature.

A feature is tried whole and streamed where both exist. It comes to an empty text where everything arrived, else to the
reason why it cannot, in ollamux's own words: a warning that came with the answer, or the refusal in its place.

Rules: whatever is lost without a word is a failure, and so is whatever else is not as it was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from tests.contract.going_on import GOING_ON
from tests.contract.house import House, model_of
from tests.contract.real import REAL, REAL_FEATURES
from tests.contract.wishes import LIMIT, PICTURE, SCHEMA, STOP, Client, Got, Wish
from tests.support.raw import eventually, post, raw
from tests.support.running import Answered
from tests.support.vendors.playing import Player
from tests.support.vendors.scenario import CACHED, FAULT, READ, REFUSED, REPLIES, RETRY_AFTER, WRITTEN, Result, Seen

__all__ = ("FEATURES", "tried")

_RESULTS = (
    ("get_weather", {"city": "Paris", "days": 2}, "sunny"),
    ("get_weather", {"city": "Graz", "days": 3}, "rain, 7\u00b0C"),
)


class _Pair(NamedTuple):
    house: House
    client: Client
    player: Player

    def ask(self, wish: Wish) -> Answered:
        path, body = self.client.ask(wish._replace(model=model_of(self.player.vendor.name)))
        return self.house.server.ask("POST", path, body, {"Content-Type": "application/json"})


def tried(house: House, client: Client, vendor: str, feature: str) -> str:
    """The reason why this cannot be, empty where it can. Raises AssertionError where it should."""
    if vendor == REAL:
        return REAL_FEATURES[feature](house.server, client, model_of(vendor)).replace(
            f'"{model_of(vendor)}"', "the model"
        )
    pair = _Pair(house, client, house.players[vendor])
    del pair.player.seen[:], pair.player.wrong[:]
    reason = FEATURES[feature](pair)
    assert not pair.player.wrong, pair.player.wrong
    return reason.replace(f'"{model_of(vendor)}"', "the model")


# What is asked for ----------------------------------------------------------------------------------------------------


def _lost(wish: Wish, seen: Seen) -> list[str]:
    """What the vendor was not told of the wish."""
    wanted: dict[str, tuple[object, object]] = {
        "tools": (seen.tools, ("get_weather",) if wish.tools else ()),
        "results": (seen.results, tuple(Result(*result) for result in wish.results)),
        "images": (seen.images, (PICTURE,) if wish.image else ()),
        "schema": (seen.schema, wish.schema),
        "stops": (seen.stops, (wish.stop,) if wish.stop else ()),
        "thinking": (seen.thinking or not wish.think, True),  # an Ollama client need not ask
        "stream": (seen.stream, wish.stream),
        "usage": (seen.usage, True),
    }
    if wish.limit is not None:
        wanted["limit"] = (seen.limit, wish.limit)
    return [f"{name}: {found!r} for {asked!r}" for name, (found, asked) in wanted.items() if found != asked]


def _answered(pair: _Pair, wish: Wish) -> tuple[Got | None, str]:
    """What the client got, and why not all of it."""
    answer = pair.ask(wish)
    if answer.status in (400, 501) and not pair.player.seen:
        return None, pair.client.error(answer)
    assert answer.status == 200, answer
    assert answer.header("x-backend-used") == pair.player.vendor.name
    assert pair.player.vendor.upstream.encode() not in answer.body, "the client knows the model by another name"
    got = pair.client.streamed(answer.body) if wish.stream else pair.client.whole(answer.body)
    lost = _lost(wish, pair.player.seen[-1])
    warning = answer.header("x-ollamux-warning") or ""
    assert warning or not lost, f"lost without a word: {lost}"
    return got, warning if lost else ""


def _expected(pair: _Pair, wish: Wish, *, thought: bool) -> tuple[object, ...]:
    reply = REPLIES[wish.scenario]
    finish = reply.finish
    if finish == "stop_sequence" and not pair.player.vendor.tells_stops:
        finish = "stop"
    calls = tuple((call.name, call.arguments) for call in reply.calls)
    return "".join(reply.texts), reply.thought if thought else "", calls, pair.client.finishes[finish]


def _wished(*wishes: Wish) -> Callable[[_Pair], str]:
    """A feature that is there where each of these wishes is answered as it was scripted."""

    def feature(pair: _Pair) -> str:
        reasons: list[str] = []
        for wish in wishes:
            got, reason = _answered(pair, wish)
            reasons.append(reason)
            if got is None:
                continue
            thinks = wish.think and pair.player.seen[-1].thinking
            stopped = wish.stop is None or bool(pair.player.seen[-1].stops)
            expected = _expected(pair, wish, thought=thinks)
            assert (got.read, got.written) == (READ, WRITTEN), got
            assert got[:4] == expected or (not stopped and got[:3] == expected[:3]), (got, expected)
        assert len(set(reasons)) == 1, reasons
        return reasons[0]

    return feature


def _both(wish: Wish) -> Callable[[_Pair], str]:
    return _wished(wish, wish._replace(stream=True))


def _usage(pair: _Pair) -> str:
    """Tokens read and written; what was cached, where both sides have a word for it."""
    told = pair.client.tells_cached and pair.player.vendor.tells_cached
    for stream in (False, True):
        got, reason = _answered(pair, Wish("text", stream))
        assert got is not None and not reason
        assert (got.read, got.written) == (READ, WRITTEN), got
        assert got.cached == CACHED if told else not got.cached, got
    return ""


def _loop(pair: _Pair) -> str:
    """A call comes with a thought, which is back when its result is: in front of the call, as it was signed."""
    reasons: list[str] = []
    vendor = pair.player.vendor
    for stream in (False, True):
        wish = Wish("loop", stream, tools=True, think=True)
        path, body = pair.client.ask(wish._replace(model=model_of(vendor.name)))
        first = pair.house.server.ask("POST", path, body, {"Content-Type": "application/json"})
        if first.status in (400, 501):
            return pair.client.error(first)
        assert first.status == 200, first
        thinks = pair.player.seen[-1].thinking
        body = GOING_ON[pair.client.name](body, first.body, "play:results, sunny")
        second = pair.house.server.ask("POST", path, body, {"Content-Type": "application/json"})
        assert second.status == 200, second
        got = pair.client.streamed(second.body) if stream else pair.client.whole(second.body)
        seen = pair.player.seen[-1]
        assert (got.text, got.calls) == ("".join(REPLIES["results"].texts), ())
        assert seen.results == (Result("get_weather", {"city": "Paris", "days": 2}, "play:results, sunny"),), seen
        expected = vendor.signs if thinks else ()
        assert seen.signed in (expected, ()), seen
        warning = second.header("x-ollamux-warning") or first.header("x-ollamux-warning") or ""
        assert warning or (seen.signed == expected and thinks), f"lost without a word: {expected}"
        reasons.append(warning)
    assert len(set(reasons)) == 1, reasons
    return reasons[0]


# What goes wrong ------------------------------------------------------------------------------------------------------


def _refused(scenario: str, status: int) -> Callable[[_Pair], str]:
    def feature(pair: _Pair) -> str:
        for stream in (False, True):
            answer = pair.ask(Wish(scenario, stream))
            assert answer.status == status, answer
            assert REFUSED in pair.client.error(answer), answer
            if status == 429:
                told = answer.header("retry-after") == str(RETRY_AFTER)
                assert told or f'"retryDelay": "{RETRY_AFTER}s"'.encode() in answer.body, answer
        return ""

    return feature


def _broken(*scenarios: str) -> Callable[[_Pair], str]:
    """Told as broken; a whole answer that breaks off is a bad gateway."""

    def feature(pair: _Pair) -> str:
        if "cut" in scenarios:
            answer = pair.ask(Wish("cut"))
            assert answer.status == 502 and pair.client.error(answer), answer
        for scenario in scenarios:
            answer = pair.ask(Wish(scenario, True))
            assert answer.status == 200 and b"Hel" in answer.body, answer
            text = pair.client.fault(answer.body)
            assert FAULT in text if scenario == "fault" else text, answer
        return ""

    return feature


def _left(pair: _Pair) -> str:
    """The vendor's connection is closed within a second."""
    for stream in (False, True):
        path, body = pair.client.ask(Wish("hang", stream, model_of(pair.player.vendor.name)))
        with raw(pair.house.server) as client:
            client.send(post(path, body))
            if stream:
                client.until(b"Hel")
            else:
                assert eventually(lambda: bool(pair.player.seen))
            client.sock.close()
            assert pair.player.left.get(timeout=1.0)
    return ""


FEATURES: dict[str, Callable[[_Pair], str]] = {
    "text": _wished(Wish("text")),
    "text, streamed": _wished(Wish("text", True)),
    "a tool called": _both(Wish("tool", tools=True)),
    "tools called in parallel": _both(Wish("parallel", tools=True)),
    "results of tools": _both(Wish("results", tools=True, results=_RESULTS)),
    "thinking": _both(Wish("thinking", think=True)),
    "thinking in a loop of tools": _loop,
    "a picture": _both(Wish("image", image=True)),
    "an answer by a schema": _both(Wish("schema", schema=SCHEMA)),
    "a limit of tokens": _both(Wish("length", limit=LIMIT)),
    "a stop sequence": _both(Wish("stop", stop=STOP)),
    "usage": _usage,
    "429 with the time to wait": _refused("limited", 429),
    "400 with the reason": _refused("refused", 400),
    "an answer that breaks off": _broken("cut", "eof"),
    "an error in the stream": _broken("fault"),
    "a client that leaves": _left,
}
"""The rows of the matrix."""
