"""What holds for every provider that is discovered."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from ollamux.chat import ChatRequest
from ollamux.config.backends import TYPES
from ollamux.conversation import Sampling
from ollamux.formats import calling
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, ProbeAnswer
from ollamux.providers import Provider, all_providers, provider
from ollamux.providers.base import root_of

EVERY = list(all_providers().values())
REMOTE = [found for found in EVERY if not hasattr(found, "answering")]
PROBED = [found for found in REMOTE if found.probes]
KNOBS = {*Sampling.__struct_fields__, "num_keep", "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap"}
KNOBS |= {"num_thread", "draft_num_predict", "reasoning_effort", "verbosity_level"}


def named(found: Provider) -> str:
    return found.type


def test_every_type_that_can_be_configured_is_there_once() -> None:
    assert sorted(all_providers()) == sorted(TYPES)
    assert len(EVERY) == len({id(found) for found in EVERY})


def test_a_type_that_is_not_there_is_an_error() -> None:
    with pytest.raises(KeyError):
        provider("teapot")


@pytest.mark.parametrize("found", REMOTE, ids=named)
def test_its_format_can_be_called(found: Provider) -> None:
    assert calling(found.format).name == found.format


@pytest.mark.parametrize("found", EVERY, ids=named)
def test_its_dialect_names_knobs_that_there_are(found: Provider) -> None:
    dialect = found.dialect
    assert type(dialect) is Dialect
    assert set(dialect.sampling) <= KNOBS
    assert dialect.think in ("", "chat_template_kwargs", "reasoning_effort")
    assert dialect.reasoning_fields and dialect.max_tokens in ("max_tokens", "max_completion_tokens")


LLAMAS = {"min_p", "repeat_last_n", "repeat_penalty", "top_k", "typical_p"}


@pytest.mark.parametrize(
    ("type_", "taken"),
    [
        ("gguf", LLAMAS | {"num_keep"}),
        ("llama_cpp", LLAMAS | {"num_keep"}),
        ("llama_swap", LLAMAS),
        ("lm_studio", LLAMAS),
        ("localai", LLAMAS),
        ("openai_compatible", set()),
        ("tgi", {"repeat_penalty", "top_k", "typical_p"}),
        ("vllm", {"min_p", "repeat_penalty", "top_k"}),
        ("openai", set()),
        ("azure", set()),
        ("openrouter", {"min_p", "repeat_penalty", "top_k"}),
        ("together", {"min_p", "repeat_penalty", "top_k"}),
        ("perplexity", {"top_k"}),
        ("mistral", set()),
    ],
)
def test_a_server_is_sent_the_knobs_that_it_takes_beside_openais_own(type_: str, taken: set[str]) -> None:
    others = {"num_ctx": 1, "num_gpu": 1, "num_keep": 1}
    knobs = Sampling(top_k=1, min_p=1, typical_p=1, repeat_penalty=1, repeat_last_n=1, seed=1, other=others)
    found = provider(type_)
    outgoing = calling(found.format).build(ChatRequest("m", [], sampling=knobs), "m", found.dialect)
    (warning,) = outgoing.warnings
    lost = set(warning.rpartition(": ")[2].split(", "))
    assert lost == (LLAMAS | set(others)) - taken
    assert len(json.loads(outgoing.body)) == len({"model", "messages", "seed"} | taken)


@pytest.mark.parametrize("found", EVERY, ids=named)
def test_its_endpoint_and_version_path_make_urls(found: Provider) -> None:
    assert found.version_path == "" or found.version_path.startswith("/")
    assert not found.version_path.endswith("/")
    if found.default_endpoint is not None:
        root, base = root_of(found.default_endpoint, found.version_path, fixed=found.fixed)
        assert urlsplit(root).hostname and base.endswith(found.version_path)


@pytest.mark.parametrize("found", PROBED, ids=named)
def test_its_first_probe_is_no_optional_one_and_all_are_paths(found: Provider) -> None:
    assert found.probes and not found.probes[0].optional
    assert all(probe.path.startswith("/") for probe in found.probes)
    assert len({probe.path for probe in found.probes}) == len(found.probes)


@pytest.mark.parametrize("found", PROBED, ids=named)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"7", b'"x"', b"<html>", b"\xff", b'{"data":[', b'{"models":7,"data":7,"modelSummaries":7}']
)
def test_it_learns_nothing_from_nonsense_and_says_so(found: Provider, body: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        found.learn({probe.path: ProbeAnswer(200, body) for probe in found.probes})


@pytest.mark.parametrize("found", REMOTE, ids=named)
def test_it_learns_from_an_empty_list(found: Provider) -> None:
    body = b'{"models":[],"data":[],"modelSummaries":[]}'
    assert found.learn({probe.path: ProbeAnswer(200, body) for probe in found.probes}) == Inventory()


@pytest.mark.parametrize("found", PROBED, ids=named)
def test_probes_that_say_nothing_but_the_first_are_enough(found: Provider) -> None:
    answers = {probe.path: ProbeAnswer(0, b"") for probe in found.probes}
    told = (
        b'{"models":[{"name":"m"}],"data":[{"id":"m"}],"modelSummaries":[{"modelId":"m","outputModalities":["TEXT"]}]}'
    )
    answers[found.probes[0].path] = ProbeAnswer(200, told)
    learned = [model.name for model in found.learn(answers).models]
    assert learned == ([] if getattr(found, "deploys", False) else ["m"])


def test_only_a_provider_that_cannot_be_asked_asks_nothing() -> None:
    assert [found.type for found in REMOTE if not found.probes] == ["vertex"]


def test_only_backends_that_manage_models_as_ollama_does_are_ollamas() -> None:
    assert [found.type for found in EVERY if found.manages_models] == ["ollama"]
