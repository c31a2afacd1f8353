"""Servers that speak OpenAI's chat completions, and the presets for those that differ in a known way.

What they tell: /v1/models names the models; vLLM adds the context length (`max_model_len`), LM Studio and LocalAI
little. Capabilities are not told, so the usual ones are assumed and the backend's refusal comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Loaded, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_rows

__all__ = ("PROVIDERS", "OpenAiCompatible")

_decode = msgspec.json.Decoder(dict[str, Any] | list[Any]).decode

_PLAIN = Dialect(think="reasoning_effort")
_VLLM = Dialect(
    sampling={"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty"},
    think="chat_template_kwargs",
    reasoning_fields=("reasoning", "reasoning_content"),
)
_TGI = Dialect(sampling={"top_k": "top_k", "typical_p": "typical_p", "repeat_penalty": "repetition_penalty"})
_LLAMA_LIKE = Dialect(
    sampling={name: name for name in ("top_k", "min_p", "typical_p", "repeat_penalty", "repeat_last_n")},
    think="chat_template_kwargs",
)
_LOADS_ONE = frozenset({"vllm", "tgi"})


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
    probes: tuple[Probe, ...] = (Probe("/models"),)

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        body: dict[str, Any] | list[Any] = _decode(answers["/models"].body)
        listed = as_rows(body.get("data") if isinstance(body, dict) else body)
        rows = [row for row in listed if isinstance(row.get("id"), str)]
        models = tuple(_model(row) for row in rows)
        loaded = tuple(Loaded(name=model.name, context_length=model.context_length) for model in models)
        return Inventory(models=models, loaded=loaded if self.type in _LOADS_ONE else ())


def _model(row: dict[str, Any]) -> ModelInfo:
    context = next((row[key] for key in ("max_model_len", "context_length", "max_context_length") if key in row), None)
    created = row.get("created")
    return ModelInfo(
        name=row["id"],
        context_length=context if isinstance(context, int) else None,
        modified=float(created) if isinstance(created, int) and created > 0 else None,
    )


PROVIDERS = (
    OpenAiCompatible(),
    OpenAiCompatible(type="vllm", dialect=_VLLM, default_endpoint="http://127.0.0.1:8000"),
    OpenAiCompatible(type="lm_studio", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:1234"),
    OpenAiCompatible(type="localai", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:8080"),
    OpenAiCompatible(type="tgi", dialect=_TGI, default_endpoint="http://127.0.0.1:3000"),
    OpenAiCompatible(type="llama_swap", dialect=_LLAMA_LIKE, default_endpoint="http://127.0.0.1:8080"),
)
