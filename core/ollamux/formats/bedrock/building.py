"""Builds requests for Converse, which is one shape for every chat model on Bedrock.

Strategy: plain dictionaries, encoded once; schemas and arguments go in as the text they came as. What models take
beside the shape goes into its additional fields, under the names that their makers have for it.

Rules: what is absent stays absent; what a model does not take is named in a warning, what would change the meaning is
refused; values are clamped where the service refuses what others take.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, JsonFormat, Message, Sampling, Text, Tool
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.bedrock.content import Content
from ollamux.formats.bedrock.models import Model, model_of
from ollamux.formats.bedrock.thinking import think
from ollamux.formats.bedrock.turns import Turns, names_of
from ollamux.formats.identifiers import Names
from ollamux.formats.schemas import grammar_schema, input_schema

__all__ = ("build_chat", "build_completion", "path_of")

_encode = msgspec.json.Encoder().encode
_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}")
_MOST_METADATA = 16
_MOST_STOPS = 2500
_TIERS = frozenset(("priority", "default", "flex", "reserved"))
_SILENT = frozenset(("reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy"))
_THINKING_TOP_P = 0.95


def path_of(model: str, operation: str) -> str:
    """The path of an operation of a model, whose id or ARN is one segment of it."""
    return f"/model/{quote(model, safe='')}/{operation}"


def build_chat(request: ChatRequest, upstream: str, dialect: Dialect) -> Outgoing:
    """`converse`, or `converse-stream`. Raises InvalidRequest."""
    model = model_of(upstream)
    warnings: list[str] = []
    names = names_of(request)
    content = Content(model)
    turns = Turns(request, model, content, names)
    for message in request.messages:
        turns.add(message)
    turns.end()
    if not turns.turns:
        raise InvalidRequest("the request has no message with anything in it")
    body: dict[str, Any] = {"messages": turns.turns}
    if turns.system:
        body["system"] = turns.system
    lost: dict[str, None] = {}
    _add_tools(body, request, names, content, lost, warnings)
    more: dict[str, Any] = {}
    thinks = think(request, model, body, more, warnings)
    _add_sampling(body, more, request.sampling, model, dialect, thinks, warnings)
    if request.output is not None:
        _add_format(body, request.output, lost, warnings)
    if more:
        body["additionalModelRequestFields"] = more
    _add_metadata(body, request, warnings)
    if request.logprobs:
        content.drop("log probabilities")
    if turns.moved:
        warnings.append("system prompts were moved to the front")
    if lost:
        warnings.append(f"the backend does not hold JSON to these: {', '.join(lost)}")
    if content.dropped:
        warnings.append(f"the backend does not take these: {', '.join(content.dropped)}")
    for key, value in dialect.extra.items():
        body.setdefault(key, value)
    path = path_of(upstream, "converse-stream" if request.stream else "converse")
    return Outgoing(path, _encode(body), tuple(warnings))


def build_completion(request: CompletionRequest, upstream: str, dialect: Dialect) -> Outgoing:
    """A completion as the first turn of a chat, since there is nothing nearer. Raises InvalidRequest."""
    if request.suffix is not None:
        raise InvalidRequest("this backend cannot fill in the middle of a text")
    chat = ChatRequest(
        request.model,
        [Message("user", [Text(request.prompt)])],
        stream=request.stream,
        sampling=request.sampling,
        output=request.output,
        logprobs=request.logprobs,
    )
    built = build_chat(chat, upstream, dialect)
    return Outgoing(built.path, built.body, ("the backend takes the prompt for a message of a chat", *built.warnings))


def _add_tools(
    body: dict[str, Any],
    request: ChatRequest,
    names: Names,
    content: Content,
    lost: dict[str, None],
    warnings: list[str],
) -> None:
    """The tools, and which of them is to be called. Where the conversation has calls there must be tools, whatever the
    request says: without any they are made of the calls."""
    choice = request.tool_choice
    mode = choice.mode if choice is not None else "auto"
    called = _called(body["messages"])
    offered = request.tools
    if choice is not None and choice.allowed and mode in ("auto", "required"):
        offered = tuple(tool for tool in offered if tool.name in choice.allowed)
    if mode == "none" and not called:
        return
    tools: list[dict[str, Any]] = []
    for tool in offered:
        tools.append({"toolSpec": _tool(tool, names, lost)})
        tools += content.cached(tool.cache)
    if not tools:
        tools = [
            {"toolSpec": {"name": name, "inputSchema": {"json": input_schema(None, strict=False, lost=lost)}}}
            for name in called
        ]
    elif mode == "none":
        warnings.append("the backend cannot keep the model from calling tools that it has called before")
    if not tools:
        return
    config: dict[str, Any] = {"tools": tools}
    if mode == "required" and offered:
        config["toolChoice"] = {"any": {}}
    elif mode == "named" and choice is not None and choice.name:
        if not any(tool.name == choice.name for tool in offered):
            raise InvalidRequest(f"the tool '{choice.name}' that must be called is not among the tools")
        config["toolChoice"] = {"tool": {"name": names.out(choice.name)}}
    if request.parallel_tool_calls is False:
        warnings.append("the backend cannot be kept from calling several tools at once")
    body["toolConfig"] = config


def _called(turns: list[dict[str, Any]]) -> list[str]:
    """The names of the tools that were called, once each."""
    blocks = [block["toolUse"]["name"] for turn in turns for block in turn["content"] if "toolUse" in block]
    return list(dict.fromkeys(blocks))


def _tool(tool: Tool, names: Names, lost: dict[str, None]) -> dict[str, Any]:
    spec: dict[str, Any] = {"name": names.out(tool.name)}
    if tool.description and tool.description.strip():
        spec["description"] = tool.description
    spec["inputSchema"] = {"json": input_schema(tool.parameters, strict=tool.strict is True, lost=lost)}
    if tool.strict is not None:
        spec["strict"] = tool.strict
    return spec


def _add_sampling(
    body: dict[str, Any],
    more: dict[str, Any],
    sampling: Sampling,
    model: Model,
    dialect: Dialect,
    thinks: bool,
    warnings: list[str],
) -> None:
    knobs: dict[str, Any] = msgspec.to_builtins(sampling)  # only what is set
    other: dict[str, Any] = knobs.pop("other", {})
    knobs |= {name: value for name, value in other.items() if name not in _SILENT}
    inference: dict[str, Any] = {}
    tokens = knobs.pop("max_tokens", None)
    if tokens is not None:
        inference["maxTokens"] = max(1, tokens)
        if tokens < 1:
            warnings.append("the backend writes one token at least")
    dropped: list[str] = []
    one_of_two = model.one_of_two and not thinks and "temperature" in knobs
    for name, value in knobs.items():
        if name == "stop":
            _add_stops(inference, value, model, warnings)
        elif name in dialect.sampling:
            theirs = dialect.sampling[name]
            if theirs is None:
                dropped.append(name)
            else:
                more[theirs] = value
        elif name == "temperature" and model.samples and not thinks:
            inference["temperature"] = min(max(value, 0.0), 1.0)
        elif name == "top_p" and model.samples and not (thinks and value < _THINKING_TOP_P) and not one_of_two:
            inference["topP"] = min(max(value, 0.0), 1.0)
        elif name == "top_k" and model.samples and model.top_k and not thinks:
            place = more
            for key in model.top_k[:-1]:
                place = place.setdefault(key, {})
            place[model.top_k[-1]] = value
        else:
            dropped.append(name)
    if inference:
        body["inferenceConfig"] = inference
    if dropped:
        warnings.append(f"the backend does not take these options: {', '.join(sorted(dropped))}")


def _add_stops(inference: dict[str, Any], stops: list[str], model: Model, warnings: list[str]) -> None:
    """Texts that end the answer. A Claude refuses those of white space alone, the service empty ones."""
    kept = [stop for stop in stops if (stop.strip() if model.claude else stop)][:_MOST_STOPS]
    if len(kept) < len(stops):
        warnings.append("the backend does not take all of the stop sequences")
    if kept:
        inference["stopSequences"] = kept


def _add_format(body: dict[str, Any], output: JsonFormat, lost: dict[str, None], warnings: list[str]) -> None:
    if output.schema is None:
        warnings.append("the backend cannot be held to JSON without a schema")
        return
    described: dict[str, Any] = {"schema": bytes(grammar_schema(output.schema, lost)).decode()}
    if output.name is not None:
        described["name"] = output.name
    if output.description is not None:
        described["description"] = output.description
    text = {"type": "json_schema", "structure": {"jsonSchema": described}}
    body.setdefault("outputConfig", {})["textFormat"] = text


def _add_metadata(body: dict[str, Any], request: ChatRequest, warnings: list[str]) -> None:
    told = dict(request.metadata or {})
    if request.user is not None:
        told.setdefault("user", request.user)
    kept = {
        key: value
        for key, value in list(told.items())[:_MOST_METADATA]
        if key and _METADATA.fullmatch(key) and _METADATA.fullmatch(value)
    }
    if kept:
        body["requestMetadata"] = kept
    if len(kept) < len(told):
        warnings.append("the backend does not take all of the metadata")
    if request.service_tier in _TIERS:
        body["serviceTier"] = {"type": request.service_tier}
    elif request.service_tier not in (None, "auto"):
        warnings.append(f"the backend has no service tier '{request.service_tier}'")
