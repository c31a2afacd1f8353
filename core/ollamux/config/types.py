"""The types of backends that there are, the names that people use for them, and what each vendor is known by.

Strategy: one table, VENDORS: what a vendor's variables begin with, which other variables mean one of its keys, at which
hosts it is, and whether it can be called without a key. Types that a plug-in brings are known by the names of their
entry points, looked up only where a type is none of ours.

Rules: nothing here is imported from the providers, which stand above the configuration; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from urllib.parse import urlsplit

import msgspec

__all__ = ("CODE", "PLUGINS", "TYPES", "VENDORS", "Vendor", "is_type", "type_at", "type_called", "type_in")

PLUGINS = "ollamux.providers"
"""The group of entry points under which other packages bring providers."""

CODE = "ollamux.backends"
"""The group of entry points under which other packages bring backends that are Python code."""

TYPES = (
    "anthropic", "aws_bedrock", "azure", "cerebras", "cohere", "deepinfra", "deepseek", "demo", "fireworks", "gguf",
    "google", "groq", "huggingface", "litellm", "llama_cpp", "llama_swap", "lm_studio", "localai", "mistral",
    "moonshot", "nvidia", "ollama", "openai", "openai_compatible", "openrouter", "perplexity", "sambanova", "tgi",
    "together", "vertex", "vllm", "xai",
)  # fmt: skip
"""The providers that there are."""

_ALIASES = {
    "azure_openai": "azure", "bedrock": "aws_bedrock", "claude": "anthropic", "custom": "openai_compatible",
    "gemini": "google", "hf": "huggingface", "kimi": "moonshot", "llama.cpp": "llama_cpp", "lmstudio": "lm_studio",
}  # fmt: skip


class Vendor(msgspec.Struct, frozen=True):
    """What a type is known by. `prefix` begins its variables, `others` are further variables and the keys that they
    set, `hosts` are patterns of where it is. One that `needs_key` cannot be called there without one; one that
    `needs_endpoint` is nowhere until it is told where. `hints` set keys, and make no backend by themselves."""

    prefix: str
    hosts: tuple[str, ...] = ()
    needs_key: bool = True
    needs_endpoint: bool = False
    others: Mapping[str, str] = {}
    hints: Mapping[str, str] = {}


VENDORS: Mapping[str, Vendor] = {
    "openrouter": Vendor("OPENROUTER_", ("openrouter.ai",)),
    "openai": Vendor("OPENAI_", ("api.openai.com", "*.api.openai.com")),
    "anthropic": Vendor("ANTHROPIC_", ("api.anthropic.com",)),
    "google": Vendor(
        "GOOGLE_",
        ("generativelanguage.googleapis.com",),
        others={"GEMINI_API_KEY": "api_key", "GOOGLE_AI_API_KEY": "api_key"},
    ),
    "vertex": Vendor("VERTEX_", ("aiplatform.googleapis.com", "*aiplatform.googleapis.com"), needs_endpoint=True),
    "azure": Vendor(
        "AZURE_",
        ("*.openai.azure.com", "*.cognitiveservices.azure.com", "*.services.ai.azure.com"),
        needs_endpoint=True,
        others={"AZURE_OPENAI_API_KEY": "api_key", "AZURE_OPENAI_ENDPOINT": "endpoint"},
        hints={
            "AZURE_DEPLOYMENT": "deployment_name",
            "AZURE_DEPLOYMENT_NAME": "deployment_name",
            "AZURE_API_VERSION": "api_version",
        },
    ),
    "aws_bedrock": Vendor(
        "AWS_BEDROCK_",
        ("bedrock-runtime.*.amazonaws.com", "bedrock-runtime-fips.*.amazonaws.com"),
        others={"AWS_BEARER_TOKEN_BEDROCK": "api_key", "AWS_BEDROCK_ACCESS_KEY": "access_key"},
        hints={
            "AWS_BEDROCK_SECRET_KEY": "secret_key",
            "AWS_BEDROCK_SESSION_TOKEN": "session_token",
            "AWS_BEDROCK_REGION": "region",
        },
    ),
    "huggingface": Vendor("HUGGINGFACE_", ("router.huggingface.co",), hints={"HF_TOKEN": "api_key"}),
    "together": Vendor("TOGETHER_", ("api.together.xyz", "api.together.ai")),
    "groq": Vendor("GROQ_", ("api.groq.com",)),
    "mistral": Vendor("MISTRAL_", ("api.mistral.ai",)),
    "deepseek": Vendor("DEEPSEEK_", ("api.deepseek.com",)),
    "xai": Vendor("XAI_", ("api.x.ai",)),
    "fireworks": Vendor("FIREWORKS_", ("api.fireworks.ai",)),
    "cohere": Vendor("COHERE_", ("api.cohere.ai", "api.cohere.com"), others={"CO_API_KEY": "api_key"}),
    "cerebras": Vendor("CEREBRAS_", ("api.cerebras.ai",)),
    "deepinfra": Vendor("DEEPINFRA_", ("api.deepinfra.com",)),
    "moonshot": Vendor("MOONSHOT_", ("api.moonshot.ai", "api.moonshot.cn")),
    "nvidia": Vendor("NVIDIA_", ("integrate.api.nvidia.com",)),
    "perplexity": Vendor("PERPLEXITY_", ("api.perplexity.ai",)),
    "sambanova": Vendor("SAMBANOVA_", ("api.sambanova.ai",)),
    "litellm": Vendor("LITELLM_", needs_key=False, needs_endpoint=True),
    "ollama": Vendor("OLLAMA_", ("ollama.com",), needs_key=False),
    "llama_cpp": Vendor("LLAMA_CPP_", needs_key=False, needs_endpoint=True),
}
"""By type, in the order in which backends are made of them."""


def type_called(name: str) -> str:
    """A provider's own name for one of the names that people use for it."""
    return _ALIASES.get(name, name)


def is_type(name: str) -> bool:
    """Whether there is such a provider: ours, or one that a plug-in brings."""
    return name in TYPES or name in _plugged()


def type_in(name: str) -> str | None:
    """The type that a backend's name begins with: `openai-gpt4` is one of OpenAI's."""
    plain = re.sub(r"[-.]", "_", name.lower())
    begun = [word for word in (*TYPES, *_ALIASES) if plain == word or plain.startswith(f"{word}_")]
    return type_called(max(begun, key=len)) if begun else None


def type_at(endpoint: str) -> str | None:
    """The type of backend that is at this address beyond doubt."""
    try:
        host = urlsplit(endpoint if "://" in endpoint else f"http://{endpoint}").hostname or ""
    except ValueError:
        return None
    for kind, vendor in VENDORS.items():
        if any(fnmatchcase(host, pattern) for pattern in vendor.hosts):
            return kind
    return None


@cache
def _plugged() -> frozenset[str]:
    from importlib.metadata import entry_points

    return frozenset(entry.name for group in (PLUGINS, CODE) for entry in entry_points(group=group))
