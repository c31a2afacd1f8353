"""Signs requests as AWS asks for it: Signature Version 4, with an access key or with a session's.

Strategy: what is signed is the method, the path, the query, the body, and of the headers `host`, `content-type` and
every `x-amz-...`; other headers may be changed on the way. The key for a day is made once.

Rules: pure: the wall clock is an argument; the path is encoded once more than it goes out, as every service but S3 has
it; nothing of the secrets shows in a representation or an error.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from posixpath import normpath
from urllib.parse import quote, urlsplit

from ollamux.contract import HeaderPairs

__all__ = ("SigV4",)

_ALGORITHM = "AWS4-HMAC-SHA256"
_ANEW = ("authorization", "x-amz-date", "x-amz-security-token")
"""Headers that a signature brings along; what stands there before is replaced."""

_SIGNED = ("content-type", "host")
_PORTS = {"http": 80, "https": 443}


class SigV4:
    """One set of credentials for one service in one region."""

    __slots__ = ("_access_key", "_day", "_key", "_secret_key", "_session_token", "region", "service")

    def __init__(
        self, access_key: str, secret_key: str, region: str, *, session_token: str = "", service: str = "bedrock"
    ) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._session_token = session_token
        self.region = region
        self.service = service
        self._day = ""
        self._key = b""

    def sign(self, method: str, url: str, headers: HeaderPairs, body: bytes, unix: float) -> HeaderPairs:
        """All the headers to send: those given, and X-Amz-Date, X-Amz-Security-Token where there is a session, and
        Authorization. `url` is spelled as it goes out, `unix` is in seconds since the epoch. A Host that is not given
        is the URL's, and left to the HTTP client to write."""
        stamp = datetime.fromtimestamp(int(unix), UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = [pair for pair in headers if pair[0].lower() not in _ANEW]
        kept.append(("X-Amz-Date", stamp))
        if self._session_token:
            kept.append(("X-Amz-Security-Token", self._session_token))
        parts = urlsplit(url)
        signed: dict[str, list[str]] = {}
        for name, value in kept:
            lowered = name.lower()
            if lowered in _SIGNED or lowered.startswith("x-amz-"):
                signed.setdefault(lowered, []).append(" ".join(value.split()))
        if "host" not in signed:
            signed["host"] = [_host(parts.scheme, parts.hostname or "", parts.port)]
        names = sorted(signed)
        listed = ";".join(names)
        request = "\n".join(
            (
                method.upper(),
                _path(parts.path),
                _query(parts.query),
                *(f"{name}:{','.join(signed[name])}" for name in names),
                "",
                listed,
                hashlib.sha256(body).hexdigest(),
            )
        )
        day = stamp[:8]
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        signature = _hmac(self._day_key(day), f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}").hex()
        credential = f"Credential={self._access_key}/{scope}"
        kept.append(("Authorization", f"{_ALGORITHM} {credential}, SignedHeaders={listed}, Signature={signature}"))
        return tuple(kept)

    def _day_key(self, day: str) -> bytes:
        if day != self._day:
            key = f"AWS4{self._secret_key}".encode()
            for word in (day, self.region, self.service, "aws4_request"):
                key = _hmac(key, word)
            self._day, self._key = day, key
        return self._key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _host(scheme: str, name: str, port: int | None) -> str:
    if ":" in name:
        name = f"[{name}]"
    return name if port in (None, _PORTS.get(scheme)) else f"{name}:{port}"


def _path(path: str) -> str:
    """The path without dots and doubled slashes, encoded again."""
    if not path:
        return "/"
    plain = "/" + normpath(path).lstrip("/")
    if path.endswith("/") and plain != "/":
        plain += "/"
    return quote(plain, safe="/~")


def _query(query: str) -> str:
    """The parameters in the order of their names, then of their values, each with its `=`."""
    if not query:
        return ""
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&"))
    return "&".join(f"{name}={value}" for name, value in pairs)
