"""Reads HTTP/1.1 responses: bytes in; status, headers and body pieces out.

Strategy: one llhttp parser (httptools) for each connection, used for response after response. It collects what a read
brought and calls nobody, so that whoever owns it reports in order when the read is parsed. `on_body` is the `append`
of a list itself: a chunk costs no Python frame. Where the compiled readers can tell, llhttp is not asked at all.

Rules:
- 1xx answers are swallowed; 101 is a fault, since nobody asked for it.
- A body that ends with the connection is ended by `ended_by_close`, not by `feed`: llhttp waits for its end.
- What comes without any body byte (heads, interim answers, chunk extensions, trailers) is bounded by HEAD_LIMIT.
- A byte after the response makes the connection unfit for another one, whatever the byte says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import httptools

from ollamux_aiohttp.heads import LastHead, Names, behind, read_answer

if TYPE_CHECKING:
    from ollamux_aiohttp._heads import ChunkReader

__all__ = ("HEAD_LIMIT", "ResponseParser")

HEAD_LIMIT: Final = 65536

_names: Final = Names()
_known: Final = _names.known


class _StopParsing(Exception):
    """Leaves llhttp from inside a callback."""


class ResponseParser:
    """`expect` begins a response, `feed` takes bytes and gives those of the body; then look at the attributes. `status`
    is 0 until the final head is complete. `done`: the response is complete. `reusable`: the connection may serve
    another. `fault`: what was wrong, in words, or empty."""

    __slots__ = (
        "_bodyless",
        "_chunks",
        "_dry",
        "_last",
        "_parser",
        "_pieces",
        "done",
        "fault",
        "headers",
        "on_body",
        "reusable",
        "status",
    )

    def __init__(self, last: LastHead | None = None) -> None:
        """`last` is the head of the last answer of the same server, whichever connection it came over."""
        self._last = last if last is not None else LastHead()
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser: httptools.HttpResponseParser | None = None
        self.expect(False)
        self.done = True

    def expect(self, bodyless: bool) -> None:
        """Begin a response; `bodyless` where the request was a HEAD."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.done = False
        self.reusable = False
        self.fault = ""
        self._bodyless = bodyless
        self._dry = 0
        self._chunks: ChunkReader | None = None

    def feed(self, data: bytes) -> bytes:
        """Parse what one read brought; what it brought of the body. Nothing is raised; a fault ends the use of the
        connection."""
        chunks = self._chunks
        if chunks is not None:
            return self._feed_chunks(chunks, data)
        if not self._dry and not self.status and not self._bodyless:
            body = self._read_plain(data)
            if body is not None:
                return body
        return self._feed_llhttp(data)

    def _feed_llhttp(self, data: bytes) -> bytes:
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpResponseParser(self)
            # Lone line feeds and padded chunk sizes are what some small servers send; both are unambiguous.
            parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
        heading = not self.status
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._stopped(error, data)
        self._dry += len(data)
        pieces = self._pieces
        if self._dry > HEAD_LIMIT and (not pieces or (heading and self._head_size() > HEAD_LIMIT)):
            self.fault = self.fault or "the head of the answer is too large"
            if heading:
                self.status = 0
                self.done = False
                pieces.clear()
        if not pieces:
            return b""
        self._dry = 0
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return body

    def _read_plain(self, data: bytes) -> bytes | None:
        """Of a 200 that is whole in one read, or comes in chunks, with nothing about it that needs a second look."""
        last = self._last
        size = -1 if self.done else read_answer(data, _known, last)
        if size < 0:
            return None
        self.headers = last.fields
        self.status = 200
        body = behind(data, size)
        chunks = last.chunks
        if chunks is not None:
            self._chunks = chunks
            return self._feed_chunks(chunks, body)
        self.done = True
        self.reusable = True
        return body

    def _feed_chunks(self, chunks: ChunkReader, data: bytes) -> bytes:
        body = chunks.feed(data)
        self._dry = 0 if body else self._dry + len(data)
        if chunks.done:
            self.done = True
            self.reusable = not chunks.more
        elif chunks.fault:
            self.fault = "the answer's chunks are broken"
        elif self._dry > HEAD_LIMIT:
            self.fault = "the head of the answer is too large"
        return body

    @property
    def silent(self) -> bool:
        """Whether not one byte of the answer has come."""
        return not self.status and not self._dry

    def ended_by_close(self) -> bool:
        """Whether the response is complete because the connection ended, and nothing else delimits it."""
        if not self.status or self.done or self.fault:
            return False
        fields = dict(self.headers)
        if "transfer-encoding" in fields:
            return fields["transfer-encoding"].rsplit(",", 1)[-1].strip().lower() != "chunked"
        return "content-length" not in fields

    def discard(self) -> None:
        """The connection is gone: let go of llhttp, which refers back to this object."""
        self._parser = None

    def on_message_begin(self) -> None:
        """llhttp: the first byte of a message."""
        if self.done:
            raise _StopParsing

    def on_header(self, name: bytes, value: bytes) -> None:
        """llhttp: a header, or a trailer, which nobody reads."""
        if self.status:
            return
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = value.decode("utf-8", "surrogateescape")
        self.headers.append((_names.lower(name), text))

    def on_headers_complete(self) -> None:
        """llhttp: a head is complete."""
        parser = self._parser
        assert parser is not None
        status = parser.get_status_code()
        if status < 200:
            if status == 101 or status < 100:
                self.fault = "the answer changes the protocol" if status == 101 else "the answer has no valid status"
                raise _StopParsing
            return
        self.status = status
        if self._bodyless:
            self.done = True
            self.reusable = parser.should_keep_alive()
            raise _StopParsing  # llhttp does not know of the HEAD and would wait for a body

    def on_message_complete(self) -> None:
        """llhttp: a message is complete."""
        if self.status:
            self.done = True
            parser = self._parser
            assert parser is not None
            self.reusable = parser.should_keep_alive()
        else:
            self.headers = []

    def _stopped(self, error: Exception, data: bytes) -> None:
        """llhttp refused to go on: the answer is broken, or complete and followed by more, or answers a HEAD."""
        self._parser = None
        if not self.done:
            self.fault = self.fault or f"the answer is not HTTP: {error}"
        elif not self._bodyless or not data.endswith((b"\r\n\r\n", b"\n\n")):
            self.reusable = False

    def _head_size(self) -> int:
        return sum(len(name) + len(value) + 4 for name, value in self.headers)
