"""What Bedrock's errors mean: before an answer (a status and a header), and inside a stream (an exception by its name).

Rules: the name of an error decides, where it is known, over its status; the client is told the sentence in it and not
the object around it; what speaks of the gateway's own credentials stays here, and is a bad gateway to the client; texts
are bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ollamux.conversation import StreamFault
from ollamux.errors import BackendError, BackendTimeout, OllamuxError
from ollamux.formats.failures import LONGEST, TOO_LONG, backend_failure, retry_after

__all__ = ("failure_of", "fault_of")


class _Meaning(NamedTuple):
    status: int
    kind: str


_MEANINGS = {
    "internalserver": _Meaning(500, "upstream_bad"),
    "modelerror": _Meaning(424, "upstream_bad"),
    "modelnotready": _Meaning(429, "rate_limit"),
    "modelstreamerror": _Meaning(424, "upstream_bad"),
    "modeltimeout": _Meaning(504, "timeout"),
    "resourcenotfound": _Meaning(404, "not_found"),
    "servicequotaexceeded": _Meaning(429, "rate_limit"),
    "serviceunavailable": _Meaning(503, "overloaded"),
    "throttling": _Meaning(429, "rate_limit"),
    "validation": _Meaning(400, "bad_request"),
}
_KINDS = {400: "bad_request", 404: "not_found", 413: "too_large", 429: "rate_limit", 503: "overloaded"}
_OURS = frozenset(
    "accessdenied expiredtoken incompletesignature invalidclienttokenid invalidsignature missingauthenticationtoken"
    " notauthorized signaturedoesnotmatch unrecognizedclient".split()
)
_LONG = ("input is too long", "prompt is too long", "too many input tokens", "maximum context length")
"""What makers' models say of a prompt that does not fit."""

_REFUSED = "the backend refused the gateway's credentials"


class _Told(msgspec.Struct, gc=False):
    message: str | None = None
    shouted: str | None = msgspec.field(default=None, name="Message")
    original: str | None = msgspec.field(default=None, name="originalMessage")
    type: str | None = msgspec.field(default=None, name="__type")


_decode = msgspec.json.Decoder(_Told).decode


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
    """The error behind a status of 400 or more."""
    told = _told(body)
    name = headers.get("x-amzn-errortype") or told.type or ""
    word = _word(name)
    if word in _OURS:
        return BackendError(f"{_REFUSED} (status {status})", status=502)
    text = (_text(told) or _short(name))[:LONGEST]
    if not text or status in (401, 403):
        return backend_failure(status, headers, body)
    meaning = _MEANINGS.get(word) or _Meaning(status, _KINDS.get(status, "upstream_bad"))
    wait = retry_after(headers)
    if meaning.kind == "timeout":
        return BackendTimeout(text, retry_after=wait)
    error = BackendError(text, status=meaning.status, body=text, retry_after=wait)
    error.kind = meaning.kind
    if error.status == 400 and any(words in text.lower() for words in _LONG):
        error.code = TOO_LONG
    return error


def fault_of(name: str, payload: bytes, text: str = "") -> StreamFault:
    """What an exception, or an error with a code, means inside a stream."""
    word = _word(name)
    if word in _OURS:
        return StreamFault(_REFUSED, 502)
    meaning = _MEANINGS.get(word, _MEANINGS["internalserver"])
    detail = text or _text(_told(payload)) or _short(name) or "the backend reported an error"
    return StreamFault(detail[:LONGEST], meaning.status, meaning.kind)


def _told(body: bytes) -> _Told:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Told()


def _text(told: _Told) -> str:
    text = told.message or told.shouted or ""
    if told.original and told.original not in text:
        text = f"{text} ({told.original})" if text else told.original
    return text


def _short(name: str) -> str:
    """`com.amazon.coral#ThrottlingException:http://...` without what is around the name."""
    return name.partition(":")[0].rpartition("#")[2].strip()


def _word(name: str) -> str:
    return _short(name).lower().removesuffix("exception")
