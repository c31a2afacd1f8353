"""Whether a model on Bedrock is asked to think, and how its maker's models are asked.

Claudes since 4.6 decide by themselves how long (`adaptive`), and are told an effort; the ones before are told a budget
in tokens; gpt-oss is told an effort; a Nova since 2 gets a configuration of its own.

Rules: what a thinking Claude refuses beside its thinking gives way (temperature, top_k) or stands (a tool that must be
called): then it does not think, and the request says so in a warning.
"""

from __future__ import annotations

from typing import Any

from ollamux.chat import ChatRequest
from ollamux.conversation import ReasoningOptions
from ollamux.formats.bedrock.models import Model

__all__ = ("think",)

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 24576, "max": 32000}
_LEAST = 1024
_THREE = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_DEFAULT = "medium"
_SUMMARIES = {"omitted": "omitted", "auto": "summarized", "concise": "summarized", "detailed": "summarized"}
_UNKNOWN = "the model has no switch for thinking that is known"


def think(request: ChatRequest, model: Model, body: dict[str, Any], more: dict[str, Any], warnings: list[str]) -> bool:
    """Puts what asks for thinking into the body and into its additional fields. Returns whether a Claude will think.

    `body` has its messages and tools already."""
    wanted = _wanted(request)
    if wanted is None:
        return False
    effort = wanted.effort
    if wanted.enabled is False or effort == "none":
        return False
    match model.thinking:
        case "effort":
            more["reasoning_effort"] = _THREE.get(effort or _DEFAULT, _DEFAULT)
        case "nova":
            told = {"type": "enabled", "maxReasoningEffort": _THREE.get(effort or _DEFAULT, _DEFAULT)}
            more["reasoningConfig"] = told
        case "adaptive" | "budget":
            return _claude(wanted, request, model, body, more, warnings)
        case _:
            warnings.append(_UNKNOWN)
    return False


def _wanted(request: ChatRequest) -> ReasoningOptions | None:
    """What the request asks for, else what the model's configuration does."""
    configured = request.sampling.other.get("reasoning_effort")
    wanted = request.reasoning
    if not isinstance(configured, str):
        return wanted
    if wanted is None:
        return ReasoningOptions(effort=configured)
    if wanted.enabled is not False and wanted.effort is None and wanted.budget is None:
        return ReasoningOptions(wanted.enabled, configured, None, wanted.summary)
    return wanted


def _claude(
    wanted: ReasoningOptions,
    request: ChatRequest,
    model: Model,
    body: dict[str, Any],
    more: dict[str, Any],
    warnings: list[str],
) -> bool:
    effort = wanted.effort
    if "auto" not in body.get("toolConfig", {}).get("toolChoice", {"auto": {}}):
        warnings.append("the model does not think where it must call a tool")
        return False
    told: dict[str, Any]
    if model.thinking == "adaptive":
        told = {"type": "adaptive"}
        effort = effort or _effort_of(wanted.budget)
        if effort is not None:
            effort = "low" if effort == "minimal" else effort
            # 4.6 has no xhigh yet.
            body["outputConfig"] = {"effort": "max" if effort == "xhigh" and model.version == (4, 6) else effort}
    else:
        budget = wanted.budget
        if budget is None:
            most = request.sampling.max_tokens
            budget = _BUDGETS.get(effort or _DEFAULT, _BUDGETS[_DEFAULT])
            budget = budget if most is None else min(budget, most - 1)
            if budget < _LEAST:
                warnings.append("the limit of tokens leaves no room for thinking")
                return False
        if _lacks_thoughts(body["messages"]):
            warnings.append("the model does not think on, since its earlier thoughts are not there")
            return False
        told = {"type": "enabled", "budget_tokens": budget}
    if wanted.summary in _SUMMARIES:
        told["display"] = _SUMMARIES[wanted.summary]
    more["thinking"] = told
    return True


def _effort_of(budget: int | None) -> str | None:
    """The effort that a budget of tokens comes to."""
    if budget is None:
        return None
    return next((effort for effort, tokens in _BUDGETS.items() if budget <= tokens), "max")


def _lacks_thoughts(turns: list[dict[str, Any]]) -> bool:
    """Whether tools have been called without the thoughts that led to it: such a turn cannot be thought on."""
    if len(turns) < 2 or not any("toolResult" in block for block in turns[-1]["content"]):
        return False
    return "reasoningContent" not in turns[-2]["content"][0]
