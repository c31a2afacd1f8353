"""Builds requests for Gemini from the neutral model: generateContent, batchEmbedContents, and Vertex's predict.

Strategy: plain dictionaries, encoded once; JSON schemas go in as the raw text that they came as, in the fields that
take JSON schema. What a configuration's dialect calls a knob goes before the format's own name.

Rules: what is absent stays absent, no defaults are made up; what cannot be carried is named in a warning; what would
change the meaning is refused.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    EmbedRequest,
    JsonFormat,
    Message,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.gemini.functions import function_names
from ollamux.formats.gemini.paths import method_path, resource
from ollamux.formats.gemini.settings import KNOBS
from ollamux.formats.gemini.turns import Contents, knows_levels
from ollamux.formats.gemini.vocabulary import BUDGETS, LEVELS
from ollamux.formats.identifiers import Names

__all__ = ("build_chat", "build_completion", "build_embed", "generation_fields", "thinking_fields")

_encode = msgspec.json.Encoder().encode
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}
_ALWAYS_THINKS = "gemini-2.5-pro"
_LEAST_BUDGET = 128
_MOST_STOPS = 5
_SEED_LIMIT = 1 << 31
_SILENT = ("reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy")


def build_chat(request: ChatRequest, model: str, dialect: Dialect) -> Outgoing:
    """`generateContent`, or `streamGenerateContent` as server-sent events."""
    names = function_names(request)
    contents = Contents(model, names)
    for message in request.messages:
        contents.add(message)
    contents.close()
    warnings = contents.warnings
    body: dict[str, Any] = {"contents": contents.made}
    if contents.instruction:
        body["systemInstruction"] = {"parts": contents.instruction}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_tool(tool, names) for tool in request.tools]}]
        config = _choice(request.tool_choice, names)
        if config is not None:
            body["toolConfig"] = {"functionCallingConfig": config}
        if request.parallel_tool_calls is False:
            warnings.append("the backend cannot be kept from calling several tools at once")
    config = generation_fields(request.sampling, dialect, warnings)
    if request.output is not None:
        config |= _output(request.output)
    if request.logprobs:
        config["responseLogprobs"] = True
        if request.top_logprobs:
            config["logprobs"] = request.top_logprobs
    thinking = thinking_fields(_reasoning(request), model, warnings)
    if thinking:
        config["thinkingConfig"] = thinking
    if config:
        body["generationConfig"] = config
    lost = [name for name in ("user", "metadata", "service_tier") if getattr(request, name)]
    if lost:
        warnings.append(f"the backend does not take: {', '.join(lost)}")
    return _outgoing(model, body, request.stream, dialect, warnings)


def build_completion(request: CompletionRequest, model: str, dialect: Dialect) -> Outgoing:
    """A text to go on with is what a user says: Gemini has no other way to be asked."""
    if request.suffix:
        raise InvalidRequest("this backend cannot fill the middle of a text", param="suffix")
    chat = ChatRequest(
        request.model,
        [Message("user", [Text(request.prompt)])],
        request.stream,
        sampling=request.sampling,
        output=request.output,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
    )
    outgoing = build_chat(chat, model, dialect)
    warning = "the backend answers the prompt as a chat's, and puts its template around it"
    return outgoing.warned((*outgoing.warnings, warning))


def build_embed(request: EmbedRequest, model: str, dialect: Dialect) -> Outgoing:
    """`batchEmbedContents`, or `predict` where that makes vectors."""
    if dialect.predicts:
        return _predict(request, model)
    name = resource(model)
    asked: list[dict[str, Any]] = []
    for text in request.inputs:
        one: dict[str, Any] = {"model": name, "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            one["outputDimensionality"] = request.dimensions
        asked.append(one)
    warnings = ["the backend cuts texts that are too long"] if request.truncate is False else []
    return Outgoing(method_path(model, "batchEmbedContents"), _encode({"requests": asked}), tuple(warnings))


def _predict(request: EmbedRequest, model: str) -> Outgoing:
    body: dict[str, Any] = {"instances": [{"content": text} for text in request.inputs]}
    wishes: dict[str, Any] = {}
    if request.dimensions is not None:
        wishes["outputDimensionality"] = request.dimensions
    if request.truncate is not None:
        wishes["autoTruncate"] = request.truncate
    if wishes:
        body["parameters"] = wishes
    return Outgoing(method_path(model, "predict"), _encode(body))


def generation_fields(sampling: Sampling, dialect: Dialect, warnings: list[str]) -> dict[str, Any]:
    """The knobs as fields of `generationConfig`; what the backend has none for is named in a warning."""
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    knobs |= knobs.pop("other", {})
    found: dict[str, Any] = {}
    dropped: list[str] = []
    for name, value in knobs.items():
        theirs = dialect.sampling[name] if name in dialect.sampling else KNOBS.get(name)
        if name in _SILENT:
            continue
        if theirs is None:
            dropped.append(name)
        elif name == "stop":
            stops = [stop for stop in value if stop]
            if len(stops) > _MOST_STOPS:
                warnings.append(f"the backend takes {_MOST_STOPS} stop sequences, the others were left out")
            if stops:
                found[theirs] = stops[:_MOST_STOPS]
        elif name == "seed":
            found[theirs] = value if -_SEED_LIMIT <= value < _SEED_LIMIT else value % _SEED_LIMIT
        else:
            found[theirs] = value
    if dropped:
        warnings.append(f"the backend does not take these options: {', '.join(sorted(dropped))}")
    return found


def thinking_fields(reasoning: ReasoningOptions | None, model: str, warnings: list[str]) -> dict[str, Any]:
    """`thinkingConfig`: a budget where one is asked for or the model knows nothing else, else a level."""
    if reasoning is None:
        return {}
    levels = knows_levels(model)
    if reasoning.enabled is False or reasoning.effort == "none":
        if levels:
            warnings.append("the backend cannot switch thinking off, it thinks as little as it can")
            return {"thinkingLevel": LEVELS["minimal"]}
        if _ALWAYS_THINKS in model:
            warnings.append("the backend cannot switch thinking off, it thinks as little as it can")
            return {"thinkingBudget": _LEAST_BUDGET}
        return {"thinkingBudget": 0}
    found: dict[str, Any] = {"includeThoughts": reasoning.summary != "omitted"}
    if reasoning.budget is not None:
        found["thinkingBudget"] = reasoning.budget
    elif reasoning.effort in LEVELS:
        found |= (
            {"thinkingLevel": LEVELS[reasoning.effort]} if levels else {"thinkingBudget": BUDGETS[reasoning.effort]}
        )
    return found


def _reasoning(request: ChatRequest) -> ReasoningOptions | None:
    """What the request asks for; weaker than its own, the effort that the model's configuration names."""
    asked, effort = request.reasoning, request.sampling.other.get("reasoning_effort")
    if not isinstance(effort, str):
        return asked
    if asked is None:
        return ReasoningOptions(effort=effort)
    if asked.effort is None and asked.budget is None and asked.enabled is not False:
        return msgspec.structs.replace(asked, effort=effort)
    return asked


def _outgoing(model: str, body: dict[str, Any], stream: bool, dialect: Dialect, warnings: list[str]) -> Outgoing:
    for key, value in dialect.extra.items():
        body.setdefault(key, value)
    path = method_path(model, "streamGenerateContent") + "?alt=sse" if stream else method_path(model, "generateContent")
    return Outgoing(path, _encode(body), tuple(warnings))


def _tool(tool: Tool, names: Names) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": names.out(tool.name)}
    if tool.description:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def _choice(choice: ToolChoice | None, names: Names) -> dict[str, Any] | None:
    if choice is None or (choice.mode == "auto" and not choice.allowed):
        return None
    allowed = (choice.name,) if choice.mode == "named" and choice.name else choice.allowed
    config: dict[str, Any] = {"mode": _MODES[choice.mode]}
    if allowed and choice.mode != "none":
        config["allowedFunctionNames"] = [names.out(name) for name in allowed]
        if choice.mode == "auto":
            config["mode"] = "VALIDATED"  # AUTO takes no names
    return config


def _output(output: JsonFormat) -> dict[str, Any]:
    made: dict[str, Any] = {"responseMimeType": "application/json"}
    if output.schema is not None:
        made["responseJsonSchema"] = output.schema
    return made
