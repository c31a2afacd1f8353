"""What a request of this format says beside its conversation, in neutral words: knobs, thinking, tools, output.

Strategy: the client's own fields are stronger than the configuration, and Ollama's `options` among them stronger than
the vendor's, since `max_tokens` must always be there and so says little.

Rules: absent stays absent; a tool that only the vendor's servers or models know is left out and named; a model that
cannot think is not asked to, for clients ask it of every model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

import msgspec

from ollamux.conversation import JsonFormat, ReasoningOptions, Sampling, Tool, ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.content import cache_of, worded
from ollamux.formats.anthropic.schema import Extensions, OutputConfig, Request, Thinking, ToolChoiceIn, ToolIn, given

__all__ = ("choice_of", "keep_alive_of", "output_of", "reasoning_of", "renamed", "sampling_of", "tier_of", "tools_of")

_SPELLED = {"num_predict": "max_tokens"}
_KNOBS = tuple(name for name in Sampling.__struct_fields__ if name != "other")
_TYPES = get_type_hints(Sampling)
_CHOICES: dict[str, Any] = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS = {"standard_only": "default"}
_DURATION = re.compile(r"(-?)((?:[0-9.]+(?:ns|us|ms|s|m|h))+)")
_PIECE = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def renamed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Ollama's options by their neutral names. What says nothing (null, a limit below zero) is left out."""
    found = {_SPELLED.get(name, name): value for name, value in options.items() if value is not None}
    limit = found.get("max_tokens")
    if isinstance(limit, int) and limit < 0:
        del found["max_tokens"]
    return found


def keep_alive_of(value: float | str | None) -> float | None:
    """Seconds, from a number of them or a text like `5m` or `1h30m`; infinite below zero. Raises InvalidRequest."""
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        pieces = _PIECE.findall(match[2]) if match is not None else []
        if match is None or "".join(number + unit for number, unit in pieces) != match[2]:
            raise InvalidRequest(f"keep_alive: '{value}' is no duration", param="keep_alive")
        value = sum(float(number) * _SECONDS[unit] for number, unit in pieces) * (-1 if match[1] else 1)
    return math.inf if value is not None and value < 0 else value


def sampling_of(request: Request, defaults: Mapping[str, Any]) -> Sampling:
    """The knobs. Raises InvalidRequest for one of the wrong type."""
    found = renamed(defaults)
    own: dict[str, Any] = {
        "max_tokens": request.max_tokens,
        "stop": request.stop_sequences or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "num_ctx": request.num_ctx,
    }
    found |= {name: value for name, value in own.items() if value is not None}
    found |= renamed(request.options or {})
    known: dict[str, Any] = {}
    for name in _KNOBS:
        if name in found:
            value = found.pop(name)
            if name == "stop" and isinstance(value, str):
                value = (value,)
            try:
                known[name] = msgspec.convert(value, _TYPES[name])
            except msgspec.ValidationError as error:
                raise InvalidRequest(worded(error, f"options.{name}")) from None
    return Sampling(**known, other=found)


def reasoning_of(
    thinking: Thinking | None, config: OutputConfig | None, extensions: Extensions
) -> ReasoningOptions | None:
    """Whether and how hard to think. Raises InvalidRequest for a word that nobody knows."""
    effort = config.effort if config is not None else None
    if effort is not None and effort not in _EFFORTS:
        raise InvalidRequest("output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'")
    if thinking is None:
        think = extensions.think
        if isinstance(think, str):
            return ReasoningOptions(think != "none", think)
        return None if think is None and effort is None else ReasoningOptions(think, effort)
    shown = {"summarized": "auto", "omitted": "omitted"}.get(thinking.display or "")
    match thinking.type:
        case "adaptive":
            return ReasoningOptions(True, effort, None, shown)
        case "enabled":
            if thinking.budget_tokens is None:
                raise InvalidRequest("thinking.enabled.budget_tokens: Field required")
            return ReasoningOptions(True, effort, thinking.budget_tokens, shown)
        case "disabled" | "between_tools":
            return ReasoningOptions(False, effort, None, shown)
        case kind:
            raise InvalidRequest(
                f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected tags:"
                " 'adaptive', 'between_tools', 'disabled', 'enabled'"
            )


def tools_of(tools: Iterable[ToolIn], left_out: set[str]) -> tuple[Tool, ...]:
    """The client's own tools."""
    found: list[Tool] = []
    for place, tool in enumerate(tools):
        if tool.type not in (None, "custom"):
            left_out.add(tool.type)
            continue
        if not tool.name:
            raise InvalidRequest(f"tools.{place}.custom.name: Field required")
        schema = tool.input_schema if given(tool.input_schema) else None
        found.append(Tool(tool.name, tool.description, schema, tool.strict, cache_of(tool.cache_control)))
    return tuple(found)


def choice_of(choice: ToolChoiceIn | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """Which tool is to be called. Raises InvalidRequest for one that is not there."""
    if choice is None:
        return None
    if choice.type == "tool":
        if not choice.name:
            raise InvalidRequest("tool_choice.tool.name: Field required")
        if all(tool.name != choice.name for tool in tools):
            raise InvalidRequest(f"tool_choice: Tool '{choice.name}' not found in provided tools")
        return ToolChoice("named", choice.name)
    mode = _CHOICES.get(choice.type)
    if mode is None:
        raise InvalidRequest("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
    return ToolChoice(mode)


def output_of(config: OutputConfig | None) -> JsonFormat | None:
    """The shape of the answer."""
    form = config.format if config is not None else None
    if form is None:
        return None
    if form.type != "json_schema" or not given(form.schema):
        raise InvalidRequest("output_config.format: Input should be a json_schema with its schema")
    return JsonFormat(form.schema)


def tier_of(word: str | None) -> str | None:
    """The service tier, in the words that most formats share."""
    return None if word is None else _TIERS.get(word, word)
