"""A Gemini client's own request for a Gemini backend: its bytes, but for what must change.

Strategy: nothing is decoded unless something of ours stands in the body, the model has another name inside it, or the
configuration adds options; then the outermost object is taken apart, and only the values that change are written anew.

Rules: unknown fields survive; what the client set is stronger than what is configured; a field of ours that Gemini has
none for is removed with a warning; the query's key is never passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.conversation import Sampling
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.gemini.building import build_embed, generation_fields, thinking_fields
from ollamux.formats.gemini.fields import Fields, camel
from ollamux.formats.gemini.incoming import GeminiIncoming
from ollamux.formats.gemini.paths import method_path, resource
from ollamux.formats.gemini.settings import EXTENSIONS, sampling_of, thinking_of
from ollamux.formats.splice import members, replace

__all__ = ("pass_on",)

_encode = msgspec.json.Encoder().encode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
_OURS = re.compile(rb'"(?:keep_?[aA]live|num_?[cC]tx|options|think)"\s*:')
_OUR_NAMES = frozenset(camel(name) for name in EXTENSIONS)
_NOTHING: dict[str, Any] = {}


def pass_on(incoming: GeminiIncoming, upstream: str, defaults: Mapping[str, Any], dialect: Dialect) -> Outgoing:
    """The request. Raises InvalidRequest where a field of ours makes no sense."""
    if dialect.predicts and incoming.operation == "embed":
        outgoing = build_embed(incoming.embedding(_NOTHING), upstream, dialect)
        return outgoing.warned(incoming.warnings + outgoing.warnings)
    body, warnings = incoming.body, list[str]()
    config: dict[str, Any] = {}
    if defaults and incoming.operation == "chat":
        config = generation_fields(_sampling(defaults), dialect, [])
    if _OURS.search(body):
        body, stronger = _without_ours(body, upstream, dialect, warnings)
        if incoming.operation == "chat":
            body = _configured(body, stronger, over=True)
    if config:
        body = _configured(body, config, over=False)
    if dialect.extra and incoming.operation == "chat":
        there = {camel(member.key) for member in members(body)}
        body = replace(body, {key: _encode(value) for key, value in dialect.extra.items() if key not in there})
    if upstream != incoming.model:
        body = _renamed(body, incoming.method, upstream)
    path = method_path(upstream, incoming.method)
    if incoming.stream and incoming.frames.events:
        path += "?alt=sse"
    return Outgoing(path, body, tuple(warnings))


def _sampling(defaults: Mapping[str, Any]) -> Sampling:
    known = {name: value for name, value in defaults.items() if name != "keep_alive"}
    return sampling_of(Fields({}, ""), None, known, [])


def _without_ours(body: bytes, upstream: str, dialect: Dialect, warnings: list[str]) -> tuple[bytes, dict[str, Any]]:
    """The body without our fields, and what they come to in `generationConfig`."""
    held = _decode_members(body)
    ours = {name: raw for name, raw in held.items() if camel(name) in _OUR_NAMES}
    if not ours:
        return body, {}
    fields = Fields(ours, "")
    found = generation_fields(sampling_of(fields, None, _NOTHING, []), dialect, warnings)
    thinking = thinking_fields(thinking_of(fields, None), upstream, warnings)
    if thinking:
        found["thinkingConfig"] = thinking
    if fields.has("keepAlive"):
        warnings.append("the backend does not take keep_alive")
    return _encode({name: raw for name, raw in held.items() if name not in ours}), found


def _configured(body: bytes, values: dict[str, Any], *, over: bool) -> bytes:
    """The body with these fields in its `generationConfig`, in front of the client's own or behind them."""
    if not values:
        return body
    held = _decode_members(body)
    key = next((name for name in held if camel(name) == "generationConfig"), "generationConfig")
    raw = held.get(key)
    theirs = bytes(raw) if raw is not None and bytes(raw)[:1] == b"{" else b"{}"
    there = {camel(member.key): member.key for member in members(theirs)}
    wanted = {there.get(name, name): _encode(value) for name, value in values.items() if over or name not in there}
    return replace(body, {key: replace(theirs, wanted)}) if wanted else body


def _renamed(body: bytes, method: str, upstream: str) -> bytes:
    """The body with the backend's name where a model's name stands in it."""
    name = _encode(resource(upstream))
    held = _decode_members(body)
    if method == "batchEmbedContents" and bytes(held.get("requests", msgspec.Raw()))[:1] == b"[":
        asked = [_named(bytes(one), name) for one in _decode_items(held["requests"])]
        body = replace(body, {"requests": b"[" + b",".join(asked) + b"]"})
    inner = next((key for key in held if camel(key) == "generateContentRequest"), None)
    if inner is not None:
        body = replace(body, {inner: _named(bytes(held[inner]), name)})
    return _named(body, name)


def _named(value: bytes, name: bytes) -> bytes:
    if value[:1] == b"{" and any(member.key == "model" for member in members(value)):
        return replace(value, {"model": name})
    return value
