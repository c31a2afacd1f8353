"""A client's own request on its way to a backend of the same format: what has to change in it, and nothing else.

Strategy: where nothing has to change, the bytes are the client's. Else the members of the outermost object are cut out
and put together again, those that stay byte for byte.

Rules: Ollama's knobs become the format's own where it has them, and stronger than what stands there; a configured
option is weaker. Thinking blocks that carry another backend's values stay here, since no backend could read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.anthropic.building import VERSION
from ollamux.formats.anthropic.incoming import PLAIN, AnthropicIncoming
from ollamux.formats.anthropic.options import renamed
from ollamux.formats.anthropic.schema import Extensions
from ollamux.formats.anthropic.signatures import MARK, is_ours
from ollamux.formats.anthropic.words import listed
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.splice import members, replace

__all__ = ("pass_on",)

_encode = msgspec.json.Encoder().encode
_decode_extensions = msgspec.json.Decoder(Extensions).decode
_EXTENSIONS = Extensions.__struct_fields__
_QUOTED = tuple(f'"{name}"'.encode() for name in _EXTENSIONS)
_SAMPLING = ("temperature", "top_k", "top_p")
_PATHS = {"chat": "/messages", "count": "/messages/count_tokens"}
_SPELLED = {name: name for name in ("max_tokens", *_SAMPLING)} | {"stop": "stop_sequences"}


class _Turn(msgspec.Struct, gc=False):
    role: str = ""
    content: msgspec.Raw = msgspec.Raw()


class _Tag(msgspec.Struct, gc=False):
    type: str = ""
    signature: str | None = None
    data: str | None = None


_decode_turns = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_turn = msgspec.json.Decoder(_Turn).decode
_decode_tag = msgspec.json.Decoder(_Tag).decode


def pass_on(incoming: AnthropicIncoming, model: str, defaults: Mapping[str, Any], dialect: Dialect) -> Outgoing:
    """The request as it goes on."""
    body = incoming.body
    warnings: list[str] = []
    path = _PATHS[incoming.operation]
    headers = _headers(incoming)
    if MARK not in body and not defaults and not dialect.extra and not dialect.sampling and not _extended(body):
        if model == incoming.model:
            return Outgoing(path, body, (), headers)
        return Outgoing(path, replace(body, {"model": _encode(model)}), (), headers)
    found = {member.key: body[member.start : member.end] for member in members(body)}
    own = dict(found)
    if model != incoming.model:
        own["model"] = _encode(model)
    if incoming.operation == "chat":
        _add_defaults(own, defaults, dialect, incoming.strict)
    _turn_extensions(own, body, incoming, warnings)
    for name in _SAMPLING:
        if name in own and dialect.sampling.get(name, name) is None:
            del own[name]
            warnings.append(f"the backend does not take {name}")
    if MARK in own.get("messages", b""):
        own["messages"] = _without_foreign(own["messages"])
    if own == found:
        return Outgoing(path, body, (), headers)
    if own.keys() >= found.keys():
        changed = {key: value for key, value in own.items() if found.get(key) != value}
        return Outgoing(path, replace(body, changed), tuple(warnings), headers)
    rebuilt = b",".join(_encode(key) + b":" + value for key, value in own.items())
    return Outgoing(path, b"{" + rebuilt + b"}", tuple(warnings), headers)


def _headers(incoming: AnthropicIncoming) -> HeaderPairs:
    """The client's version, where it is not the one that providers pin for every call, and its betas."""
    found = [(VERSION, incoming.version)] if incoming.version != PLAIN else []
    if incoming.betas:
        found.append(("anthropic-beta", incoming.betas))
    return tuple(found)


def _extended(body: bytes) -> bool:
    """Whether the text has the name of an extension anywhere: cheap, and never wrong where it says no."""
    return any(name in body for name in _QUOTED)


def _add_defaults(own: dict[str, bytes], defaults: Mapping[str, Any], dialect: Dialect, strict: bool) -> None:
    """What is configured, where the client said nothing."""
    thinks = "thinking" in own
    for name, value in renamed(defaults).items():
        theirs = _SPELLED.get(name)
        if theirs is None or theirs in own or (name in _SAMPLING and (strict or thinks)):
            continue
        own[theirs] = _encode([value] if name == "stop" and isinstance(value, str) else value)
    for key, value in dialect.extra.items():
        if key != VERSION and key not in own:
            own[key] = _encode(value)


def _turn_extensions(own: dict[str, bytes], body: bytes, incoming: AnthropicIncoming, warnings: list[str]) -> None:
    if not any(name in own for name in _EXTENSIONS):
        return
    told = _decode_extensions(body)
    for name in _EXTENSIONS:
        own.pop(name, None)
    lost = {name for name in ("keep_alive", "num_ctx") if getattr(told, name) is not None}
    for name, value in renamed(told.options or {}).items():
        theirs = _SPELLED.get(name)
        if theirs is None or (name in _SAMPLING and incoming.strict) or incoming.operation == "count":
            lost.add(name)
        else:
            own[theirs] = _encode([value] if name == "stop" and isinstance(value, str) else value)
    if told.think is not None and "thinking" not in own:
        on = told.think not in (False, "none")
        own["thinking"] = _encode({"type": "adaptive" if on else "disabled"})
        if isinstance(told.think, str) and on and "output_config" not in own:
            own["output_config"] = _encode({"effort": told.think})
    if lost:
        warnings.append(f"the backend does not take these options: {listed(lost)}")


def _without_foreign(messages: bytes) -> bytes:
    """The turns without the thinking blocks that are ours, and without a turn that was nothing else."""
    kept: list[bytes] = []
    for raw in _decode_turns(messages):
        turn = bytes(raw)
        if MARK not in turn:
            kept.append(turn)
            continue
        content = _decode_turn(turn).content
        if bytes(content)[:1] != b"[":
            kept.append(turn)
            continue
        texts = [bytes(block) for block in _decode_turns(content)]
        left = [text for text in texts if not _is_foreign(text)]
        if len(left) == len(texts):
            kept.append(turn)
        elif left:
            kept.append(replace(turn, {"content": b"[" + b",".join(left) + b"]"}))
    return b"[" + b",".join(kept) + b"]"


def _is_foreign(block: bytes) -> bool:
    if MARK not in block:
        return False
    tag = _decode_tag(block)
    return tag.type in ("thinking", "redacted_thinking") and is_ours(tag.signature or tag.data or "")
