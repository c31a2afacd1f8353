"""The values between the core and an I/O layer."""

from __future__ import annotations

from typing import get_args

import pytest

from ollamux._build import compiled
from ollamux.contract import Call, Cancel, ClientRequest, Data, End, Head, Read, Value, WakeAt, Want, Whole, spread


def test_wants_are_values_equal_where_they_say_the_same() -> None:
    assert Data(b"x") == Data(b"x") and Head(200, ()) == Head(200, (), now=False) and End() == End(broken=False)
    assert Cancel(1) != Cancel(2) and Read(1, True) != Read(1, False)


@pytest.mark.parametrize("want", (*get_args(Want), ClientRequest))
def test_a_value_tells_what_it_says_in_the_order_in_which_it_is_made(want: type[Value]) -> None:
    told = [_told(name, place) for place, name in enumerate(want.__match_args__)]
    made = want(*told)
    assert [getattr(made, name) for name in want.__match_args__] == told


@pytest.mark.parametrize("want", get_args(Want))
@pytest.mark.skipif(not compiled(["ollamux.contract"]), reason="the pure build leaves it to the type checker")
def test_no_want_can_be_changed_once_it_is_said(want: type[Value]) -> None:
    made = _some_of(want)
    with pytest.raises(AttributeError):
        setattr(made, want.__match_args__[0], 1)


@pytest.mark.parametrize("want", get_args(Want))
def test_a_want_is_no_other_want_that_says_the_same(want: type[Value]) -> None:
    assert _some_of(want) == _some_of(want) and _some_of(want) != object()
    others = [other for other in get_args(Want) if other is not want]
    assert not [other for other in others if _some_of(want) == _some_of(other)]


def test_a_want_is_shown_with_its_fields() -> None:
    assert repr(Head(200, (("A", "b"),))) == "Head(status=200, headers=(('A', 'b'),), now=False, lines=b'')"


def _some_of(want: type[Value]) -> Value:
    return want(**{name: _told(name, 1) for name in want.__match_args__})


def _told(name: str, place: int) -> object:
    """What may stand in a field of this name, another in each place."""
    if name in ("body", "data", "lines"):
        return b"%d" % place
    if name == "headers":
        return ((str(place), ""),)
    if name in ("now", "on", "close", "broken", "public_only"):
        return True
    return place if name in ("attempt", "status", "when", "connect_timeout", "wake") else str(place)


def test_a_call_goes_over_http_and_anywhere_unless_it_says_otherwise() -> None:
    call = Call(1, "b", "POST", "http://h/", (), b"")
    assert (call.target, call.connect_timeout, call.public_only) == ("http", 5.0, False)


def test_what_is_wanted_can_be_told_each_thing_by_itself() -> None:
    call = Call(1, "b", "POST", "http://h/", (), b"", wake=2.5)
    assert spread(None) == () and spread(b"x") == (Data(b"x"),)
    assert spread((call, Read(1, False))) == [call, WakeAt(2.5), Read(1, False)]
    assert spread((Cancel(1), Whole(404, (), b"no", close=True))) == [Cancel(1), Head(404, ()), Data(b"no"), End(True)]


def test_a_moment_is_a_number() -> None:
    assert WakeAt(1.5).when == 1.5
