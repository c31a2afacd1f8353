"""Request heads and origins."""

from __future__ import annotations

import pytest

from ollamux_aiohttp.upstream.request import Address, RequestHead, check_headers, encode_head, parse_url


@pytest.mark.parametrize(
    ("url", "address", "host", "target"),
    [
        ("http://a/", ("http", "a", 80), "a", "/"),
        ("http://a", ("http", "a", 80), "a", "/"),
        ("HTTPS://API.Example:443/v1/x", ("https", "api.example", 443), "api.example", "/v1/x"),
        ("http://a:443/v1", ("http", "a", 443), "a:443", "/v1"),
        ("http://a?x=1", ("http", "a", 80), "a", "/?x=1"),
        ("http://a/p?x=%20&y=/?#frag", ("http", "a", 80), "a", "/p?x=%20&y=/?"),
        ("http://[::1]:8080/p", ("http", "::1", 8080), "[::1]:8080", "/p"),
        ("https://[2001:db8::1]/p", ("https", "2001:db8::1", 443), "[2001:db8::1]", "/p"),
        ("http://my_service:11434/api", ("http", "my_service", 11434), "my_service:11434", "/api"),
        (
            "http://bücher.example/ü?q=€",
            ("http", "xn--bcher-kva.example", 80),
            "xn--bcher-kva.example",
            "/%C3%BC?q=%E2%82%AC",
        ),
    ],
)
def test_a_url_is_an_origin_a_host_header_and_a_target(
    url: str, address: tuple[str, str, int], host: str, target: str
) -> None:
    assert parse_url(url) == (Address(*address), host, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a",
        "//a/",
        "ws://a/",
        "http://",
        "http://a:b/",
        "http://a:70000/",
        "http://a b/",
        "http://a/\t",
        "http://[x/",
        "http://u:secret@a/",
        "http://a..b/",
        "http://a/\x7f",
        "http://a:0/",
    ],
)
def test_a_url_that_is_none_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="the URL") as refusal:
        parse_url(url)
    assert "secret" not in str(refusal.value)


def test_framing_headers_are_not_the_callers() -> None:
    names = ("Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Proxy-Connection")
    head = encode_head("POST", "a", "/x", (*((name, "v") for name in names), ("Content-Length", "12"), ("X", "y")))
    assert head == RequestHead(b"POST /x HTTP/1.1\r\nHost: a\r\nX: y\r\n", 12)


def test_a_host_of_the_caller_takes_the_place_of_ours() -> None:
    assert encode_head("GET", "a", "/", (("hOst", "b"),)).encoded == b"GET / HTTP/1.1\r\nhOst: b\r\n"


def test_any_bytes_that_came_as_text_go_out_as_they_came() -> None:
    assert encode_head("GET", "a", "/", (("X", "€\udcff"),)).encoded.endswith(b"X: \xe2\x82\xac\xff\r\n")


@pytest.mark.parametrize("value", ["-1", "", "1 2", "x", "\u0661"])
def test_a_length_that_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        encode_head("POST", "a", "/", (("content-length", value),))


@pytest.mark.parametrize("value", ["secret\r\nX: y", "secret\n", "secret\r", "secret\0"])
def test_a_refusal_names_the_header_and_not_its_value(value: str) -> None:
    with pytest.raises(ValueError, match="header Authorization") as refusal:
        check_headers("GET", (("Authorization", value),))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("method", ["", "GET ", "G\r\nT", "GËT"])
def test_a_method_is_a_token(method: str) -> None:
    with pytest.raises(ValueError, match="method"):
        check_headers(method, ())
