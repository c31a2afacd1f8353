"""A client's `generationConfig`, tools and `toolConfig` in the neutral model's terms, and our own extensions.

Rules: what would change the meaning is refused (more than one candidate, answers that are no text, tools that run at
Google); what merely tunes is left out and named in one warning; Ollama's `options` at the top level are stronger than
the configuration's fields beside them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, cast

import msgspec

from ollamux.conversation import JsonFormat, ReasoningOptions, Sampling, Tool, ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.fields import Fields
from ollamux.formats.gemini.openapi import json_schema
from ollamux.formats.gemini.vocabulary import EFFORTS

__all__ = ("EXTENSIONS", "KNOBS", "choice_of", "keep_alive_of", "output_of", "sampling_of", "thinking_of", "tools_of")

EXTENSIONS = ("keep_alive", "num_ctx", "options", "think")
"""Fields of ours at the top level of a body."""

KNOBS: dict[str, str] = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "stop": "stopSequences",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
"""The fields of `generationConfig` that are knobs, by the neutral model's names."""

_WHOLE = ("top_k", "max_tokens", "seed")
_SHARED = frozenset(name for name in Sampling.__struct_fields__ if name != "other")
_READ = frozenset({*KNOBS.values(), "candidateCount", "responseMimeType", "responseSchema", "responseJsonSchema"}) | {
    "responseModalities",
    "responseLogprobs",
    "logprobs",
    "thinkingConfig",
    "_responseJsonSchema",
}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h))+")
_PIECE = re.compile(r"([0-9.]+)(ms|s|m|h)")
_decode_options = msgspec.json.Decoder(dict[str, Any]).decode
_decode_any = msgspec.json.Decoder(Any).decode


def sampling_of(body: Fields, config: Fields | None, defaults: Mapping[str, Any], dropped: list[str]) -> Sampling:
    """The knobs: configured ones, stronger the client's own, strongest its `options`. `dropped` gets the names of
    fields that no other format has."""
    values: dict[str, Any] = dict(defaults)
    if config is not None:
        if any(one.upper() != "TEXT" for one in config.texts("responseModalities")):
            raise config.bad("responseModalities", "TEXT")
        for name, theirs in KNOBS.items():
            found: Any
            if name == "stop":
                found = config.texts(theirs) or None
            else:
                found = config.integer(theirs) if name in _WHOLE else config.number(theirs)
            if found is not None:
                values[name] = found
                if name == "max_tokens":
                    values.pop("num_predict", None)
        dropped += [f"generationConfig.{name}" for name in config.names() if name not in _READ]
    values |= _options(body)
    limit = values.pop("num_predict", None)
    if isinstance(limit, int):
        values.pop("max_tokens", None)
        if limit >= 0:
            values["max_tokens"] = limit
    stop = values.pop("stop", None)
    stops = [stop] if isinstance(stop, str) else stop or None
    known = {name: values.pop(name) for name in list(values) if name in _SHARED}
    try:
        return msgspec.convert({**known, "stop": stops, "other": values}, Sampling)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"Invalid value at 'options': {error}", param="options") from None


def _options(body: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    raw = body.raw("options")
    if raw is not None:
        try:
            found = _decode_options(raw)
        except ValueError:
            raise body.bad("options", "an object") from None
    if body.has("numCtx"):
        found.setdefault("num_ctx", body.integer("numCtx"))
    return found


def keep_alive_of(body: Fields) -> float | None:
    """The seconds of our `keep_alive`, infinite for a negative one."""
    raw = body.raw("keepAlive")
    if raw is None:
        return None
    value: Any = _decode_any(raw)
    if isinstance(value, str):
        if re.fullmatch(r"-?[0-9]+", value):
            value = int(value)
        elif _DURATION.fullmatch(value):
            found = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(value))
            return math.inf if value[0] == "-" else found
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise body.bad("keep_alive", "a duration")
    return math.inf if value < 0 else float(value)


def thinking_of(body: Fields, config: Fields | None) -> ReasoningOptions | None:
    """`thinkingConfig`, or our `think`, which is stronger."""
    raw = body.raw("think")
    if raw is not None:
        value: Any = _decode_any(raw)
        if isinstance(value, bool):
            return ReasoningOptions(value)
        if isinstance(value, str) and (value == "none" or value.upper() in EFFORTS or value == "max"):
            return ReasoningOptions(value != "none", value)
        raise body.bad("think", "a boolean, or an effort")
    thinking = config.fields("thinkingConfig") if config is not None else None
    if thinking is None:
        return None
    budget, level = thinking.integer("thinkingBudget"), thinking.text("thinkingLevel")
    effort = EFFORTS.get(level.upper()) if level else None
    summary = "omitted" if thinking.flag("includeThoughts") is False else None
    if budget == 0:
        return ReasoningOptions(False, summary=summary)
    if budget is not None and budget < 0:  # as much as the model likes
        return ReasoningOptions(True, effort, summary=summary)
    if not effort and not budget and not thinking.flag("includeThoughts"):
        return None
    return ReasoningOptions(True, effort, budget, summary)


def output_of(config: Fields | None) -> JsonFormat | None:
    """The form of the answer."""
    if config is None:
        return None
    mime = (config.text("responseMimeType") or "").lower()
    name = next((n for n in ("responseJsonSchema", "_responseJsonSchema", "responseSchema") if config.has(n)), None)
    if mime in ("", "text/plain"):
        if name is not None and not mime:
            raise config.bad("responseMimeType", "application/json")
        return None
    if mime not in ("application/json", "text/x.enum"):
        raise config.bad("responseMimeType", "text/plain or application/json")
    if mime == "text/x.enum":
        raise InvalidRequest("The model behind this name cannot answer with text/x.enum.", param="responseMimeType")
    if name is None:
        return JsonFormat()
    raw = config.raw(name)
    assert raw is not None
    if bytes(raw)[:1] not in (b"{", b"t", b"f"):
        raise config.bad(name, "a schema")
    return JsonFormat(json_schema(raw) if name == "responseSchema" else raw)


def tools_of(body: Fields) -> tuple[Tool, ...]:
    """The functions. Raises InvalidRequest for tools of another kind."""
    found: list[Tool] = []
    for tool in body.each("tools"):
        others = [name for name in tool.names() if name != "functionDeclarations"]
        if others:
            raise InvalidRequest(
                f"The tool {others[0]!r} cannot be carried to this model's backend.", param=f"{tool.place}.{others[0]}"
            )
        found += [_tool(declared) for declared in tool.each("functionDeclarations")]
    return tuple(found)


def _tool(declared: Fields) -> Tool:
    name = declared.text("name")
    if not name:
        raise declared.bad("name", "the name of a function")
    schema = declared.raw("parametersJsonSchema")
    if schema is None and (theirs := declared.raw("parameters")) is not None:
        schema = json_schema(theirs)
    return Tool(name, declared.text("description"), schema)


def choice_of(body: Fields) -> ToolChoice | None:
    """Which functions may or must be called."""
    config = body.fields("toolConfig")
    calling = config.fields("functionCallingConfig") if config is not None else None
    if calling is None:
        return None
    mode = (calling.text("mode") or "AUTO").upper()
    allowed = tuple(calling.texts("allowedFunctionNames"))
    if mode == "ANY" and len(allowed) == 1:
        return ToolChoice("named", allowed[0])
    modes = {"AUTO": "auto", "MODE_UNSPECIFIED": "auto", "VALIDATED": "auto", "NONE": "none", "ANY": "required"}
    if mode not in modes:
        raise calling.bad("mode", "AUTO, ANY, NONE or VALIDATED")
    return ToolChoice(cast(Literal["auto", "none", "required"], modes[mode]), None, allowed)
