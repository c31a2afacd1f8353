"""Bedrock as a backend: where it is, what it has."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.core.providers.conftest import Told

from ollamux.config import BackendConfig
from ollamux.models import Inventory, ModelInfo, ProbeAnswer
from ollamux.providers import provider
from ollamux.providers.aws_bedrock import AwsBedrock

SERVICE = AwsBedrock()
MODELS, PROFILES = (probe.path for probe in SERVICE.probes)


def configured(**keys: Any) -> BackendConfig:
    return BackendConfig(id="bedrock", type="aws_bedrock", **keys)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        (None, "bedrock-runtime.us-east-1.amazonaws.com"),
        ("eu-central-1", "bedrock-runtime.eu-central-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_it_is_where_its_region_is(region: str | None, host: str) -> None:
    assert SERVICE.endpoint_for(configured(region=region)) == f"https://{host}"


@pytest.mark.parametrize(
    ("base", "asked"),
    [
        ("https://bedrock-runtime.eu-west-1.amazonaws.com", "https://bedrock.eu-west-1.amazonaws.com"),
        ("https://bedrock-runtime-fips.us-east-1.amazonaws.com", "https://bedrock-fips.us-east-1.amazonaws.com"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ],
)
def test_it_is_asked_at_another_host_than_it_is_called(base: str, asked: str) -> None:
    assert SERVICE.url(base, MODELS, "", configured()) == f"{asked}/foundation-models"
    assert SERVICE.url(base, "/model/m/converse", "m", configured()) == f"{base}/model/m/converse"


def learned(models: ProbeAnswer, profiles: ProbeAnswer) -> dict[str, ModelInfo]:
    found = SERVICE.learn({MODELS: models, PROFILES: profiles}).models
    assert len({model.name for model in found}) == len(found)
    return {model.title or model.name: model for model in found}


def test_what_can_be_called_is_listed_with_what_it_can_do(told: Told) -> None:
    found = learned(told("aws_bedrock_models"), told("aws_bedrock_profiles"))
    claude = frozenset({"completion", "tools", "vision", "thinking"})
    assert {name: model.capabilities for name, model in found.items()} == {
        "anthropic.claude-3-haiku-20240307-v1:0": claude - {"thinking"},
        "amazon.titan-text-express-v1": {"completion"},
        "amazon.titan-embed-text-v2:0": {"embedding"},
        "cohere.embed-multilingual-v3": {"embedding"},
        "mistral.mistral-large-2402-v1:0": {"completion", "tools"},
        "eu.anthropic.claude-sonnet-4-5-20250929-v1:0": claude,
        "eu.meta.llama3-2-1b-instruct-v1:0": {"completion"},
        "team-sonnet": claude,
    }
    assert found["eu.meta.llama3-2-1b-instruct-v1:0"].family == "meta"


def test_a_profile_of_ones_own_has_a_name_and_is_called_by_its_arn(told: Told) -> None:
    model = learned(told("aws_bedrock_models"), told("aws_bedrock_profiles"))["team-sonnet"]
    assert model.name == "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6"


@pytest.mark.parametrize("profiles", [ProbeAnswer(403, b'{"message":"no"}'), ProbeAnswer(0, b"")])
def test_the_profiles_may_be_left_unasked(told: Told, profiles: ProbeAnswer) -> None:
    assert "mistral.mistral-large-2402-v1:0" in learned(told("aws_bedrock_models"), profiles)


def test_rows_that_make_no_sense_are_passed_over() -> None:
    rows: list[Any] = [
        {},
        {"modelId": 5},
        {"modelId": ""},
        {"modelId": "a.b"},
        {"modelId": "a.c", "outputModalities": "TEXT"},
        {"modelId": "a.d", "outputModalities": ["TEXT"], "inputModalities": None, "inferenceTypesSupported": []},
        "x",
    ]
    profiles: list[Any] = [
        {},
        {"inferenceProfileId": 5, "models": [{"modelArn": "x/a.d"}]},
        {"inferenceProfileId": "eu.a.d", "models": [{}, {"modelArn": "x/a.d"}], "type": "APPLICATION"},
    ]
    answers = {
        MODELS: ProbeAnswer(200, json.dumps({"modelSummaries": rows}).encode()),
        PROFILES: ProbeAnswer(200, json.dumps({"inferenceProfileSummaries": profiles}).encode()),
    }
    assert [model.name for model in SERVICE.learn(answers).models] == ["a.d", "eu.a.d"]
    answers[MODELS] = ProbeAnswer(200, b'{"modelSummaries":[]}')
    assert SERVICE.learn(answers) == Inventory()


def test_the_answers_are_such_as_the_control_plane_gives(told: Told) -> None:
    loaders = pytest.importorskip("botocore.loaders")
    described = pytest.importorskip("botocore.model").ServiceModel(
        loaders.Loader().load_service_model("bedrock", "service-2"), "bedrock"
    )
    parser = pytest.importorskip("botocore.parsers").create_parser("rest-json")
    for operation, name, key in (
        ("ListFoundationModels", "aws_bedrock_models", "modelSummaries"),
        ("ListInferenceProfiles", "aws_bedrock_profiles", "inferenceProfileSummaries"),
    ):
        body = told(name).body
        shape = described.operation_model(operation).output_shape
        parsed = parser.parse({"status_code": 200, "headers": {}, "body": body}, shape)[key]
        raw = json.loads(body)[key]
        assert [set(row) for row in parsed] == [set(row) for row in raw]


def test_it_is_found_by_its_type() -> None:
    found = provider("aws_bedrock")
    assert isinstance(found, AwsBedrock) and (found.format, found.auth, found.service) == (
        "bedrock",
        "sigv4",
        "bedrock",
    )


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("amazon.titan-embed-text-v2:0", 1),
        ("cohere.embed-multilingual-v3", 96),
        ("global.cohere.embed-v4:0", 96),
        ("anthropic.claude-sonnet-4-5", 0),
    ],
)
def test_models_that_make_vectors_take_so_many_texts_at_a_time(model: str, most: int) -> None:
    assert SERVICE.dialect_for(model).most_inputs == most
    assert not SERVICE.dialect_for(model).image_urls
