"""What stands in heads."""

from __future__ import annotations

from ollamux.exchange.heads import header, stream_head, warned


def test_a_header_is_found_in_any_case_and_is_empty_where_it_is_not_there() -> None:
    assert header([("A", "1"), ("Content-TYPE", "x"), ("content-type", "y")], "content-type") == "x"
    assert header([], "content-type") == ""


def test_each_warning_has_a_header_of_its_own() -> None:
    assert warned(("a", "b")) == (("X-Ollamux-Warning", "a"), ("X-Ollamux-Warning", "b"))


def test_only_server_sent_events_ask_not_to_be_kept() -> None:
    told = (("X-Backend-Used", "b"),)
    head = stream_head("text/event-stream", told)
    assert head.headers == (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"), *told)
    assert (head.status, head.now) == (200, True)
    assert stream_head("application/x-ndjson", ()).headers == (("Content-Type", "application/x-ndjson"),)
