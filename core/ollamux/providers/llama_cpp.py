"""llama.cpp's server, called through chat completions, completions and embeddings alone.

What it tells: /v1/models names its one model (or, behind a router, several) and its sizes, /props the context that each
slot has, the number of slots, the chat template and the modalities. The template says whether the model can call tools
and think; embeddings are claimed only where the server says so. Its `created` is the moment it was asked, and is no
date of the model.

`gguf` is the same server, run in a child process that the I/O layer supervises: its endpoint is told later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Loaded, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_object, as_rows

__all__ = ("PROVIDERS", "LlamaCpp")

_decode = msgspec.json.Decoder(dict[str, Any]).decode

_DIALECT = Dialect(
    sampling={
        "top_k": "top_k",
        "min_p": "min_p",
        "typical_p": "typical_p",
        "repeat_penalty": "repeat_penalty",
        "repeat_last_n": "repeat_last_n",
        "num_keep": "n_keep",
    },
    think="chat_template_kwargs",
    developer=False,
    reasoning_echo="reasoning_content",
    prefill={},
)
_THINKING = ("<think>", "enable_thinking", "reasoning_content", "thinking", "<|channel|>analysis")


class _Files(msgspec.Struct, frozen=True, kw_only=True):
    """A model's file, run by llama.cpp."""

    options: frozenset[str] = frozenset({"main_gpu", "num_batch", "num_ctx", "num_gpu", "num_parallel", "num_thread"})

    def model(self, file: str) -> str:
        name = file.replace("\\", "/").rsplit("/", 1)[-1]
        return name.rpartition(".")[0] or name


class LlamaCpp(msgspec.Struct, frozen=True, kw_only=True):
    """llama-server, in a process of its own or in a supervised child. `surely` is what its models can do by the way it
    is started; `files` is there where its backends are files."""

    type: str = "llama_cpp"
    format: str = "openai_chat"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = _DIALECT
    default_endpoint: str | None = "http://127.0.0.1:8080"
    version_path: str = "/v1"
    fixed: bool = True
    manages_models: bool = False
    surely: frozenset[str] = frozenset()
    files: _Files | None = None
    probes: tuple[Probe, ...] = (Probe("/v1/models"), Probe("/props", optional=True))

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        listed = as_rows(_decode(answers["/v1/models"].body)["data"])
        props = _props(answers.get("/props"))
        rows = [row for row in listed if isinstance(row.get("id"), str)]
        alone = len(rows) == 1  # /props speaks of the one model that is loaded
        models = tuple(_model(row, props if alone else {}, self.surely) for row in rows)
        loaded = tuple(
            Loaded(name=model.name, size=model.size, context_length=model.context_length)
            for model, row in zip(models, rows, strict=True)
            if _status(row) == "loaded"
        )
        slots = props.get("total_slots")
        return Inventory(models=models, loaded=loaded, slots=slots if isinstance(slots, int) and slots > 0 else None)


def _status(row: dict[str, Any]) -> str:
    """A router's word for whether a model is in memory; a server with one model has no such word."""
    value = as_object(row.get("status")).get("value")
    return value if isinstance(value, str) else "loaded"


def _props(answer: ProbeAnswer | None) -> dict[str, Any]:
    if answer is None or answer.status != 200:
        return {}
    try:
        return _decode(answer.body)
    except ValueError:
        return {}


def _model(row: dict[str, Any], props: dict[str, Any], surely: frozenset[str]) -> ModelInfo:
    meta = as_object(row.get("meta"))
    slot_context = as_object(props.get("default_generation_settings")).get("n_ctx")
    parameters = meta.get("n_params")
    quantization = meta.get("ftype") or props.get("model_ftype")
    template = props.get("chat_template")
    return ModelInfo(
        name=row["id"],
        title=_title(row["id"]),
        capabilities=_capabilities(row, props, surely),
        context_length=slot_context or meta.get("n_ctx") or meta.get("n_ctx_train"),
        embedding_length=meta.get("n_embd"),
        parameter_count=parameters,
        parameter_size=_parameter_size(parameters),
        quantization=quantization if isinstance(quantization, str) else "",
        format="gguf",
        family="llama",
        size=meta.get("size") or 0,
        template=template if isinstance(template, str) else None,
    )


def _title(name: str) -> str | None:
    """A file's path is no name to ask for: its last part without the ending is."""
    title = name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(".gguf") if name.endswith(".gguf") else name
    return title if title and title != name else None


def _capabilities(row: dict[str, Any], props: dict[str, Any], surely: frozenset[str]) -> frozenset[str] | None:
    template = props.get("chat_template")
    if not isinstance(template, str):
        return None
    found = {"completion", *surely}
    if "tools" in template or "tool_call" in template:
        found.add("tools")
    if any(mark in template for mark in _THINKING):
        found.add("thinking")
    modalities = as_object(props.get("modalities"))
    found |= {word for word in ("audio", "vision") if modalities.get(word)}
    if "embedding" in (row.get("capabilities") or ()):
        found.add("embedding")
    return frozenset(found)


def _parameter_size(count: object) -> str:
    """3_210_000_000 as Ollama writes it: 3.2B."""
    if not isinstance(count, int) or count <= 0:
        return ""
    for unit, scale in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f}{unit}" if unit == "B" else f"{count / scale:.2f}{unit}"
    return str(count)


PROVIDERS = (LlamaCpp(), LlamaCpp(type="gguf", default_endpoint=None, surely=frozenset({"embedding"}), files=_Files()))
