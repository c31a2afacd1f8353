"""Servers that speak OpenAI's chat completions, and the presets for those that differ in a known way.

What they tell: /v1/models names the models; many add the context length, each under a name of its own; some say what a
model can do, in one of three ways. Where nothing is told the usual abilities are assumed, and the backend's refusal
comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Loaded, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_object, as_rows

__all__ = ("PROVIDERS", "OpenAiCompatible")

_decode = msgspec.json.Decoder(dict[str, Any] | list[Any]).decode

_PLAIN = Dialect(
    sampling={"reasoning_effort": "reasoning_effort"},
    think="reasoning_effort",
    developer=False,
    signatures=frozenset({"extra_content"}),
)
_VLLM = Dialect(
    sampling={
        "top_k": "top_k",
        "min_p": "min_p",
        "repeat_penalty": "repetition_penalty",
        "reasoning_effort": "reasoning_effort",
    },
    think="chat_template_kwargs",
    reasoning_fields=("reasoning", "reasoning_content"),
    developer=False,
    prefill={"continue_final_message": True, "add_generation_prompt": False},
)
_TGI = Dialect(
    sampling={"top_k": "top_k", "typical_p": "typical_p", "repeat_penalty": "repetition_penalty"}, developer=False
)
_LLAMA_LIKE = Dialect(
    sampling={name: name for name in ("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n")},
    think="chat_template_kwargs",
    developer=False,
)
_LOADS_ONE = frozenset({"vllm", "tgi"})
_LENGTHS = ("max_model_len", "context_length", "max_context_length", "context_window")
_FLAGS = {
    "completion_chat": "completion", "completion_fim": "insert", "function_calling": "tools", "reasoning": "thinking",
    "vision": "vision", "audio": "audio",
}  # fmt: skip
_PARAMETERS = {"tools": "tools", "reasoning": "thinking"}
_MODALITIES = {"image": "vision", "audio": "audio"}
_SORTS: dict[str | None, frozenset[str]] = {"embedding": frozenset({"embedding"})}


class OpenAiCompatible(msgspec.Struct, frozen=True, kw_only=True):
    """Any server with /v1/models and /v1/chat/completions."""

    type: str = "openai_compatible"
    format: str = "openai_chat"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = _PLAIN
    default_endpoint: str | None = None
    version_path: str = "/v1"
    fixed: bool = False
    manages_models: bool = False
    auth: str = "bearer"
    headers: HeaderPairs = ()
    probes: tuple[Probe, ...] = (Probe("/models"),)

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        body: dict[str, Any] | list[Any] = _decode(answers["/models"].body)
        listed = as_rows(body.get("data") if isinstance(body, dict) else body)
        rows = [row for row in listed if isinstance(row.get("id"), str)]
        models = tuple(_model(row) for row in rows)
        loaded = tuple(Loaded(name=model.name, context_length=model.context_length) for model in models)
        return Inventory(models=models, loaded=loaded if self.type in _LOADS_ONE else ())


def _model(row: dict[str, Any]) -> ModelInfo:
    created = row.get("created")
    return ModelInfo(
        name=row["id"],
        capabilities=_capabilities(row),
        context_length=_context(row),
        modified=float(created) if isinstance(created, int) and created > 0 else None,
    )


def _context(row: dict[str, Any]) -> int | None:
    told = [row.get(key) for key in _LENGTHS]
    routes = row.get("providers")  # a router's model, with the services behind it
    if isinstance(routes, list):
        told += [as_object(route).get("context_length") for route in cast("list[object]", routes)]
    lengths = [value for value in told if isinstance(value, int) and not isinstance(value, bool) and value > 0]
    return max(lengths, default=None)


def _capabilities(row: dict[str, Any]) -> frozenset[str] | None:
    """From flags (Mistral), from the parameters and modalities of a model (OpenRouter), or from its sort (Together)."""
    flags = as_object(row.get("capabilities"))
    parameters = row.get("supported_parameters")
    found: set[str] = set()
    if any(flag in flags for flag in _FLAGS):
        found |= {word for flag, word in _FLAGS.items() if flags.get(flag) is True}
    elif isinstance(parameters, list):
        found |= {"completion"} | {word for name, word in _PARAMETERS.items() if name in parameters}
        inputs = as_object(row.get("architecture")).get("input_modalities")
        found |= {word for name, word in _MODALITIES.items() if isinstance(inputs, list) and name in inputs}
    else:
        found |= _SORTS.get(row.get("type") if isinstance(row.get("type"), str) else None, frozenset[str]())
    return frozenset(found) or None


PROVIDERS = (
    OpenAiCompatible(),
    OpenAiCompatible(type="vllm", dialect=_VLLM, default_endpoint="http://127.0.0.1:8000"),
    OpenAiCompatible(type="lm_studio", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:1234"),
    OpenAiCompatible(type="localai", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:8080"),
    OpenAiCompatible(type="tgi", dialect=_TGI, default_endpoint="http://127.0.0.1:3000"),
    OpenAiCompatible(type="llama_swap", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:8080"),
)
