"""The shape of a provider, and how an endpoint is read.

Rules: an endpoint is read as the vendor's own SDK reads its base URL; a version path that is missing is added, one that
is there is never doubled. What a provider learns it learns from bytes that were brought to it; nothing here calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, EmbedAnswer, EmbedRequest, Event
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Probe, ProbeAnswer

__all__ = ("FileServing", "Provider", "SelfAnswering", "as_object", "as_rows", "root_of")


class Provider(Protocol):
    """A kind of backend. What follows is what each one has. These it may have beside, where it differs:

    - `auth`: how it is shown a key unless the configuration says otherwise (`bearer`; see `credentials.placing`), and
      `headers`: pairs that go with every call;
    - `dialect_for(model)`: its dialect towards this model, where that is not `dialect`;
    - `url(base, path, upstream, config)`: the address of a call for the model `upstream`, or of a probe where that is
      empty, where it is not `base + path`; `endpoint_for(config)`: where it is, where that follows from its settings;
    - `deploys`: that models are called there by names which the operator chose;
    - `service`: what AWS calls it, where calls are signed;
    - `target`, `code`: `local`, and who takes the calls then: see `local`;
    - `answering`, `files`: see `SelfAnswering` and `FileServing`."""

    @property
    def type(self) -> str:
        """Its name in a configuration."""
        ...

    @property
    def format(self) -> str:
        """The calling format."""
        ...

    @property
    def other_formats(self) -> tuple[str, ...]:
        """Further calling formats that it speaks, for chats: one is taken where the client speaks it too, or where a
        model's `api` says so."""
        ...

    @property
    def dialect(self) -> Dialect:
        """How it spells that format."""
        ...

    @property
    def default_endpoint(self) -> str | None:
        """Where such a server listens unless told otherwise."""
        ...

    @property
    def version_path(self) -> str:
        """What a bare host is missing before the paths of the format (`/v1`, or nothing)."""
        ...

    @property
    def fixed(self) -> bool:
        """Whether the version path always stands there, with other paths of the server beside it."""
        ...

    @property
    def manages_models(self) -> bool:
        """Whether pull, push, create, copy, delete and blobs may be sent to it."""
        ...

    @property
    def probes(self) -> tuple[Probe, ...]:
        """What to ask, the first one first; it decides whether the backend is healthy."""
        ...

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        """Reads the answers to `probes`, by their paths. Raises ValueError where they make no sense."""
        ...


class FileServing(Protocol):
    """A provider whose backend is a model's file, which somebody loads."""

    @property
    def options(self) -> frozenset[str]:
        """The options of a backend that are about loading, and not for its requests."""
        ...

    def model(self, file: str) -> str:
        """The name that the model will have."""
        ...


class SelfAnswering(Protocol):
    """A provider that answers by itself, with no backend behind it."""

    def inventory(self) -> Inventory:
        """Its models."""
        ...

    def answer(self, request: ChatRequest | CompletionRequest) -> list[Event]:
        """The events of a whole answer."""
        ...

    def embed(self, request: EmbedRequest) -> EmbedAnswer:
        """The vectors."""
        ...


def as_object(value: object) -> dict[str, Any]:
    """A decoded JSON object; an empty one where it is none."""
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}


def as_rows(value: object) -> list[dict[str, Any]]:
    """The objects of a decoded JSON list, null counting as an empty one. Raises ValueError where it is no list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError("the list of models is not a list")
    return [cast(dict[str, Any], row) for row in cast(list[object], value) if isinstance(row, dict)]


def root_of(endpoint: str, version_path: str, *, fixed: bool) -> tuple[str, str]:
    """The root of an endpoint, below which probes stand, and the base, below which the format's paths stand.

    Where the version path is `fixed`, the server has paths beside it: the root is the endpoint without it, the base the
    root with it. Else the endpoint is the base, as the vendor's SDK reads it, and a bare host gets the version path. A
    bare name gets `http://`."""
    if "://" not in endpoint:
        endpoint = "http://" + endpoint
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    if fixed:
        root = f"{parts.scheme}://{parts.netloc}{path.removesuffix(version_path) if version_path else path}"
        return root, root + version_path
    base = f"{parts.scheme}://{parts.netloc}{path or version_path}"
    return base, base
