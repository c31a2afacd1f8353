"""A client's own request on its way to a backend of this format: the same bytes, but for what only we understand.

Strategy: a request in which nothing but the model's name has to change, which is the ordinary one, is told by a few
searches for words and spliced. In any other one the members that have to change are put in place, and what has to go
is taken out; unknown members survive either way.

Rules: what the configuration adds is weaker than what the client says; an earlier response that only we keep is written
out, one that the backend keeps is its own matter; the ids that we made, and what other formats signed, stay here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ollamux.conversation import ReasoningOptions
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.openai_responses.building import PATH, knobs_of
from ollamux.formats.openai_responses.extensions import EXTENSIONS, sampling_of, thinking_of
from ollamux.formats.openai_responses.incoming import ResponsesIncoming
from ollamux.formats.openai_responses.schema import Request, decode_item
from ollamux.formats.openai_responses.signatures import MARK
from ollamux.formats.openai_responses.store import OURS
from ollamux.formats.splice import replace

__all__ = ("COUNT_PATH", "passed")

COUNT_PATH = "/responses/input_tokens"
_WORDS = (
    *(f'"{name}"'.encode() for name in EXTENSIONS),
    *(f'"{kind}_{OURS}'.encode() for kind in ("rs", "msg", "fc", "ctc")),
    MARK.encode(),
)
"""What a request has in it where more than the model's name may have to change."""
_NOTHING = (b"", b"null")
_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_own = msgspec.json.Decoder(Request).decode


def passed(incoming: ResponsesIncoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect) -> Outgoing:
    """The request as the backend gets it. Raises InvalidRequest where an extension cannot be understood."""
    body = incoming.body
    path = COUNT_PATH if incoming.operation == "count" else PATH
    changed = {"model": _encode(upstream_model)} if upstream_model != incoming.model else {}
    earlier = incoming.earlier()
    plain = not (defaults or dialect.extra or dialect.refuses) and (earlier is None or earlier.upstream)
    if plain and not any(word in body for word in _WORDS):
        return Outgoing(path, replace(body, changed) if changed else body, headers=incoming.headers)
    warnings: list[str] = []
    found = _decode_members(body)
    gone = [name for name in EXTENSIONS if name in found]
    changed |= _settings(found, gone, defaults, dialect, warnings)
    if earlier is not None and not earlier.upstream:
        gone.append("previous_response_id")
        changed["input"] = _list([*_cleaned(earlier.items, warnings), *_cleaned(incoming.items(), warnings)])
    elif "input" in found and bytes(found["input"])[:1] == b"[":
        before = bytes(found["input"])
        if any(word in before for word in _WORDS):
            changed["input"] = _list(_cleaned(incoming.items(), warnings))
    refused = sorted(dialect.refuses & (found.keys() | changed.keys()))
    if refused:
        warnings.append(f"the backend does not take: {', '.join(refused)}")
    for name in (*gone, *refused):
        changed.pop(name, None)
    if gone or refused:
        body = _encode({name: value for name, value in found.items() if name not in gone and name not in refused})
    return Outgoing(path, replace(body, changed) if changed else body, tuple(dict.fromkeys(warnings)), incoming.headers)


def _settings(
    found: Mapping[str, msgspec.Raw],
    gone: list[str],
    defaults: Mapping[str, Any],
    dialect: Dialect,
    warnings: list[str],
) -> dict[str, bytes]:
    """What the extensions and the configuration come to, in the format's own words."""
    configured = dict(defaults)
    configured.pop("keep_alive", None)  # only Ollama is told how long to keep a model
    weak: dict[str, Any] = {name: configured.pop(name) for name in _MERGED if name in configured}
    ours: dict[str, Any] = dict(dialect.extra)
    _put(ours, configured, dialect, [])
    ours = {name: value for name, value in ours.items() if bytes(found.get(name, msgspec.Raw())) in _NOTHING}
    asked: Mapping[str, Any] = {}
    thinking: ReasoningOptions | None = None
    if gone:
        own = _own({name: found[name] for name in gone if name != "keep_alive"})
        asked = own.options or {}
        thinking = thinking_of(own.think)
        lost: list[str] = [name for name in ("keep_alive", "num_ctx") if name in gone]
        _put(ours, asked, dialect, lost, warnings)
        if lost:
            warnings.append(f"the backend does not take these options: {', '.join(sorted(lost))}")
    if thinking is not None:
        effort = "none" if thinking.enabled is False else thinking.effort
        if effort is not None:
            weak["reasoning_effort"] = effort
    for name, value in weak.items():
        member, key = _MERGED[name]
        _merge(ours, found, member, key, value)
    return {name: value if isinstance(value, bytes) else _encode(value) for name, value in ours.items()}


def _own(extensions: Mapping[str, msgspec.Raw]) -> Request:
    try:
        return _decode_own(_encode(extensions))
    except ValueError as error:
        raise InvalidRequest(str(error)) from None


_MERGED: dict[str, tuple[str, str]] = {
    "reasoning_effort": ("reasoning", "effort"),
    "summary_level": ("reasoning", "summary"),
    "verbosity_level": ("text", "verbosity"),
    "truncation_strategy": ("truncation", ""),
}
"""Settings of a model, and the member of a request, or the key in it, that says the same."""


def _merge(ours: dict[str, Any], found: Mapping[str, msgspec.Raw], member: str, key: str, value: Any) -> None:
    """Puts a setting in where the client said nothing of it."""
    raw = bytes(found.get(member, msgspec.Raw()))
    if not key:
        if raw in _NOTHING:
            ours[member] = value
        return
    held: Any = ours.get(member)
    if held is None:
        held = {} if raw in _NOTHING else msgspec.json.decode(raw)
    if isinstance(held, dict) and cast(dict[str, Any], held).get(key) is None:
        ours[member] = {**cast(dict[str, Any], held), key: value}


def _put(
    ours: dict[str, Any],
    options: Mapping[str, Any],
    dialect: Dialect,
    lost: list[str],
    warnings: list[str] | None = None,
) -> None:
    """Options in Ollama's names, put in under the backend's."""
    if not options:
        return
    knobs: dict[str, Any] = msgspec.to_builtins(sampling_of({}, options, {}))
    other: dict[str, Any] = knobs.pop("other", {})
    lost += knobs_of(ours, {**knobs, **other}.items(), dialect, [] if warnings is None else warnings)


def _cleaned(items: list[bytes] | tuple[bytes, ...], warnings: list[str]) -> list[bytes]:
    """Items without what no backend can read: our own ids, and what another format signed."""
    kept: list[bytes] = []
    for raw in items:
        if not any(word in raw for word in _WORDS):
            kept.append(raw)
            continue
        try:
            item = decode_item(raw)
            told = _decode_members(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            kept.append(raw)  # whatever it is, the backend may know it
            continue
        if item.id and item.id.partition("_")[2].startswith(OURS):
            told.pop("id", None)
        if item.type == "reasoning":
            if item.encrypted_content and item.encrypted_content.startswith(MARK):
                warnings.append("the backend cannot read the signed thinking of another one: it was left out")
                continue
            if "id" not in told and not item.encrypted_content:
                continue
        kept.append(_encode(told))
    return kept


def _list(items: list[bytes]) -> bytes:
    return b"[" + b",".join(items) + b"]"
