"""Where a model's methods stand below the base URL.

Rules: a bare name is one of `models/`; collections of other kinds keep their own slash; the name itself is encoded.
"""

from __future__ import annotations

from urllib.parse import quote

__all__ = ("method_path", "resource")

_COLLECTIONS = ("models", "tunedModels", "endpoints")


def resource(model: str) -> str:
    """A model's full name: `models/x`, `tunedModels/x`."""
    collection, slash, name = model.partition("/")
    return model if slash and name and collection in _COLLECTIONS else f"models/{model}"


def method_path(model: str, method: str) -> str:
    """The path of a method."""
    collection, _, name = resource(model).partition("/")
    return f"/{collection}/{quote(name, safe='')}:{method}"
