"""Requests that pass through to a server of their own format, where something in them has to change on the way.

Strategy: the members of the body are found once, what must change is put in place by its bytes, and the rest goes as
it came. Messages are taken apart only for a server that cannot take them as they are.

Rules: what the configuration says is weaker than what the client says, and its options stronger than the members beside
them; what a server takes for an error is left out with a warning, but what would then mean something else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.identifiers import Names
from ollamux.formats.openai_chat.building import sampling_fields, thinking_fields
from ollamux.formats.openai_chat.embeddings import EmbeddingsIncoming
from ollamux.formats.openai_chat.fitting import ids_of
from ollamux.formats.openai_chat.incoming import OpenAIIncoming
from ollamux.formats.openai_chat.turns import choice_of
from ollamux.formats.splice import members, replace

__all__ = ("adapted", "with_usage")

_encode = msgspec.json.Encoder().encode
_decode: Any = msgspec.json.Decoder().decode
_LIMITS = ("max_tokens", "max_completion_tokens")
_MESSAGE = frozenset(("audio", "content", "function_call", "name", "refusal", "role", "tool_call_id", "tool_calls"))
_CALL = frozenset(("custom", "function", "id", "type"))
_ASKING = b'{"stream_options":{"include_usage":true},'


def with_usage(body: bytes) -> bytes:
    """The body of a stream without `stream_options`, asking for the usage at its end."""
    at = 1 if body.startswith(b"{") else body.index(b"{") + 1
    return _ASKING + body[at:]


class _Change:
    """A request under change: its members, what is put in their place, and what is left out."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.known = members(body)
        self.own = {member.key: body[member.start : member.end] for member in self.known}
        self.values: dict[str, bytes] = {}
        self.dropped: set[str] = set()
        self.warnings: list[str] = []

    def has(self, name: str) -> bool:
        return name not in self.dropped and (name in self.values or self.own.get(name, b"null") != b"null")

    def get(self, name: str) -> Any:
        return _decode(self.values.get(name) or self.own.get(name, b"null"))

    def put(self, name: str, value: Any) -> None:
        self.dropped.discard(name)
        self.values[name] = _encode(value)

    def drop(self, name: str) -> None:
        self.values.pop(name, None)
        if name in self.own:
            self.dropped.add(name)

    def made(self) -> bytes:
        if not self.dropped:
            return replace(self.body, self.values, known=self.known) if self.values else self.body
        kept = {key: value for key, value in self.own.items() if key not in self.dropped} | self.values
        return b"{" + b",".join(_encode(key) + b":" + value for key, value in kept.items()) + b"}"


def adapted(incoming: OpenAIIncoming, model: str, defaults: Mapping[str, Any], dialect: Dialect) -> Outgoing:
    """The request with all that has to change. Raises InvalidRequest."""
    change = _Change(incoming.body)
    if model != incoming.model:
        change.put("model", model)
    if defaults or dialect.extra:
        _configured(change, incoming, defaults, dialect)
    if incoming.extensions is not None:
        _extended(change, incoming, dialect)
    if isinstance(incoming, EmbeddingsIncoming):
        if incoming.dimensions and not dialect.dimensions:
            change.drop("dimensions")  # cut when the answer comes
    elif incoming.stream and not incoming.include_usage and dialect.stream_options:
        told = change.get("stream_options")
        change.put("stream_options", {**(told or {}), "include_usage": True})
    if b'"allowed_tools"' in incoming.body or dialect.cues:
        _choose(change, dialect)
    if dialect.cues:
        _limit(change, incoming, dialect)
        _answer_form(change, dialect)
        _messages(change, dialect)
        refused = sorted(name for name in dialect.refuses if change.has(name))
        for name in refused:
            change.drop(name)
        if refused:
            change.warnings.append(f"the backend does not take these: {', '.join(refused)}")
    return Outgoing(incoming.path, change.made(), tuple(change.warnings))


def _configured(change: _Change, incoming: OpenAIIncoming, defaults: Mapping[str, Any], dialect: Dialect) -> None:
    ours: dict[str, Any] = dict(dialect.extra)
    if incoming.operation != "embed":
        knobs = dict(defaults)
        knobs.pop("keep_alive", None)  # only Ollama is told how long to keep a model
        limit = knobs.pop("num_predict", None)
        if isinstance(limit, int) and limit > 0 and not any(name in change.own for name in _LIMITS):
            ours[_limit_name(incoming, dialect)] = limit
        sampling_fields(ours, knobs.items(), dialect)
    for name, value in ours.items():
        if name not in change.own:
            change.put(name, value)


def _extended(change: _Change, incoming: OpenAIIncoming, dialect: Dialect) -> None:
    """Ollama's extensions, in the backend's own terms."""
    extensions = incoming.extensions
    assert extensions is not None
    for name in extensions.named:
        change.drop(name)
    found: dict[str, Any] = {}
    options = dict(extensions.options)
    limit = options.pop("num_predict", None)
    if isinstance(limit, int) and limit >= 0:
        for name in _LIMITS:
            change.drop(name)
        found[_limit_name(incoming, dialect)] = limit
    lost = sampling_fields(found, options.items(), dialect)
    if "keep_alive" in extensions.named:
        lost.append("keep_alive")
    if extensions.reasoning is not None and not change.has("reasoning_effort"):
        thinking = thinking_fields(extensions.reasoning, dialect)
        if thinking:
            found |= thinking
        else:
            lost.append("think")
    for name, value in found.items():
        change.put(name, value)
    if lost:
        change.warnings.append(f"the backend does not take these options: {', '.join(sorted(lost))}")


def _limit_name(incoming: OpenAIIncoming, dialect: Dialect) -> str:
    """Completions have known one name alone."""
    chat = incoming.path == "/chat/completions"
    return dialect.max_tokens if chat or dialect.max_tokens != "max_completion_tokens" else "max_tokens"


def _limit(change: _Change, incoming: OpenAIIncoming, dialect: Dialect) -> None:
    """The limit of tokens under the name that the backend knows."""
    ours = _limit_name(incoming, dialect)
    others = [name for name in _LIMITS if name != ours and change.has(name)]
    if ours != "max_completion_tokens" and "max_completion_tokens" not in dialect.refuses:
        return
    for name in others:
        if not change.has(ours):
            change.put(ours, change.get(name))
        change.drop(name)


def _choose(change: _Change, dialect: Dialect) -> None:
    """Which tools may be called, where the backend does not know every way to say it."""
    if not change.has("tool_choice"):
        return
    choice = choice_of(change.get("tool_choice"))
    if choice is None:
        return
    tools: list[Any] = change.get("tools") or []
    mode = choice.mode
    if choice.allowed:
        if "allowed" in dialect.tool_choice:
            return
        tools = [tool for tool in tools if _name(tool) in choice.allowed]
        change.put("tools", tools)
        change.put("tool_choice", mode)
    if mode in dialect.tool_choice:
        return
    change.drop("tool_choice")
    if mode == "none":
        change.drop("tools")
        return
    if mode == "named":
        tools = [tool for tool in tools if _name(tool) == choice.name]
        change.put("tools", tools)
        if "required" in dialect.tool_choice:
            change.put("tool_choice", "required")
            return
    if mode != "auto":
        change.warnings.append("the backend cannot be made to call a tool")


def _name(tool: Any) -> Any:
    match tool:
        case {"function": {"name": name}}:
            return name
        case _:
            return None


def _answer_form(change: _Change, dialect: Dialect) -> None:
    if dialect.json_schema or not change.has("response_format"):
        return
    told = change.get("response_format")
    if isinstance(told, dict) and cast(dict[str, Any], told).get("type") == "json_schema":
        change.put("response_format", {"type": "json_object"})
        change.warnings.append("the backend gives JSON, but does not hold it to a schema")


def _messages(change: _Change, dialect: Dialect) -> None:
    """The messages in the backend's words."""
    raw = change.own.get("messages", b"null")
    developer = not dialect.developer and b'"developer"' in raw
    pictures = not dialect.image_urls and b'"image_url"' in raw
    if not (developer or pictures or dialect.strict or dialect.echo_wanted):
        return
    turns = _listed(_decode(raw))
    ids = ids_of(dialect, _ids_in(turns))
    made = [_message(turn, dialect, ids) for turn in turns]
    if made != turns:
        change.put("messages", made)


def _message(message: Any, dialect: Dialect, ids: Names | None) -> Any:
    if not isinstance(message, dict):
        return message
    made = dict(cast(dict[str, Any], message))
    if made.get("role") == "developer" and not dialect.developer:
        made["role"] = "system"
    if not dialect.image_urls:
        _check_pictures(made.get("content"))
    echo = dialect.reasoning_echo if dialect.echo_wanted else ""
    thought = (made.get("reasoning_content") or made.get("reasoning") or "") if echo else ""
    calls: Any = made.get("tool_calls")
    if dialect.strict:
        made = {key: value for key, value in made.items() if key in _MESSAGE}
        if isinstance(calls, list):
            made["tool_calls"] = [_strict_call(call) for call in _listed(made["tool_calls"])]
    if ids is not None:
        _put_ids(made, ids)
    if echo and made.get("role") == "assistant" and (thought or calls):
        made[echo] = thought
    return made


def _ids_in(turns: list[object]) -> list[str]:
    """The ids of all calls."""
    found: list[str] = []
    for turn in turns:
        calls: object = cast(dict[str, object], turn).get("tool_calls") if isinstance(turn, dict) else None
        found += [id_ for call in _listed(calls) if isinstance(id_ := _id_of(call), str)]
    return found


def _id_of(call: Any) -> Any:
    return cast(dict[str, Any], call).get("id") if isinstance(call, dict) else None


def _put_ids(message: dict[str, Any], ids: Names) -> None:
    """The ids of a message's calls, or the one that it answers, as the server takes them."""
    answered = message.get("tool_call_id")
    if isinstance(answered, str) and answered:
        message["tool_call_id"] = ids.out(answered)
    if isinstance(message.get("tool_calls"), list):
        message["tool_calls"] = [
            {**cast(dict[str, Any], call), "id": ids.out(id_)} if isinstance(id_ := _id_of(call), str) and id_ else call
            for call in _listed(message["tool_calls"])
        ]


def _listed(value: object) -> list[object]:
    return cast(list[object], value) if isinstance(value, list) else []


def _strict_call(call: Any) -> Any:
    if not isinstance(call, dict):
        return call
    return {key: value for key, value in cast(dict[str, Any], call).items() if key in _CALL}


def _check_pictures(content: Any) -> None:
    for part in _listed(content):
        match part:
            case {"image_url": {"url": str(url)}} | {"image_url": str(url)}:
                if url[:5].lower() != "data:":
                    raise InvalidRequest("this model's backend takes pictures as data: URIs alone", param="messages")
            case _:
                pass
