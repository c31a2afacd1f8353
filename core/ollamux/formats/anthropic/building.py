"""Builds requests for servers of this format from the neutral model.

Strategy: plain dictionaries, encoded once; schemas and arguments go in as the raw text they came as. What a model takes
is looked up by its name.

Rules: what is absent stays absent, but for the limit of tokens, which the API demands; what cannot be carried is named
in a warning. Thinking gives way to what excludes it: a tool that must be called, a tool's result whose call came
without signed thinking, too small a limit. Sampling gives way to thinking, and to a version of the API without it.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    Message,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.abilities import Abilities, abilities_of
from ollamux.formats.anthropic.incoming import STRICT
from ollamux.formats.anthropic.turns import Turn, lay_down
from ollamux.formats.anthropic.words import listed, tame
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.identifiers import Names
from ollamux.formats.schemas import grammar_schema, input_schema

__all__ = ("VERSION", "as_chat", "build_chat", "tool_names", "version_of")

VERSION = "anthropic-version"
"""The header that pins the API's version, and the member of a dialect's `extra` that says which."""

_encode = msgspec.json.Encoder().encode
_NAMES = re.compile(r"[a-zA-Z0-9_-]+")
_LONGEST_NAME = 64
_LONGEST_ID = 256
_LEAST_BUDGET = 1024
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 30720}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_MODES = {"auto": "auto", "none": "none", "required": "any"}
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_QUIETLY_DROPPED = frozenset({"reasoning_effort", "summary_level", "truncation_strategy", "verbosity_level"})


def version_of(dialect: Dialect) -> str:
    """The API's version that a dialect pins; empty where it is the provider's own."""
    return str(dialect.extra.get(VERSION, ""))


def tool_names(request: ChatRequest | CompletionRequest) -> Names:
    """The names of the request's tools in the alphabet of this format."""
    if isinstance(request, CompletionRequest):
        return Names(_NAMES, _LONGEST_NAME)
    called = [part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    return Names(_NAMES, _LONGEST_NAME, [*(tool.name for tool in request.tools), *called])


def as_chat(request: CompletionRequest) -> ChatRequest:
    """A text to go on with, as a user's message. Raises InvalidRequest for a gap to fill."""
    if request.suffix:
        raise InvalidRequest("this backend cannot fill the middle of a text")
    return ChatRequest(
        request.model,
        [Message("user", [Text(request.prompt)])],
        request.stream,
        sampling=request.sampling,
        output=request.output,
        logprobs=request.logprobs,
    )


def build_chat(request: ChatRequest, model: str, dialect: Dialect) -> Outgoing:
    """`/messages`. Raises InvalidRequest."""
    able = abilities_of(model)
    warnings: list[str] = []
    names = tool_names(request)
    ids = Names(
        _NAMES,
        _LONGEST_ID,
        [part.id for message in request.messages for part in message.parts if isinstance(part, ToolCall)],
    )
    laid = lay_down(request, ids, names, able.system_turns, warnings)
    body: dict[str, Any] = {"model": model, "max_tokens": 0}
    if laid.system:
        plain = len(laid.system) == 1 and set(laid.system[0]) == {"type", "text"}
        body["system"] = laid.system[0]["text"] if plain else laid.system
    body["messages"] = [{"role": turn.role, "content": _content(turn)} for turn in laid.turns]
    if request.stream:
        body["stream"] = True
    forced = _add_tools(body, request, names)
    config: dict[str, Any] = {}
    if request.output is not None:
        if request.output.schema is None:
            warnings.append("the backend has no JSON mode without a schema")
        else:
            config["format"] = {"type": "json_schema", "schema": _answer_schema(request.output.schema, warnings)}
    limit = request.sampling.max_tokens
    limit = limit if limit is not None and limit >= 0 else None
    most = limit if limit is not None else int(dialect.extra.get("max_tokens", able.most))
    wanted = _wanted(request)
    if wanted is not None:
        obstacle = _obstacle(wanted, forced, laid.turns, able, most)
        _add_thinking(body, config, wanted, able, most, obstacle)
        if obstacle:
            warnings.append(obstacle)
    body["max_tokens"] = most
    thinks = body.get("thinking", {}).get("type") in ("adaptive", "enabled")
    _add_sampling(body, request.sampling, dialect, able, thinks, warnings)
    if config:
        body["output_config"] = config
    if request.user:
        body["metadata"] = {"user_id": request.user}
    if request.metadata:
        warnings.append("the backend does not take: metadata")
    _add_tier(body, request.service_tier, warnings)
    if request.logprobs:
        warnings.append("the backend tells no log probabilities")
    for key, value in dialect.extra.items():
        if key != VERSION:
            body.setdefault(key, value)
    version = version_of(dialect)
    return Outgoing("/messages", _encode(body), tuple(warnings), ((VERSION, version),) if version else ())


def _content(turn: Turn) -> str | list[dict[str, Any]]:
    blocks = turn.blocks
    return blocks[0]["text"] if len(blocks) == 1 and set(blocks[0]) == {"type", "text"} else blocks


def _add_tools(body: dict[str, Any], request: ChatRequest, names: Names) -> bool:
    """The tools and the choice among them. Returns whether one must be called."""
    tools, choice = request.tools, request.tool_choice
    if choice is not None and choice.allowed:
        tools = tuple(tool for tool in tools if tool.name in choice.allowed)
    if not tools:
        called = {part.name for message in request.messages for part in message.parts if isinstance(part, ToolCall)}
        if not called:
            return False
        tools = tuple(Tool(name) for name in sorted(called))  # calls of earlier turns want their tools to be there
        choice = ToolChoice("none")
    body["tools"] = [_tool(tool, names) for tool in tools]
    told: dict[str, Any] = {}
    if choice is not None and choice.mode == "named":
        told = {"type": "tool", "name": names.out(choice.name or "")}
    elif choice is not None:
        told = {"type": _MODES[choice.mode]}
    if request.parallel_tool_calls is False and told.get("type") != "none":
        told = {"type": "auto", **told, "disable_parallel_tool_use": True}
    if told and told != {"type": "auto"}:
        body["tool_choice"] = told
    return told.get("type") in ("any", "tool")


def _tool(tool: Tool, names: Names) -> dict[str, Any]:
    made: dict[str, Any] = {"name": names.out(tool.name)}
    if tool.description:
        made["description"] = tool.description
    made["input_schema"] = input_schema(tool.parameters, strict=False, lost={})
    if tool.strict:
        made["strict"] = True
    if tool.cache is not None:
        made["cache_control"] = {"type": "ephemeral"} | ({} if tool.cache == "5m" else {"ttl": tool.cache})
    return made


def _answer_schema(schema: msgspec.Raw, warnings: list[str]) -> msgspec.Raw:
    lost: dict[str, None] = {}
    held = grammar_schema(schema, lost, one_of="anyOf")
    if lost:
        warnings.append(f"the backend does not hold an answer to {', '.join(sorted(lost))}")
    return held


def _wanted(request: ChatRequest) -> ReasoningOptions | None:
    """How hard to think, by the request or, weaker, by the model's configuration."""
    configured = request.sampling.other.get("reasoning_effort")
    wanted = request.reasoning
    if not isinstance(configured, str) or (wanted is not None and (wanted.effort or wanted.enabled is False)):
        return wanted
    if wanted is None:
        return ReasoningOptions(configured != "none", configured)
    return msgspec.structs.replace(wanted, effort=configured)


def _obstacle(wanted: ReasoningOptions, forced: bool, turns: list[Turn], able: Abilities, most: int) -> str:
    """Why there can be no thinking though it is asked for."""
    if wanted.enabled is False or wanted.effort == "none" or not (wanted.enabled or wanted.effort or wanted.budget):
        return ""
    if not able.thinks:
        return "this model cannot think"
    if forced:
        return "there is no thinking where a tool must be called"
    if turns[-1].results and not turns[-2].thought:
        return "there is no thinking in this turn, since the thinking before its tool call is not known"
    if able.budgets and most <= _LEAST_BUDGET:
        return "there is no thinking within so few tokens"
    return ""


def _add_thinking(
    body: dict[str, Any],
    config: dict[str, Any],
    wanted: ReasoningOptions,
    able: Abilities,
    most: int,
    obstacle: str,
) -> None:
    effort = wanted.effort
    if effort == "none" or obstacle:
        return  # without a word of it nobody thinks who need not
    if not able.budgets and (level := _EFFORTS.get(effort or _effort_of(wanted.budget))):
        config["effort"] = level
    if wanted.enabled is False:
        if able.thinks:
            body["thinking"] = {"type": "disabled"}
        return
    if not (wanted.enabled or effort or wanted.budget):
        return
    if able.budgets:
        budget = wanted.budget or _BUDGETS.get(effort or "", _BUDGETS["medium"])
        thinking: dict[str, Any] = {"type": "enabled", "budget_tokens": max(_LEAST_BUDGET, min(budget, most - 1))}
    else:
        thinking = {"type": "adaptive"}
    if wanted.summary is not None:
        thinking["display"] = "omitted" if wanted.summary == "omitted" else "summarized"
    body["thinking"] = thinking


def _effort_of(budget: int | None) -> str:
    """The effort that a budget of tokens comes to, where budgets are not taken."""
    if budget is None or budget <= 0:
        return ""
    return next((effort for effort, tokens in _BUDGETS.items() if budget <= tokens), "max")


def _add_sampling(
    body: dict[str, Any], sampling: Sampling, dialect: Dialect, able: Abilities, thinks: bool, warnings: list[str]
) -> None:
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    knobs.pop("max_tokens", None)
    knobs |= knobs.pop("other", {})
    stop = [text for text in knobs.pop("stop", ()) if text.strip()]
    if stop:
        body["stop_sequences"] = stop
    found = {name: knobs.pop(name) for name in ("temperature", "top_p", "top_k") if name in knobs}
    taken = {name: value for name, value in found.items() if dialect.sampling.get(name, name) is not None}
    if version_of(dialect) >= STRICT or thinks:
        taken = {}
    elif able.one_of_two and "temperature" in taken:
        taken.pop("top_p", None)
    for name, value in taken.items():
        body[name] = max(0.0, min(1.0, value)) if name == "temperature" else value
    dropped = {*knobs, *found} - {*taken} - _QUIETLY_DROPPED
    if dropped:
        warnings.append(f"the backend does not take these options: {listed(dropped)}")


def _add_tier(body: dict[str, Any], tier: str | None, warnings: list[str]) -> None:
    if tier is None:
        return
    if tier in _TIERS:
        body["service_tier"] = _TIERS[tier]
    else:
        warnings.append(f"the backend has no service tier '{tame(tier)}'")
