"""What stands in heads."""

from __future__ import annotations

from ollamux.exchange.heads import header, passed_on, place, place_told, stream_head, warned


def test_a_header_is_found_in_any_case_and_is_empty_where_it_is_not_there() -> None:
    assert header([("A", "1"), ("Content-TYPE", "x"), ("content-type", "y")], "content-type") == "x"
    assert header([], "content-type") == ""


def test_each_warning_has_a_header_of_its_own() -> None:
    assert warned(("a", "b")) == (("X-Ollamux-Warning", "a"), ("X-Ollamux-Warning", "b"))


def test_a_clients_words_in_a_warning_cannot_end_the_header() -> None:
    told = warned(("a\r\nSet-Cookie: x=1", "b\x00\x7f\t", "caf\u00e9 \u4f60"))
    assert [value for _, value in told] == ["a??Set-Cookie: x=1", "b???", "caf? ?"]


def test_warnings_are_bounded_in_length_and_in_number() -> None:
    told = warned(["x" * 201, "y" * 200, *map(str, range(10))])
    assert len(told) == 8
    assert told[0][1] == "x" * 197 + "..." and told[1][1] == "y" * 200
    assert told[-1][1] == "and 5 more warnings"
    assert warned(()) == ()


_LIMITS = [
    ("x-ratelimit-remaining-requests", "59"),
    ("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:00Z"),
    ("retry-after", "7"),
    ("x-request-id", "req_1"),
    ("request-id", "req_2"),
    ("apim-request-id", "3"),
    ("x-amzn-requestid", "4"),
]
_OWN = [("openai-processing-ms", "12"), ("openai-version", "2020-10-01"), ("x-should-retry", "true")]
_USUAL = [("content-type", "a/b"), ("content-length", "2"), ("date", "x"), ("server", "y"), ("set-cookie", "z")]


def test_limits_and_numbers_of_requests_go_on_to_every_client() -> None:
    assert passed_on(_USUAL + _LIMITS + _OWN, False) == tuple(_LIMITS)


def test_headers_of_the_format_go_on_to_a_client_that_speaks_it() -> None:
    assert passed_on(_USUAL + _LIMITS + _OWN, True) == tuple(_LIMITS + _OWN)


def test_of_the_usual_headers_nothing_goes_on() -> None:
    assert passed_on(_USUAL, True) == ()


def test_what_goes_on_is_named_in_lower_case_and_cannot_end_its_line() -> None:
    assert passed_on([("X-Request-ID", "a\r\nb\udcff")], False) == (("x-request-id", "a??b?"),)


def test_only_server_sent_events_ask_not_to_be_kept() -> None:
    told = (("X-Backend-Used", "b"),)
    head = stream_head("text/event-stream", told)
    assert head.headers == (("Content-Type", "text/event-stream"), ("Cache-Control", "no-cache"), *told)
    assert (head.status, head.now) == (200, True)
    assert stream_head("application/x-ndjson", ()).headers == (("Content-Type", "application/x-ndjson"),)


def test_a_place_in_the_queue_is_told_in_headers_and_as_a_comment_where_a_sign_of_life_is_one() -> None:
    assert place(3, 1.5) == (("X-Queue-Position", "3"), ("X-Queue-Wait-Ms", "1500"))
    assert place(1, None) == (("X-Queue-Position", "1"),)
    assert place_told(b": keepalive\n\n", 3, 1.6) == b": place 3 in the queue, about 2 s\n\n"
    assert place_told(b"\n", 3, 1.6) == place_told(b'{"done":false}\n', 3, 1.6) == b""
