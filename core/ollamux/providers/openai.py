"""OpenAI itself: chat completions, and the Responses API beside them.

What differs by model is data here: models that reason call their limit `max_completion_tokens`, know an effort, and
take none of the knobs of sampling; the others know no effort.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Probe, ProbeAnswer
from ollamux.providers.openai_compatible import OpenAiCompatible

__all__ = ("PROVIDERS", "OpenAi", "dialect_of")

_ALL_CHOICES = frozenset({"auto", "none", "required", "named", "allowed"})
_NO_KNOBS = frozenset({
    "frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "stop", "temperature", "top_logprobs", "top_p",
})  # fmt: skip

_CHAT = Dialect(
    sampling={"verbosity_level": "verbosity"},
    files=True,
    dimensions=True,
    metadata=True,
    completions=False,
    strict=True,
    tool_names=64,
    tool_choice=_ALL_CHOICES,
)
_INSTRUCT = _CHAT.having(completions=True)
_REASONING = Dialect(
    sampling={"reasoning_effort": "reasoning_effort", "verbosity_level": "verbosity"},
    think="reasoning_effort",
    max_tokens="max_completion_tokens",
    files=True,
    metadata=True,
    completions=False,
    strict=True,
    tool_names=64,
    tool_choice=_ALL_CHOICES,
    refuses=_NO_KNOBS,
)

_MODELS: tuple[tuple[str, Dialect], ...] = (
    ("*-chat-*", _CHAT),
    ("*-chat", _CHAT),
    ("*-instruct*", _INSTRUCT),
    ("davinci-*", _INSTRUCT),
    ("babbage-*", _INSTRUCT),
    ("o[1-9]*", _REASONING),
    ("gpt-[5-9]*", _REASONING),
    ("codex-*", _REASONING),
)
"""The first pattern that fits decides."""


def dialect_of(model: str) -> Dialect:
    """How chat completions are spelled to this model. A fine-tuned one is like the model that it was made of."""
    name = model.lower().removeprefix("ft:")
    return next((dialect for pattern, dialect in _MODELS if fnmatchcase(name, pattern)), _CHAT)


class OpenAi(msgspec.Struct, frozen=True, kw_only=True):
    """The API of OpenAI."""

    type: str = "openai"
    format: str = "openai_chat"
    other_formats: tuple[str, ...] = ("openai_responses",)
    dialect: Dialect = _CHAT
    default_endpoint: str | None = "https://api.openai.com/v1"
    version_path: str = "/v1"
    fixed: bool = False
    manages_models: bool = False
    auth: str = "bearer"
    headers: HeaderPairs = ()
    probes: tuple[Probe, ...] = (Probe("/models"),)

    def dialect_for(self, model: str) -> Dialect:
        """See `dialect_of`."""
        return dialect_of(model)

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        return OpenAiCompatible().learn(answers)


PROVIDERS = (OpenAi(),)
