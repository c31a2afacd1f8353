"""The short way in for ordinary requests: a head and a body with its length, read by llhttp straight into what the core
takes, with no request object, no stream and no task.

Strategy: bytes are parsed as they come and kept as they came. A request that turns out to be anything but ordinary (a
chunked or a large body, Expect, an upgrade, more than one request at a time, odd headers, a broken line) is given up:
all its bytes go to aiohttp's parser, which then keeps the connection.

Rules: nothing is answered from here, so a request has the same answer both ways; nothing that has been given up is
looked at again, so the two parsers never see different halves of one stream.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, cast

import httptools

from ollamux_aiohttp.heads import Names, PlainHeaders, behind, read_post

__all__ = ("BODY_LIMIT", "GIVEN_UP", "MORE", "WHOLE", "LaneHeaders", "LaneParser", "headers_of")

BODY_LIMIT: Final = 1024 * 1024
"""Bytes of a body that are collected here; a larger one is read with back-pressure."""

MORE: Final = 0
WHOLE: Final = 1
GIVEN_UP: Final = -1

_HEADERS_LIMIT: Final = 100
_ODD: Final = frozenset(("transfer-encoding", "expect", "upgrade", "content-encoding"))
_names: Final = Names()


class LaneHeaders:
    """The headers of one request, by their names in lower case; of a name that comes twice, the first."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[str, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name].decode("utf-8", "surrogateescape")

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def keys(self) -> list[str]:
        return list(self._fields)

    def values(self) -> list[str]:
        return [self[name] for name in self._fields]

    def items(self) -> list[tuple[str, str]]:
        return [(name, self[name]) for name in self._fields]

    def get(self, name: str, default: str | None = None) -> str | None:
        value = self._fields.get(name)
        return default if value is None else value.decode("utf-8", "surrogateescape")


cast(ABCMeta, Mapping).register(LaneHeaders)  # not its base: a class that Cython compiles has none in Python


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> LaneHeaders:
    """Headers that another parser read, as the lane has them."""
    fields: dict[str, bytes] = {}
    for name, value in raw:
        fields.setdefault(_names.lower(name), value)
    return LaneHeaders(fields)


class LaneParser:
    """Reads one request after the other. `takes` says of a method and a target whether they may go this way;
    `head_limit` bounds the bytes of a head; without `quick`, llhttp reads all requests. After `feed` has said WHOLE,
    the attributes describe the request."""

    __slots__ = (
        "_before",
        "_body",
        "_count",
        "_done",
        "_fields",
        "_head_limit",
        "_head_size",
        "_odd",
        "_parser",
        "_quick",
        "_raw",
        "_takes",
        "body",
        "head_only",
        "headed",
        "headers",
        "method",
        "old",
        "path",
        "should_close",
    )

    def __init__(self, takes: Callable[[str, str], bool], head_limit: int, *, quick: bool = True) -> None:
        self._takes = takes
        self._quick = quick
        self._before: PlainHeaders | None = None
        self._head_limit = head_limit
        self._parser: httptools.HttpRequestParser | None = None
        self._raw = bytearray()
        self._body: list[bytes] = []
        self._fields: dict[str, bytes] = {}
        self._count = 0
        self._head_size = 0
        self._done = False
        self._odd = False
        self.head_only = False
        self.headed = False
        self.method = ""
        self.path = ""
        self.should_close = False
        self.old = False
        self.body = b""
        self.headers: LaneHeaders | PlainHeaders = LaneHeaders(self._fields)

    def feed(self, data: bytes) -> int:
        """WHOLE: the attributes hold a request, and nothing follows it. MORE: not yet. GIVEN_UP: `given_up` has all
        bytes since the last whole request."""
        if self._quick and not self._raw and self._read_plain(data):
            return WHOLE
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(self)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, httptools.HttpParserCallbackError):
            self._odd = True
        if self._odd or not self._done:
            self._raw += data
            return GIVEN_UP if self._odd else MORE
        self.headers = LaneHeaders(self._fields)
        body = self._body
        self.body = body[0] if len(body) == 1 else b"".join(body)
        self._raw = bytearray()
        self._done = False
        return WHOLE

    def _read_plain(self, data: bytes) -> bool:
        """A POST that came whole in one read, with nothing about it that needs a second look."""
        headers = read_post(data, self._before)
        if headers is None:
            return False
        size = headers.size
        if size > self._head_limit or len(data) - size > BODY_LIMIT:
            return False
        before = self._before
        if headers is not before:
            if (before is None or headers.target != before.target) and not self._takes("POST", headers.target):
                return False
            self._before = headers
        self.path = headers.target
        self.method = "POST"
        self.head_only = False
        self.should_close = False
        self.old = False
        self.headers = headers
        self.body = behind(data, size)
        return True

    def given_up(self) -> bytes:
        """The bytes for the other parser."""
        raw, self._raw = self._raw, bytearray()
        self._parser = None
        return bytes(raw)

    def on_message_begin(self) -> None:
        """llhttp: the first byte of a request."""
        if self._done:
            self._odd = True  # one more behind the one that is whole
            return
        self._body = []
        self._fields = {}
        self._count = 0
        self._head_size = 0
        self.headed = False
        self.path = ""

    def on_url(self, url: bytes) -> None:
        """llhttp: the target, or a piece of it."""
        self.path += url.decode("utf-8", "surrogateescape")
        self._head_size += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: a header."""
        if self.headed:
            self._odd = True  # a trailer
            return
        found = _names.lower(name)
        if found in _ODD:
            self._odd = True
        elif found not in self._fields:
            self._fields[found] = value
        elif found == "host" or found == "content-length":
            self._odd = True
        self._count += 1
        self._head_size += len(name) + len(value) + 4

    def on_headers_complete(self) -> None:
        """llhttp: the head is complete."""
        parser = self._parser
        assert parser is not None
        self.headed = True
        self.method = parser.get_method().decode()
        self.head_only = self.method == "HEAD"
        length = self._fields.get("content-length")
        if (
            (length is not None and int(length) > BODY_LIMIT)
            or self._count > _HEADERS_LIMIT
            or self._head_size > self._head_limit
            or self.path[:1] != "/"
            or ("host" not in self._fields and parser.get_http_version() == "1.1")
            or not self._takes(self.method, self.path)
        ):
            self._odd = True

    def on_body(self, data: bytes) -> None:
        """llhttp: a piece of the body."""
        self._body.append(data)

    def on_message_complete(self) -> None:
        """llhttp: the request is whole. Only now does it know whether the connection stays."""
        parser = self._parser
        assert parser is not None
        self.should_close = not parser.should_keep_alive()
        self.old = parser.get_http_version() != "1.1"
        self._done = True
