"""Azure OpenAI: OpenAI's API below a resource of one's own, where models go by the names of deployments.

Strategy: the address follows from `api_version`. A dated one (`2024-10-21`) means the deployments' own paths for all
but Responses, which stand beside them; none, or `v1`, `preview` and `latest`, mean the v1 surface, where the deployment
is the model. An endpoint may be the resource, or its address down to any of these paths.

What it tells: a list of the models that could be deployed, which says that the key is right and nothing of what is
there; so its models are those that the configuration names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Probe, ProbeAnswer
from ollamux.providers.openai import dialect_of
from ollamux.providers.openai_compatible import OpenAiCompatible

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("PROVIDERS", "Azure")

_SURFACE = re.compile(r"/openai(?:/v1|/deployments(?:/[^/]+)?)?$")
_UNDATED = frozenset({"v1", "preview", "latest"})
_BESIDE = ("/responses", "/models")
"""Paths that stand beside the deployments and not below one."""


class Azure(msgspec.Struct, frozen=True, kw_only=True):
    """A resource of Azure OpenAI."""

    type: str = "azure"
    format: str = "openai_chat"
    other_formats: tuple[str, ...] = ("openai_responses",)
    dialect: Dialect = dialect_of("")
    default_endpoint: str | None = None
    version_path: str = ""
    fixed: bool = False
    manages_models: bool = False
    auth: str = "header:api-key"
    headers: HeaderPairs = ()
    deploys: bool = True
    probes: tuple[Probe, ...] = (Probe("/models"),)

    def dialect_for(self, model: str) -> Dialect:
        """As OpenAI's own."""
        return dialect_of(model)

    def url(self, base: str, path: str, upstream: str, config: BackendConfig) -> str:
        """The address for a deployment."""
        root = f"{_SURFACE.sub('', base)}/openai"
        version = config.api_version
        query = f"?api-version={quote(version, safe='')}" if version else ""
        if not version or version in _UNDATED:
            return f"{root}/v1{path}{query}"
        if path.startswith(_BESIDE) or not upstream:
            return f"{root}{path}{query}"
        return f"{root}/deployments/{quote(upstream, safe='')}{path}{query}"

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        OpenAiCompatible().learn(answers)
        return Inventory()


PROVIDERS = (Azure(),)
