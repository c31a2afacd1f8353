"""AWS Bedrock: many makers' models behind one service in a region.

Strategy: calls go to the runtime's host; what there is is asked of the control plane, which is another host with the
same signature. A model that the region runs on demand is called by its id, any other by an inference profile.

What it tells: the models with the kinds of input and output that they have, and the profiles with the models behind
them. It does not tell which models call tools or think; what is known of that is a table here, or follows from the id.

Rules: only what can be called is listed: texts by Converse, vectors of the models whose bodies are known; an endpoint
that is none of AWS's own answers for both hosts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.formats.bedrock.models import model_of
from ollamux.models import Inventory, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_rows

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("PROVIDERS", "AwsBedrock")

_MODELS = "/foundation-models"
_PROFILES = "/inference-profiles?maxResults=1000"
_DEFAULT_REGION = "us-east-1"
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_RUNTIME = re.compile(r"^(https?://)bedrock-runtime((?:-fips)?\.)")
_NO_TOOLS = re.compile(
    r"claude-(?:v|instant)|command-(?:text|light)|deepseek\.r1|j2-|jamba-instruct|llama2|llama3-\d+b|llama3-2-[13]b"
    r"|mistral-7b|mixtral|titan-"
)
"""Models that refuse tools, by AWS's table of what models have in Converse."""
_EMBEDS = re.compile(r"titan-embed-text|cohere\.embed")
_CONVERSE = Dialect(image_urls=False)
_TITAN = Dialect(image_urls=False, most_inputs=1)
_COHERE = Dialect(image_urls=False, most_inputs=96)


class AwsBedrock(msgspec.Struct, frozen=True, kw_only=True):
    """The service in one region."""

    type: str = "aws_bedrock"
    format: str = "bedrock"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = _CONVERSE
    default_endpoint: str | None = None
    version_path: str = ""
    fixed: bool = False
    manages_models: bool = False
    auth: str = "sigv4"
    headers: HeaderPairs = ()
    service: str = "bedrock"
    probes: tuple[Probe, ...] = (Probe(_MODELS), Probe(_PROFILES, optional=True))

    def dialect_for(self, model: str) -> Dialect:
        """Its dialect towards this model: models that make vectors take only so many texts at a time."""
        if not _EMBEDS.search(model):
            return self.dialect
        return _TITAN if "titan" in model else _COHERE

    def endpoint_for(self, config: BackendConfig) -> str:
        """The runtime's host in the configured region."""
        region = config.region or _DEFAULT_REGION
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://bedrock-runtime.{region}.{domain}"

    def url(self, base: str, path: str, upstream: str, config: BackendConfig) -> str:
        """The address of a call, or of a question, which is the control plane's."""
        return (base if upstream else _RUNTIME.sub(r"\1bedrock\2", base)) + path

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        rows = as_rows(_decode(answers[_MODELS].body)["modelSummaries"])
        models = [(row, model) for row in rows if (model := _model(row)) is not None]
        known = {model.name: model for _, model in models}
        on_demand = [model for row, model in models if _on_demand(row)]
        told = answers[_PROFILES]
        profiles: list[ModelInfo] = []
        if told.status == 200:
            listed = as_rows(_decode(told.body).get("inferenceProfileSummaries"))
            profiles = [model for row in listed if (model := _profile(row, known)) is not None]
        return Inventory(models=(*on_demand, *profiles))


def _model(row: dict[str, Any]) -> ModelInfo | None:
    """A model, if it is one that can be called here."""
    name = row.get("modelId")
    if not isinstance(name, str) or not name:
        return None
    inputs, outputs = _words(row.get("inputModalities")), _words(row.get("outputModalities"))
    found: set[str] = set()
    if "EMBEDDING" in outputs and _EMBEDS.search(name):
        found.add("embedding")
    elif "TEXT" in outputs:
        found.add("completion")
        if not _NO_TOOLS.search(name):
            found.add("tools")
        if "IMAGE" in inputs:
            found.add("vision")
        if model_of(name).thinking:
            found.add("thinking")
    if not found:
        return None
    return ModelInfo(name=name, capabilities=frozenset(found), family=model_of(name).vendor, format="bedrock")


def _on_demand(row: dict[str, Any]) -> bool:
    kinds = _words(row.get("inferenceTypesSupported"))
    return not kinds or "ON_DEMAND" in kinds


def _profile(row: dict[str, Any], known: Mapping[str, ModelInfo]) -> ModelInfo | None:
    """A profile, if the model behind it can be called. One of the operator's own is called by its ARN, and has the name
    that was given to it."""
    name, arn, title = row.get("inferenceProfileId"), row.get("inferenceProfileArn"), row.get("inferenceProfileName")
    models = row.get("models")
    behind = [str(model.get("modelArn")).rpartition("/")[2] for model in as_rows(models)]
    base = next((known[id_] for id_ in behind if id_ in known), None)
    if base is None or not isinstance(name, str):
        return None
    if row.get("type") == "APPLICATION" and isinstance(arn, str) and isinstance(title, str):
        return msgspec.structs.replace(base, name=arn, title=title)
    return msgspec.structs.replace(base, name=name)


def _words(value: object) -> frozenset[str]:
    return frozenset(map(str, value)) if isinstance(value, list) else frozenset()  # pyright: ignore[reportUnknownArgumentType]


PROVIDERS = (AwsBedrock(),)
