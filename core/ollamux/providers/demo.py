"""The built-in demo: a backend with no wire behind it, answered inside the core."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ollamux import demo
from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, EmbedAnswer, EmbedRequest, Event
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Loaded, ModelInfo, Probe, ProbeAnswer

__all__ = ("PROVIDERS", "Demo")

_MODEL = ModelInfo(
    name=demo.MODEL,
    capabilities=demo.CAPABILITIES,
    context_length=demo.CONTEXT_LENGTH,
    embedding_length=demo.DIMENSIONS,
    family="demo",
    format="demo",
    parameter_size="0",
    quantization="none",
)


class _Answering:
    """See `providers.base.SelfAnswering`."""

    def inventory(self) -> Inventory:
        return Inventory(models=(_MODEL,), loaded=(Loaded(name=_MODEL.name, context_length=demo.CONTEXT_LENGTH),))

    def answer(self, request: ChatRequest | CompletionRequest) -> list[Event]:
        return demo.answer(request)

    def embed(self, request: EmbedRequest) -> EmbedAnswer:
        return demo.embed(request)


class Demo(msgspec.Struct, frozen=True, kw_only=True):
    """Needs nothing, and says so."""

    type: str = "demo"
    format: str = ""
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = Dialect()
    default_endpoint: str | None = None
    version_path: str = ""
    fixed: bool = True
    manages_models: bool = False
    probes: tuple[Probe, ...] = ()
    answering: _Answering = _Answering()

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        return self.answering.inventory()


PROVIDERS = (Demo(),)
