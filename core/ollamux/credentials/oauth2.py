"""OAuth 2 client credentials: a token for a client's id and secret, fetched ahead of its need and again before it ends.

Strategy: the state of one backend's token. `request` is what to send to the token endpoint, `told` reads what came
back, `due` says when to ask again. Whoever runs chores makes the call. The secret is shown as RFC 6749 wants it
(Basic); an endpoint that refuses that is asked once more with the secret in the body, which is the other way that there
is.

Rules: time is an argument; reasons name the endpoint's own word for an error and nothing else of its answer, so no
secret is repeated; a token that a backend refused is not used again.
"""

from __future__ import annotations

import base64
import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec

from ollamux.contract import HeaderPairs

if TYPE_CHECKING:
    from ollamux.config import OAuth2Config

__all__ = ("AccessToken", "TokenRequest")

_MARGIN = 60.0
"""Seconds before its end at which a token is replaced; a fifth of its life where that is less."""

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 60.0
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


class _Answer(msgspec.Struct):
    access_token: str = ""
    expires_in: float | str | None = None
    token_type: str = ""
    error: Any = None


_decode = msgspec.json.Decoder(_Answer).decode


class TokenRequest(msgspec.Struct, frozen=True):
    """A POST to the token endpoint."""

    url: str
    headers: HeaderPairs
    body: bytes

    def __repr__(self) -> str:
        return f"TokenRequest({self.url!r})"  # the rest holds the secret


class AccessToken:
    """The token of one backend. `value` is empty while there is none, `trouble` says why it could not be had."""

    __slots__ = ("_config", "_ends", "_in_body", "_pause", "asking", "due", "trouble", "value")

    def __init__(self, config: OAuth2Config) -> None:
        self._config = config
        self._in_body = False
        self._pause = _FIRST_PAUSE
        self._ends = math.inf
        self.asking = False
        self.due = -math.inf
        self.value = ""
        self.trouble = ""

    def request(self) -> TokenRequest:
        """What to ask. `told` or `failed` has to follow."""
        config = self._config
        secret = config.client_secret.reveal() if config.client_secret is not None else ""
        fields = {"grant_type": "client_credentials"}
        fields |= {"scope": config.scope} if config.scope else {}
        fields |= {"audience": config.audience} if config.audience else {}
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        if self._in_body:
            fields |= {"client_id": config.client_id, "client_secret": secret}
        else:
            pair = f"{quote(config.client_id, safe='')}:{quote(secret, safe='')}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        self.asking = True
        self.due = math.inf
        return TokenRequest(config.token_url, tuple(headers), urlencode(fields).encode())

    def told(self, status: int, body: bytes, now: float) -> bool:
        """The endpoint's answer. True where it brought a token."""
        self.asking = False
        try:
            answer = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            answer = _Answer()
        if status == 200 and _VISIBLE.fullmatch(answer.access_token) and answer.token_type.lower() in ("", "bearer"):
            self._take(answer, now)
            return True
        word = answer.error if isinstance(answer.error, str) and _WORD.fullmatch(answer.error) else ""
        if status in (400, 401) and not self._in_body and word in ("", "invalid_client", "invalid_request"):
            self._in_body = True
            self.due = now
        else:
            self._wait(now)
        if status == 200:
            self._lost("the token endpoint's answer holds no token", now)
        else:
            self._lost(f"the token endpoint refuses (status {status}{f', {word}' if word else ''})", now)
        return False

    def failed(self, reason: str, now: float) -> None:
        """The endpoint could not be reached."""
        self.asking = False
        self._wait(now)
        self._lost(f"the token endpoint: {reason}", now)

    def refused(self, now: float) -> None:
        """The backend does not take the token any more. It stays until there is a new one, which is asked for soon."""
        if not self.asking:
            self.due = min(self.due, now)

    def _take(self, answer: _Answer, now: float) -> None:
        try:
            life = float(answer.expires_in) if answer.expires_in is not None else math.inf
        except ValueError:
            life = math.inf
        self.value = answer.access_token
        self.trouble = ""
        self._pause = _FIRST_PAUSE
        self._ends = now + life
        self.due = now + max(life - _MARGIN, life * 0.8, 1.0)

    def _wait(self, now: float) -> None:
        self.due = now + self._pause
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _lost(self, reason: str, now: float) -> None:
        self.trouble = reason
        if now >= self._ends:
            self.value = ""
