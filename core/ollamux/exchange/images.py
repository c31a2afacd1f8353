"""Pictures that a client names by their address, fetched for backends that take only bytes.

Strategy: `addresses` says what has to be fetched, a `Fetching` makes one call after the other and keeps what comes,
`with_pictures` puts it into the request. Whoever drives it makes the calls, reports what happens, and gives up at
`deadline`.

Rules: only http and https, only addresses of the open internet unless the configuration says otherwise
(`Call.public_only`, checked anew where one leads to another), never with credentials; what a picture is, its first
bytes say and no header; count, bytes, time and redirects have limits. What cannot be fetched is the client's affair:
the request is refused and says which picture and why, without the query of its address, in which keys may stand.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from msgspec.structs import replace

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.config import PicturesConfig
from ollamux.contract import Call, FailureKind, HeaderPairs
from ollamux.conversation import Bytes, Image, Message, Part, ToolResult, Url
from ollamux.errors import InvalidRequest
from ollamux.exchange.heads import header
from ollamux.formats.base import Dialect, Neutral

__all__ = ("Fetching", "addresses", "with_pictures")

_HEADERS: HeaderPairs = (("Accept", "image/*"), ("Accept-Encoding", "identity"), ("User-Agent", "ollamux"))
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)
_MOVED = frozenset((301, 302, 303, 307, 308))
_SAFE = "%/:=&?~+!$,;'@()*[]"
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_LONGEST = 120
_REDIRECTS = 3
_USUAL = PicturesConfig()
_WORDS: dict[FailureKind, str] = {
    "configuration": "its address is not one of the open internet",
    "dns": "its host is not known",
    "timeout": "its host did not answer in time",
    "tls": "its host could not be trusted",
}


def addresses(request: Neutral, dialect: Dialect) -> tuple[str, ...]:
    """The addresses of pictures that this backend cannot fetch itself, each once, in their order."""
    if dialect.image_urls or not isinstance(request, ChatRequest) or isinstance(request.messages, PlainMessages):
        return ()
    found: dict[str, None] = {}
    for message in request.messages:
        _collect(message.parts, found)
    return tuple(found)


def with_pictures(request: ChatRequest, fetched: Mapping[str, Bytes]) -> ChatRequest:
    """The request with the bytes of these addresses in their place."""
    return request.having(messages=[_message(message, fetched) for message in request.messages])


class Fetching:
    """Fetches pictures one after the other. `call` gives the call to make; then report `head`, `data`, and `end` or
    `failed`; `end` says whether there is another call to make. `fetched` has what came, by its address. Raises
    InvalidRequest for what cannot be fetched: stop the call then."""

    __slots__ = ("_left", "_limits", "_moved", "_pieces", "_size", "_status", "_target", "deadline", "fetched")

    def __init__(self, urls: Sequence[str], now: float, limits: PicturesConfig = _USUAL) -> None:
        if limits.fetch == "never":
            raise InvalidRequest("pictures are not fetched by their address here: send them as data")
        if len(urls) > limits.count:
            raise InvalidRequest(f"a request may name {limits.count} pictures by their address at most")
        self._limits = limits
        self._left = list(urls)
        self._target = ""
        self._moved = 0
        self._status = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self.deadline = now + limits.timeout
        self.fetched: dict[str, Bytes] = {}

    def call(self, attempt: int, connect_timeout: float = 5.0) -> Call:
        """The next call."""
        self._target = self._usable(self._target or self._left[0])
        self._status = 0
        self._pieces = []
        self._size = 0
        public = self._limits.fetch == "public"
        return Call(
            attempt, "", "GET", self._target, _HEADERS, b"", connect_timeout=connect_timeout, public_only=public
        )

    def head(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The answer begins."""
        self._status = status
        if status in _MOVED:
            where = header(headers, "location")
            self._moved += 1
            if not where or self._moved > _REDIRECTS:
                raise self._refusal("its address leads elsewhere too often")
            try:
                self._target = urljoin(self._target, where)
            except ValueError:
                raise self._refusal("its address leads to one that cannot be read") from None
        elif status != 200:
            raise self._refusal(f"its host answered with status {status}")
        else:
            length = header(headers, "content-length")
            if length.isdecimal() and int(length) > self._limits.size:
                raise self._too_large()

    def data(self, data: bytes) -> None:
        """More of it."""
        if self._status != 200:
            return
        self._size += len(data)
        if self._size > self._limits.size:
            raise self._too_large()
        self._pieces.append(data)

    def end(self) -> bool:
        """It is complete. True where there is another call to make."""
        if self._status == 200:
            body = b"".join(self._pieces)
            kind = _kind(body)
            if not kind:
                raise self._refusal("what stands there is no picture in png, jpeg, gif, webp or bmp")
            self.fetched[self._left.pop(0)] = Bytes(base64.b64encode(body).decode(), kind)
            self._pieces = []
            self._target = ""
            self._moved = 0
        return bool(self._left)

    def failed(self, kind: FailureKind) -> InvalidRequest:
        """The call failed on the way: what the client is told."""
        return self._refusal(_WORDS.get(kind, "its host did not answer"))

    def too_slow(self) -> InvalidRequest:
        """The deadline has passed: what the client is told."""
        return self._refusal("it took too long")

    def _usable(self, url: str) -> str:
        """The address as it goes out."""
        try:
            parts = urlsplit(url.strip())
            host, port = parts.hostname or "", parts.port
            known = parts.scheme in ("http", "https") and host and not _UNSAFE.search(host)
            if not known or parts.username is not None:
                raise self._refusal("its address is none of http or https")
            name = host if host.isascii() else host.encode("idna").decode()
        except ValueError:  # UnicodeError is one
            raise self._refusal("its address cannot be read") from None
        place = f"[{name}]" if ":" in name else name
        if port is not None:
            place += f":{port}"
        return urlunsplit((parts.scheme, place, quote(parts.path, _SAFE) or "/", quote(parts.query, _SAFE), ""))

    def _too_large(self) -> InvalidRequest:
        return self._refusal(f"it is larger than {self._limits.size} bytes")

    def _refusal(self, reason: str) -> InvalidRequest:
        shown = self._left[0].partition("?")[0].partition("#")[0]
        scheme, _, rest = shown.rpartition("://")
        place, slash, path = rest.partition("/")
        shown = (f"{scheme}://" if scheme else "") + place.rpartition("@")[2] + slash + path
        if len(shown) > _LONGEST:
            shown = shown[: _LONGEST - 3] + "..."
        return InvalidRequest(f"the picture at {shown} cannot be fetched: {reason}")


def _collect(parts: Iterable[Part], found: dict[str, None]) -> None:
    for part in parts:
        if isinstance(part, ToolResult):
            _collect(part.parts, found)
        elif isinstance(part, Image) and isinstance(part.source, Url) and _fetchable(part.source.url):
            found[part.source.url] = None


def _fetchable(url: str) -> bool:
    """Whether it is for us to fetch: an address of a store that a backend knows (`s3:`, `gs:`) is for the backend."""
    return url[:8].lower().startswith(("http://", "https://"))


def _message(message: Message, fetched: Mapping[str, Bytes]) -> Message:
    parts = _filled(message.parts, fetched)
    return message if parts is message.parts else replace(message, parts=parts)


def _filled(parts: list[Part], fetched: Mapping[str, Bytes]) -> list[Part]:
    """The parts with their pictures; the same list where nothing changes."""
    made: list[Part] = []
    changed = False
    for part in parts:
        if isinstance(part, ToolResult):
            inner = _filled(part.parts, fetched)
            if inner is not part.parts:
                part, changed = replace(part, parts=inner), True
        elif isinstance(part, Image) and isinstance(part.source, Url) and part.source.url in fetched:
            part, changed = replace(part, source=fetched[part.source.url]), True
        made.append(part)
    return made if changed else parts


def _kind(body: bytes) -> str:
    """What the first bytes say, empty where they are no picture's."""
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if body.startswith(magic)), "")
