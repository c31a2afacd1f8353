"""How a model is to sample and to think, out of what OpenAI's clients set, our extensions and the configuration.

The extensions are Ollama's: `options`, `num_ctx`, `keep_alive` and `think` at the top level of a body, for clients that
speak OpenAI's API and want what only Ollama's has. A request that has one of them has them checked when it is read.

Rules: `options` win over the members beside them, these win over what is configured; null is absent, zero is not; a
limit below zero is none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from ollamux.conversation import ReasoningOptions, Sampling
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_chat.request import ChatBody, Routing

__all__ = ("EXTENSIONS", "Extensions", "Knobs", "extensions_of", "reasoning_of", "sampling_of")

EXTENSIONS = ("options", "keep_alive", "num_ctx", "think")
"""The members that OpenAI's API does not have."""

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"[+-]?(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+")
_PIECE = re.compile(r"(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)")
_EFFORTS = ("low", "medium", "high", "max")


class _Options(msgspec.Struct, omit_defaults=True):
    """Ollama's options that others know too."""

    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    stop: list[str] | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class Extensions(msgspec.Struct, frozen=True):
    """What a request asks for beyond OpenAI's API: options by Ollama's names, seconds, whether and how hard to think;
    `named` are the members that it used."""

    named: tuple[str, ...]
    options: Mapping[str, Any] = {}
    keep_alive: float | None = None
    reasoning: ReasoningOptions | None = None


class Knobs(Protocol):
    """What a chat and a completion set alike, beside the knobs of `conversation.Sampling`."""

    max_tokens: int | None
    stop: str | list[str] | None
    repetition_penalty: float | None
    logit_bias: dict[str, float] | None


def extensions_of(routing: Routing) -> Extensions | None:
    """The extensions of a request; None where it has none. Raises InvalidRequest."""
    named = tuple(name for name in EXTENSIONS if getattr(routing, name) is not None)
    if not named:
        return None
    options: dict[str, Any] = {}
    if routing.options is not None:
        try:
            known = msgspec.convert(routing.options, _Options, strict=True)
        except msgspec.ValidationError as error:
            raise InvalidRequest(f"options: {error}", param="options") from None
        options = {key: value for key, value in routing.options.items() if value is not None}
        options |= msgspec.to_builtins(known)
    if routing.num_ctx is not None:
        if not isinstance(routing.num_ctx, int) or isinstance(routing.num_ctx, bool):
            raise InvalidRequest("num_ctx must be an integer", param="num_ctx")
        options.setdefault("num_ctx", routing.num_ctx)
    kept = None if routing.keep_alive is None else _seconds(routing.keep_alive)
    return Extensions(named, options, kept, _thinking(routing.think))


def _seconds(value: object) -> float:
    """A number of seconds, or a duration such as `5m`; below zero is for ever."""
    seconds = math.nan
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value)
    elif isinstance(value, str) and (value in ("0", "-1") or _DURATION.fullmatch(value)):
        sign = -1.0 if value[0] == "-" else 1.0
        pieces = _PIECE.findall(value)
        seconds = sign * sum(float(number) * _UNITS[unit] for number, unit in pieces) if pieces else float(value)
    if math.isnan(seconds):
        raise InvalidRequest("keep_alive must be seconds, or a duration such as 5m", param="keep_alive")
    return math.inf if seconds < 0 else seconds


def _thinking(think: object) -> ReasoningOptions | None:
    if think is None:
        return None
    if isinstance(think, bool):
        return ReasoningOptions(think)
    if isinstance(think, str) and think in _EFFORTS:
        return ReasoningOptions(True, think)
    raise InvalidRequest("think must be true, false, low, medium, high or max", param="think")


def reasoning_of(body: ChatBody, extensions: Extensions | None) -> ReasoningOptions | None:
    """Whether and how hard to think."""
    told = body.reasoning
    effort = body.reasoning_effort or (told.effort if told is not None else None)
    if effort is not None:
        return ReasoningOptions(effort != "none", effort)
    if told is not None and (told.enabled is not None or told.max_tokens is not None):
        return ReasoningOptions(told.enabled is not False, budget=told.max_tokens)
    return extensions.reasoning if extensions is not None else None


_FIELDS = tuple(
    name
    for name in Sampling.__struct_fields__
    if name in ChatBody.__struct_fields__ and name not in ("max_tokens", "stop")
)


def sampling_of(body: Knobs, defaults: Mapping[str, Any], extensions: Extensions | None) -> Sampling:
    """The sampling that a body asks for, with the configured defaults below it and the extensions' options above."""
    other = dict(defaults)
    limit = other.pop("num_predict", None)
    stop = other.pop("stop", None)
    known: dict[str, Any] = {name: other.pop(name) for name in _FIELDS if name in other}
    for name in _FIELDS:
        value = getattr(body, name, None)
        if value is not None:
            known[name] = value
    if body.repetition_penalty is not None:
        known.setdefault("repeat_penalty", body.repetition_penalty)
    for tokens in (getattr(body, "max_completion_tokens", None), body.max_tokens):
        if tokens is not None:
            limit = tokens
            break
    if body.stop is not None:
        stop = [body.stop] if isinstance(body.stop, str) else body.stop
    if body.logit_bias:
        other["logit_bias"] = body.logit_bias
    if extensions is not None:
        for name, value in extensions.options.items():
            if name == "num_predict":
                limit = value
            elif name == "stop":
                stop = value
            else:
                (known if name in _FIELDS else other)[name] = value
    if limit is not None and limit >= 0:
        known["max_tokens"] = limit
    return Sampling(**known, stop=tuple(stop) if stop else None, other=other)
