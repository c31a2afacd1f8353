"""The values between the core and an I/O layer."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from ollamux.contract import Call, Cancel, Data, End, Head, Read, WakeAt, Want


def test_wants_are_values_equal_where_they_say_the_same() -> None:
    assert Data(b"x") == Data(b"x") and Head(200, ()) == Head(200, (), now=False) and End() == End(broken=False)
    assert Cancel(1) != Cancel(2) and Read(1, True) != Read(1, False)


@pytest.mark.parametrize("want", get_args(Want))
def test_no_want_can_be_changed_once_it_is_said(want: type) -> None:
    fields = [field.name for field in msgspec.structs.fields(want)]
    made = want(**dict.fromkeys(fields, 0))
    with pytest.raises(AttributeError):
        setattr(made, fields[0], 1)


def test_a_call_goes_over_http_and_anywhere_unless_it_says_otherwise() -> None:
    call = Call(1, "b", "POST", "http://h/", (), b"")
    assert (call.target, call.connect_timeout, call.public_only) == ("http", 5.0, False)


def test_a_moment_is_a_number() -> None:
    assert WakeAt(1.5).when == 1.5
