"""A request to a backend."""

from __future__ import annotations

from ollamux.formats.outgoing import Outgoing


def test_a_request_with_another_body_or_other_warnings_is_the_same_in_all_else() -> None:
    first = Outgoing("/chat", b"{}", ("lost",), (("A", "b"),))
    assert first.with_body(b"[]") == Outgoing("/chat", b"[]", ("lost",), (("A", "b"),))
    assert first.warned(()) == Outgoing("/chat", b"{}", (), (("A", "b"),))
    assert first == Outgoing("/chat", b"{}", ("lost",), (("A", "b"),))
