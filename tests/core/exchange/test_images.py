"""Pictures by their address, for backends that take bytes alone."""

from __future__ import annotations

import base64

import pytest

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.config import PicturesConfig
from ollamux.conversation import Bytes, EmbedRequest, Image, Message, Part, Text, ToolCall, ToolResult, Url
from ollamux.errors import InvalidRequest
from ollamux.exchange.images import Fetching, addresses, with_pictures
from ollamux.formats.base import Dialect

BYTES_ALONE = Dialect(image_urls=False)
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
A, B = "https://a.example/1.png", "http://b.example/2"


def chat(*parts: Part) -> ChatRequest:
    return ChatRequest("m", [Message("user", list(parts))])


def picture(url: str) -> Image:
    return Image(Url(url), "low", "5m")


def fetch(fetching: Fetching, body: bytes, *pieces: bytes) -> bool:
    fetching.call(1)
    fetching.head(200, [("Content-Type", "text/html")])
    for piece in (body, *pieces):
        fetching.data(piece)
    return fetching.end()


def refused(fetching: Fetching, url_and_reason: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        fetching.call(1)
    assert url_and_reason in error.value.message and error.value.status == 400


def test_each_address_is_fetched_once_in_the_order_of_the_request_and_in_what_tools_answered_too() -> None:
    result = ToolResult("c", [picture(B), picture(A)])
    request = ChatRequest(
        "m",
        [
            Message("user", [Text("see"), picture(A)]),
            Message("assistant", [ToolCall("c", "f", "{}")]),
            Message("tool", [result]),
        ],
    )
    assert addresses(request, BYTES_ALONE) == (A, B)


def test_nothing_is_fetched_for_a_backend_that_fetches_itself_nor_for_requests_without_such_pictures() -> None:
    assert addresses(chat(picture(A)), Dialect()) == ()
    assert addresses(chat(Image(Bytes("AAAA")), picture("s3://bucket/1.png")), BYTES_ALONE) == ()
    plain = PlainMessages(b'[{"role":"user","content":"https://a.example/1.png"}]')
    assert addresses(ChatRequest("m", plain), BYTES_ALONE) == ()
    assert addresses(EmbedRequest("m", [A]), BYTES_ALONE) == ()


def test_the_bytes_come_into_the_place_of_their_address_and_nothing_else_changes() -> None:
    got = Bytes("AAAA", "image/png")
    request = ChatRequest(
        "m",
        [
            Message("system", [Text("be kind")]),
            Message("user", [Text("see"), picture(A), picture(B)]),
            Message("tool", [ToolResult("c", [picture(A)])]),
        ],
        stream=True,
    )
    filled = with_pictures(request, {A: got})
    assert filled.stream and filled.messages[0] is request.messages[0]
    assert filled.messages[1].parts == [Text("see"), Image(got, "low", "5m"), picture(B)]
    assert filled.messages[2].parts == [ToolResult("c", [Image(got, "low", "5m")])]


def test_one_call_follows_the_other_and_each_goes_to_public_addresses_alone_without_any_credentials() -> None:
    fetching = Fetching((A, B), 100.0, PicturesConfig(timeout=7.0))
    assert fetching.deadline == 107.0
    call = fetching.call(3)
    assert (call.attempt, call.method, call.url, call.body, call.public_only) == (3, "GET", A, b"", True)
    assert "Authorization" not in dict(call.headers)
    assert fetch(fetching, PNG[:3], PNG[3:]) is True
    assert fetching.call(4).url == B
    assert fetch(fetching, b"\xff\xd8\xff\xe0") is False
    assert fetching.fetched == {
        A: Bytes(base64.b64encode(PNG).decode(), "image/png"),
        B: Bytes(base64.b64encode(b"\xff\xd8\xff\xe0").decode(), "image/jpeg"),
    }


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (PNG, "image/png"),
        (b"GIF89a", "image/gif"),
        (b"BM\x00\x00", "image/bmp"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
    ],
)
def test_a_picture_is_what_its_first_bytes_say_whatever_the_header_claims(body: bytes, kind: str) -> None:
    fetching = Fetching((A,), 0.0)
    fetch(fetching, body)
    assert fetching.fetched[A].mime == kind


@pytest.mark.parametrize("body", [b"", b"<html>", b"%PDF-1.7", b"RIFF\x00\x00\x00\x00WAVE", b"\x1f\x8b\x08"])
def test_what_is_no_picture_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"a\.example/1\.png cannot be fetched: what stands there is no picture"):
        fetch(Fetching((A,), 0.0), body)


def test_an_address_that_leads_elsewhere_is_followed_a_few_times_and_the_picture_keeps_its_own_address() -> None:
    fetching = Fetching((A,), 0.0, PicturesConfig())
    for status, location, leads_to in (
        (302, "/other.png", "https://a.example/other.png"),
        (308, "http://c.example/x?y=1#z", "http://c.example/x?y=1"),
        (307, "last.png", "http://c.example/last.png"),
    ):
        fetching.call(1)
        fetching.head(status, [("location", location)])
        fetching.data(b"moved")
        assert fetching.end() is True
        call = fetching.call(2)
        assert (call.url, call.public_only) == (leads_to, True)
    fetching.head(200, [])
    fetching.data(PNG)
    assert fetching.end() is False and list(fetching.fetched) == [A]
    endless = Fetching((A,), 0.0)
    for number in range(3):
        endless.call(number)
        endless.head(301, [("Location", B)])
        endless.end()
    endless.call(9)
    with pytest.raises(InvalidRequest, match="leads elsewhere too often"):
        endless.head(301, [("Location", B)])


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://user:pw@c.example/", "gopher://x", "http://[::1"])
def test_an_address_that_leads_to_something_else_than_the_web_is_not_followed(location: str) -> None:
    fetching = Fetching((A,), 0.0)
    fetching.call(1)
    with pytest.raises(InvalidRequest, match=r"a\.example/1\.png cannot be fetched") as error:
        fetching.head(302, [("Location", location)])
        fetching.end()
        fetching.call(2)
    assert "pw" not in error.value.message


def test_from_where_pictures_are_fetched_is_configured() -> None:
    assert Fetching((A,), 0.0, PicturesConfig(fetch="anywhere")).call(1).public_only is False
    with pytest.raises(InvalidRequest, match="are not fetched by their address here"):
        Fetching((A,), 0.0, PicturesConfig(fetch="never"))


def test_too_many_too_large_and_too_slow_ones_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="1 pictures by their address at most"):
        Fetching((A, B), 0.0, PicturesConfig(count=1))
    small = PicturesConfig(size=len(PNG))
    fetching = Fetching((A,), 0.0, small)
    fetch(fetching, PNG)
    with pytest.raises(InvalidRequest, match=f"it is larger than {len(PNG)} bytes"):
        fetch(Fetching((A,), 0.0, small), PNG, b"\x00")
    fetching = Fetching((A,), 0.0, small)
    fetching.call(1)
    with pytest.raises(InvalidRequest, match="it is larger"):
        fetching.head(200, [("Content-Length", str(len(PNG) + 1))])
    assert fetching.too_slow().message == "the picture at https://a.example/1.png cannot be fetched: it took too long"


def test_what_went_wrong_on_the_way_is_told_and_the_query_of_an_address_is_not() -> None:
    fetching = Fetching(("https://u@a.example/1.png?X-Signature=s3cret",), 0.0)
    for kind, words in (("configuration", "open internet"), ("dns", "not known"), ("reset", "did not answer")):
        error = fetching.failed(kind)  # type: ignore[arg-type]
        assert words in error.message and "s3cret" not in error.message and "u@" not in error.message
    fetching = Fetching((A,), 0.0)
    fetching.call(1)
    with pytest.raises(InvalidRequest, match="answered with status 404"):
        fetching.head(404, [])
    long = Fetching(("https://a.example/" + "x" * 5000,), 0.0)
    assert len(long.too_slow().message) < 200


def test_an_address_goes_out_as_a_request_line_can_hold_it() -> None:
    url = "https://bücher.example:8443/größe/ä b.png?q=ü&r=%20#teil"
    assert Fetching((url,), 0.0).call(1).url == (
        "https://xn--bcher-kva.example:8443/gr%C3%B6%C3%9Fe/%C3%A4%20b.png?q=%C3%BC&r=%20"
    )
    assert Fetching(("http://[2001:db8::1]",), 0.0).call(1).url == "http://[2001:db8::1]/"
    refused(Fetching(("http:///x",), 0.0), "none of http or https")
    refused(Fetching(("http://a.example:99999/",), 0.0), "cannot be read")
