"""Azure: addresses, deployments, and what its streams begin with."""

from __future__ import annotations

import json

import pytest
from tests.support.driving import driven

from ollamux.config import BackendConfig
from ollamux.models import Inventory, ProbeAnswer
from ollamux.providers.azure import Azure
from ollamux.providers.base import root_of

ROOT = "https://mine.openai.azure.com"
DATED = "2025-04-01-preview"


def url(path: str, upstream: str = "gpt 5", endpoint: str = ROOT, version: str | None = None) -> str:
    _, base = root_of(endpoint, Azure().version_path, fixed=Azure().fixed)
    return Azure().url(base, path, upstream, BackendConfig(id="a", type="azure", api_version=version))


@pytest.mark.parametrize("endpoint", ["", "/", "/openai", "/openai/v1", "/openai/deployments/x", "/openai/deployments"])
def test_an_endpoint_may_be_the_resource_or_any_of_its_paths(endpoint: str) -> None:
    assert url("/chat/completions", endpoint=ROOT + endpoint) == f"{ROOT}/openai/v1/chat/completions"


def test_a_dated_version_means_the_deployments_own_paths() -> None:
    for path in ("/chat/completions", "/completions", "/embeddings"):
        assert url(path, version=DATED) == f"{ROOT}/openai/deployments/gpt%205{path}?api-version={DATED}"


def test_responses_stand_beside_the_deployments() -> None:
    assert url("/responses", version=DATED) == f"{ROOT}/openai/responses?api-version={DATED}"


@pytest.mark.parametrize("version", ["v1", "preview", "latest"])
def test_a_version_that_is_no_date_means_the_v1_surface(version: str) -> None:
    assert url("/responses", version=version) == f"{ROOT}/openai/v1/responses?api-version={version}"


def test_the_question_for_models_follows_the_version() -> None:
    assert url("/models", upstream="", version=DATED) == f"{ROOT}/openai/models?api-version={DATED}"
    assert url("/models", upstream="") == f"{ROOT}/openai/v1/models"


def test_what_could_be_deployed_is_no_model_of_it() -> None:
    assert Azure().learn({"/models": ProbeAnswer(200, b'{"data":[{"id":"gpt-4o"}]}')}) == Inventory()
    with pytest.raises(ValueError, match="not a list"):
        Azure().learn({"/models": ProbeAnswer(200, b'{"data":7}')})


FIRST = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]}
FILTERED = {"choices": [{"index": 0, "delta": {}, "finish_reason": None, "content_filter_offsets": {"start": 0}}]}
LAST = {"choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}], "model": "gpt-4o-2024-11-20"}


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_stream_that_begins_with_the_filters_verdict_reads_like_any_other(path: str) -> None:
    run = driven(
        {"models": {"mine": {"backend": "up", "api_model": "gpt-4o", "deployment_name": "prod"}}},
        up={"type": "azure", "endpoint": ROOT, "api_key": "k", "api_version": DATED},
    )
    asked = run.ask("POST", path, {"model": "mine", "messages": [{"role": "user", "content": "hi"}], "stream": True})
    assert asked.called.url == f"{ROOT}/openai/deployments/prod/chat/completions?api-version={DATED}"
    assert ("api-key", "k") in asked.called.call.headers and asked.called.json["model"] == "prod"
    asked.called.head()
    for event in (FIRST, FILTERED, LAST):
        asked.called.data(b"data: " + json.dumps(event).encode() + b"\n\n")
    asked.called.data(b"data: [DONE]\n\n")
    asked.called.end()
    assert asked.status == 200 and b"Hello" in asked.body and b"error" not in asked.body


def test_a_deployment_that_the_backend_names_serves_models_that_name_none() -> None:
    settings = {"models": {"high": {"backend": "azure", "api_model": "gpt-5", "reasoning_effort": "high"}}}
    run = driven(settings, up={"type": "azure", "endpoint": ROOT, "api_key": "k", "deployment_name": "five"})
    asked = run.chat("high", options={"num_predict": 9, "temperature": 0.5})
    body = asked.called.json
    assert body["model"] == "five" and asked.called.url == f"{ROOT}/openai/v1/chat/completions"
    assert body["max_completion_tokens"] == 9 and body["reasoning_effort"] == "high"  # as gpt-5 wants it, not as "five"
    assert run.chat("five").called.json["model"] == "five"  # and it goes by its own name
