"""What Google's servers tell, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux.formats import calling
from ollamux.models import Inventory, ProbeAnswer
from ollamux.providers import provider
from ollamux.providers.base import root_of

if TYPE_CHECKING:
    from tests.core.providers.conftest import Told

LIST = "/models?pageSize=1000"


def test_the_list_tells_lengths_and_from_the_methods_what_a_model_can_do(told: Told) -> None:
    models = provider("google").learn({LIST: told("google_models")}).models
    assert [(model.name, model.context_length, sorted(model.capabilities or ())) for model in models] == [
        ("gemini-3-flash", 1048576, ["completion", "thinking", "tools", "vision"]),
        ("gemma-3-27b-it", 131072, ["completion"]),
        ("gemini-embedding-001", 2048, ["embedding"]),
    ]


def test_a_tuned_model_keeps_its_collection_and_one_without_methods_tells_nothing() -> None:
    body = b'{"models":[{"name":"tunedModels/mine"},{"name":7},{"name":""}]}'
    (model,) = provider("google").learn({LIST: ProbeAnswer(200, body)}).models
    assert (model.name, model.capabilities, model.context_length) == ("tunedModels/mine", None, None)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"models":{}}', b"<html>"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        provider("google").learn({LIST: ProbeAnswer(200, body)})


def test_the_key_goes_into_googles_own_header_and_the_path_names_the_version() -> None:
    google = provider("google")
    assert getattr(google, "auth") == "header:x-goog-api-key"  # noqa: B009
    assert [probe.path for probe in google.probes] == [LIST]
    assert google.default_endpoint is not None
    root, base = root_of(google.default_endpoint, google.version_path, fixed=google.fixed)
    assert root == base == "https://generativelanguage.googleapis.com/v1beta"
    assert root_of("https://proxy.example/v1", google.version_path, fixed=google.fixed)[1] == "https://proxy.example/v1"


def test_vertex_is_where_it_is_said_to_be_and_lists_nothing() -> None:
    vertex = provider("vertex")
    endpoint = "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google"
    assert root_of(endpoint, vertex.version_path, fixed=vertex.fixed)[1] == endpoint
    assert (vertex.probes, vertex.default_endpoint, vertex.learn({})) == ((), None, Inventory())
    assert getattr(vertex, "auth") == "bearer"  # noqa: B009
    assert calling(vertex.format).name == "gemini"


@pytest.mark.parametrize(
    ("type_", "model", "predicts", "most"),
    [
        ("vertex", "text-embedding-005", True, 250),
        ("vertex", "gemini-embedding-001", True, 1),
        ("vertex", "gemini-3-pro", False, 0),
        ("google", "gemini-embedding-001", False, 0),
    ],
)
def test_on_vertex_vectors_are_predicted(type_: str, model: str, predicts: bool, most: int) -> None:
    dialect = getattr(provider(type_), "dialect_for")(model)  # noqa: B009
    assert (dialect.predicts, dialect.most_inputs) == (predicts, most)
