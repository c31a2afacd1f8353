"""Credentials that a backend repeats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollamux.credentials.hiding import Hiding

KEY, LONGER = b"sk-12345678", b"sk-12345678-and-more"


def test_each_is_replaced_in_its_length_and_short_words_are_none() -> None:
    assert Hiding([KEY]).whole(b"no sk-12345678!") == b"no ***********!"
    assert Hiding([b"short"]).whole(b"a short word") == b"a short word"


@given(st.lists(st.sampled_from([KEY, LONGER, KEY[:5], b"sk-", b"x", b"\n", b"sk-sk-12345678"])), st.data())
def test_however_a_body_is_cut_the_same_goes_on(parts: list[bytes], data: st.DataObject) -> None:
    body = b"".join(parts)
    hiding = Hiding([KEY, LONGER])
    out = b""
    while body:
        size = data.draw(st.integers(1, len(body)))
        out += hiding.feed(body[:size])
        body = body[size:]
    out += hiding.close()
    assert out == hiding.whole(b"".join(parts)) and KEY not in out


def test_what_is_no_beginning_of_one_goes_on_at_once() -> None:
    hiding = Hiding([KEY])
    assert hiding.feed(b'{"status":"pulling"}\n') == b'{"status":"pulling"}\n'
    assert (hiding.feed(b"x sk-1"), hiding.feed(b"x"), hiding.close()) == (b"x ", b"sk-1x", b"")
    assert Hiding([]).feed(KEY) == KEY
