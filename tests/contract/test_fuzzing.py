"""What no client and no vendor should send: requests and answers that are almost right, mutilated in every way.

Strategy: a true request of each client's protocol and a true answer of each vendor's are changed somewhere (a value
replaced, left out, wrapped, doubled; bytes cut, turned over, put in between) and sent through a gateway of virtual
time. Beside each runs a request that is right.

Rules: nothing raises, nothing waits for ever, every request is told a status, every place is given back; the request
beside it is answered as if nothing had been, and neither hears a word of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.contract.house import CLIENTS, VENDORS, model_of
from tests.contract.wishes import SCHEMA, Wish
from tests.support.driving import Asked, Called, Driven, driven
from tests.support.vendors.playing import Vendor
from tests.support.vendors.scenario import REPLIES, Seen

_RESULTS = (("get_weather", {"city": "Paris", "days": 2}, "sunny"),)
WISHES = (
    Wish("text"),
    Wish("tool", tools=True),
    Wish("results", tools=True, results=_RESULTS),
    Wish("thinking", think=True, limit=2000, stop="x"),
    Wish("image", image=True),
    Wish("schema", schema=SCHEMA),
)
ABLE = ["completion", "tools", "thinking", "vision"]
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, -0.0, 1.5, 2**70, 10**400, 1e308, "", "x", "null", "\x00", "\ud83d", "\ude00\ud83d", "\u2028"),
    *([], {}, [None], [[]], {"type": "text"}, {"": 0}, {"\ud83d": "\x00"}, "DEEP", "ENDLESS"),
)
RAW = {b'"DEEP"': b"[" * 3000 + b"]" * 3000, b'"ENDLESS"': b"1e999"}
"""What Python's encoder would not write."""
BYTES = (b"", b"\x00", b"\xff", b"{", b"}", b'"', b"\n", b"\n\n", b"\r", b"data: ", b"[" * 300, b"null")
WAYS = ("replaced", "left out", "wrapped", "doubled", "said twice")
OTHERS = "said to another"


class Twice(dict[str, Any]):
    """An object that is written with one of its keys twice."""

    def __init__(self, value: dict[str, Any], key: str, leaf: Any) -> None:
        super().__init__(value)
        self.again = (key, leaf)

    def items(self) -> Any:
        return [*super().items(), self.again]

    def copy(self) -> Twice:
        return Twice(self, *self.again)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to every value in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, inner in dict.items(value):
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from places(inner, (*path, place))


def changed(value: Any, path: tuple[Any, ...], how: str, leaf: Any) -> Any:
    """The value with what stands at this place replaced, left out, wrapped in a list, or said twice."""
    if not path:
        return {"replaced": leaf, "wrapped": [value], "left out": {}}.get(how, [value, value])
    key, *rest = path
    copy = value.copy()
    if rest:
        copy[key] = changed(value[key], tuple(rest), how, leaf)
    elif how == "left out":
        del copy[key]
    elif how == "doubled" and isinstance(copy, list):
        copy.insert(key, copy[key])
    elif how == "said twice" and isinstance(copy, dict):
        return Twice(copy, key, leaf)
    else:
        copy[key] = [value[key]] if how == "wrapped" else leaf
    return copy


def torn(draw: st.DrawFn, data: bytes) -> bytes:
    """The bytes with some cut, some turned over, or others in between."""
    at = draw(st.integers(0, len(data)))
    end = draw(st.integers(at, min(len(data), at + 12)))
    return data[:at] + draw(st.sampled_from(BYTES)) + data[end:]


def mutilated(draw: st.DrawFn, value: Any) -> bytes:
    """A JSON value, changed up to three times as a value or once as bytes."""
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(list(places(value))))
        value = changed(value, path, draw(st.sampled_from(WAYS)), draw(st.sampled_from(ODD)))
    data = json.dumps(value).encode()
    for name, raw in RAW.items():
        data = data.replace(name, raw)
    return torn(draw, data) if draw(st.integers(0, 3)) == 0 else data


def bent(draw: st.DrawFn, event: bytes) -> bytes:
    """An event of a stream, its JSON changed where it holds some and its bytes where it holds none."""
    before, mark, rest = event.partition(b"data: ")
    try:
        value = json.loads(rest if mark else event)
    except ValueError:
        return torn(draw, event)
    data = mutilated(draw, value)
    return before + mark + data + (b"\n\n" if mark else b"\n")


def gateway(vendor: Vendor) -> Driven:
    model = {"capabilities": ABLE, **vendor.model(), "backend": vendor.name}
    return driven(
        {"backends": [vendor.backend("http://vendor:1")], "models": {model_of(vendor.name): model}}, learn=False
    )


def answered(draw: st.DrawFn, called: Called, vendor: Vendor, wish: Wish) -> None:
    """Plays an answer of this vendor that is not quite right."""
    seen = Seen(wish.scenario, wish.stream, thinking=wish.think)
    reply = REPLIES[wish.scenario]
    status = draw(st.sampled_from([200, 200, 200, 200, 204, 302, 400, 429, 500, 599]))
    if not wish.stream or status != 200:
        called.head(status, "application/json")
        pieces = [mutilated(draw, vendor.whole(seen, reply) if status == 200 else vendor.refusal(status, "no")[0])]
    else:
        called.head(200, vendor.stream_type)
        pieces = vendor.stream(seen, reply)
        at = draw(st.integers(0, len(pieces) - 1))
        pieces[at] = bent(draw, pieces[at])
        pieces = pieces[: draw(st.integers(1, len(pieces)))] if draw(st.booleans()) else pieces
    for piece in pieces:
        cut = draw(st.integers(0, len(piece)))
        for data in (piece[:cut], piece[cut:]):
            if data and called.open:
                called.data(data)
    if called.open:
        if draw(st.integers(0, 4)):
            called.end()
        else:
            called.fail("closed")


def settled(run: Driven, asked: Asked) -> None:
    """Time goes by until it is over: nobody answers any more."""
    for _ in range(15):
        if asked.over:
            return
        run.pass_time(30)
    raise AssertionError("it waits for ever")


@pytest.mark.parametrize("client", CLIENTS)
@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_nothing_that_is_almost_right_breaks_anything_or_reaches_anybody_else(client: str, data: Any) -> None:
    draw = data.draw
    vendor = draw(st.sampled_from(sorted(VENDORS)))
    found = VENDORS[vendor]
    run = gateway(found)
    wish = draw(st.sampled_from(WISHES))._replace(stream=draw(st.booleans()), model=model_of(vendor))
    path, body = CLIENTS[client].ask(Wish("text", model=model_of(vendor), says=OTHERS))
    other = run.ask("POST", path, body)
    path, body = CLIENTS[client].ask(wish)
    asked = run.ask("POST", path, mutilated(draw, body), player=lambda called: answered(draw, called, found, wish))
    settled(run, asked)
    assert 200 <= asked.status < 600 and OTHERS.encode() not in asked.body
    assert all(OTHERS.encode() not in called.uploaded for called in asked.calls)
    reply = REPLIES["text"]._replace(texts=(OTHERS,))
    other.called.answer(200, found.whole(Seen("text", False), reply))
    assert other.status == 200 and OTHERS.encode() in other.body
    assert run.running == 0
