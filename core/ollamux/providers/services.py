"""Services that speak OpenAI's chat completions and differ from it in known ways only: a table.

A row is where a service is and what it says differently. What a row leaves out is as in `OpenAiCompatible`.
"""

from __future__ import annotations

from ollamux.formats.base import Dialect
from ollamux.providers.openai_compatible import OpenAiCompatible

__all__ = ("PROVIDERS",)

_EFFORT: dict[str, str | None] = {"reasoning_effort": "reasoning_effort"}
_SIGNED = frozenset({"reasoning_details", "extra_content"})
_WIDE: dict[str, str | None] = {"top_k": "top_k", "min_p": "min_p", "repeat_penalty": "repetition_penalty", **_EFFORT}

_OPENROUTER = Dialect(
    sampling={**_WIDE, "verbosity_level": "verbosity"},
    think="reasoning_effort",
    reasoning_fields=("reasoning", "reasoning_content"),
    files=True,
    signatures=_SIGNED,
)
_OPEN_WEIGHTS = Dialect(sampling=_WIDE, think="reasoning_effort", developer=False)
_TOGETHER = Dialect(
    sampling=_WIDE, think="reasoning_effort", reasoning_fields=("reasoning", "reasoning_content"), developer=False
)
_GROQ = Dialect(
    sampling=_EFFORT,
    think="reasoning_effort",
    reasoning_fields=("reasoning", "reasoning_content"),
    completions=False,
    refuses=frozenset({"logit_bias", "logprobs", "top_logprobs"}),
)
_MISTRAL = Dialect(
    sampling={"seed": "random_seed"},
    stream_options=False,
    top_logprobs=False,
    developer=False,
    completions=False,
    strict=True,
    call_ids=9,
    refuses=frozenset({"logit_bias", "logprobs", "service_tier", "store", "stream_options", "top_logprobs", "user"}),
)
_DEEPSEEK = Dialect(
    json_schema=False,
    developer=False,
    image_urls=False,
    reasoning_echo="reasoning_content",
    echo_wanted=True,
    tool_names=64,
)
_XAI = Dialect(sampling=_EFFORT, think="reasoning_effort", completions=False)
_PERPLEXITY = Dialect(
    sampling={"top_k": "top_k", **_EFFORT}, think="reasoning_effort", developer=False, completions=False
)
_PLAIN = Dialect(sampling=_EFFORT, think="reasoning_effort", developer=False)


def _service(type_: str, endpoint: str | None, dialect: Dialect, version_path: str = "/v1") -> OpenAiCompatible:
    return OpenAiCompatible(type=type_, default_endpoint=endpoint, dialect=dialect, version_path=version_path)


PROVIDERS = (
    _service("cerebras", "https://api.cerebras.ai/v1", _PLAIN),
    _service("deepinfra", "https://api.deepinfra.com/v1/openai", _OPEN_WEIGHTS, "/v1/openai"),
    _service("deepseek", "https://api.deepseek.com/v1", _DEEPSEEK),
    _service("fireworks", "https://api.fireworks.ai/inference/v1", _OPEN_WEIGHTS, "/inference/v1"),
    _service("groq", "https://api.groq.com/openai/v1", _GROQ, "/openai/v1"),
    _service("huggingface", "https://router.huggingface.co/v1", _PLAIN),
    _service(
        "litellm", "http://127.0.0.1:4000/v1", Dialect(think="reasoning_effort", sampling=_EFFORT, signatures=_SIGNED)
    ),
    _service("mistral", "https://api.mistral.ai/v1", _MISTRAL),
    _service("moonshot", "https://api.moonshot.ai/v1", Dialect(json_schema=False, developer=False, completions=False)),
    _service("nvidia", "https://integrate.api.nvidia.com/v1", _PLAIN),
    _service("openrouter", "https://openrouter.ai/api/v1", _OPENROUTER, "/api/v1"),
    _service("perplexity", "https://api.perplexity.ai", _PERPLEXITY, ""),
    _service("sambanova", "https://api.sambanova.ai/v1", _PLAIN),
    _service("together", "https://api.together.xyz/v1", _TOGETHER),
    _service("xai", "https://api.x.ai/v1", _XAI),
)
