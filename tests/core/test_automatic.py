"""`auto` in lists, and the models that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.driving import Driven, driven

from ollamux.errors import InvalidRequest
from ollamux.formats.openai_chat import SERVING
from ollamux.models import Inventory, ModelInfo

COMPLETION = frozenset({"completion"})


def told(name: str, *more: str, context: int | None = None, modified: float | None = None) -> ModelInfo:
    return ModelInfo(name=name, capabilities=COMPLETION | frozenset(more), context_length=context, modified=modified)


def street(*models: ModelInfo, **settings: Any) -> Driven:
    run = driven(settings, learn=False, o={"type": "ollama", "endpoint": "http://127.0.0.1:9"})
    run.gateway.stock(run.gateway.backend("o"), Inventory(models=models))
    return run


SMALL, LARGE = told("small:1b", modified=100.0), told("large:70b", "vision", context=8192, modified=50.0)


def listed(run: Driven) -> list[str]:
    return [offer.name for offer in run.gateway.automatic.listed()]


def chosen(run: Driven, model: str, text: str, headers: Mapping[str, str] | None = None, **body: Any) -> list[str]:
    asked = {"model": model, "messages": [{"role": "user", "content": text}], **body}
    incoming = SERVING.read(SERVING.routes[0], json.dumps(asked).encode(), {})
    return [offer.name for offer in run.gateway.automatic.find(incoming, headers or {}, truncates=False)]


def test_it_is_listed_last_where_there_is_more_than_one_model_to_choose_from() -> None:
    assert listed(street(SMALL, LARGE)) == ["small:1b", "large:70b", "auto"]
    assert listed(street(SMALL)) == ["small:1b"]
    vectors = ModelInfo(name="vectors", capabilities=frozenset({"embedding"}))
    assert listed(street(SMALL, vectors)) == ["small:1b", "vectors"]
    run = street(SMALL, LARGE)
    asked = run.ask("GET", "/api/tags")
    run.pass_time(1)
    assert [row["name"] for row in asked.json["models"]] == ["small:1b", "large:70b", "auto:latest"]


def test_a_model_or_an_alias_of_that_name_comes_first() -> None:
    assert listed(street(SMALL, told("auto"))) == ["small:1b", "auto"]
    assert listed(street(SMALL, LARGE, aliases={"auto": "small:1b"})) == ["small:1b", "large:70b"]


def test_where_only_registered_names_are_served_an_alias_has_to_lead_to_it() -> None:
    models = {"a": {"backend": "o", "model": "small:1b"}, "b": {"backend": "o", "model": "large:70b"}}
    run = street(SMALL, LARGE, routing={"registered_only": True}, models=models, aliases={"smart": "auto"})
    assert listed(run) == ["a", "b"]
    assert run.gateway.automatic.described("auto") is None
    assert run.gateway.automatic.described("smart") is not None
    assert chosen(run, "auto", "Hi") == []
    assert set(chosen(run, "smart", "Hi")) == {"a", "b"}


def test_it_can_do_what_any_of_the_models_can() -> None:
    run = street(SMALL, LARGE)
    shown = run.ask("POST", "/api/show", {"model": "auto"})
    assert shown.status == 200
    assert shown.json["capabilities"] == ["completion", "vision"]
    assert shown.json["details"]["context_length"] == 8192
    assert "backend" not in shown.json["modelfile"]
    assert run.ask("POST", "/api/show", {"model": "auto:code"}).status == 200
    card = run.ask("GET", "/v1/models/auto").json
    assert (card["id"], card["owned_by"]) == ("auto", "ollamux")


def test_a_request_gets_the_models_that_fit_it_the_best_first() -> None:
    run = street(SMALL, LARGE)
    assert chosen(run, "auto:fast", "Hi")[0] == "small:1b"
    assert chosen(run, "auto:best", "Hi")[0] == "large:70b"
    assert chosen(run, "auto:vision", "Hi") == ["large:70b"]
    assert chosen(run, "large:70b", "Hi") == chosen(run, "auto:nothing", "Hi") == []


def test_an_alias_and_a_pattern_may_lead_to_it() -> None:
    run = street(SMALL, LARGE, aliases={"quick": "auto:fast", "gpt-*": "auto:best"})
    assert chosen(run, "quick", "Hi")[0] == "small:1b"
    assert chosen(run, "gpt-5", "Hi")[0] == "large:70b"


def test_it_follows_what_backends_tell_anew() -> None:
    run = street(SMALL, LARGE)
    assert chosen(run, "auto:best", "Hi")[0] == "large:70b"
    run.gateway.stock(run.gateway.backend("o"), Inventory(models=(SMALL,)))
    assert chosen(run, "auto:best", "Hi") == ["small:1b"]


def test_a_backend_that_prefers_a_model_counts() -> None:
    one, two = told("one:8b"), told("two:8b")
    plain = street(one, two)
    wanted = {"model_capability": {"preferred_models": ["two*"]}}
    run = driven(learn=False, o={"type": "ollama", "endpoint": "http://127.0.0.1:9", **wanted})
    run.gateway.stock(run.gateway.backend("o"), Inventory(models=(one, two)))
    assert chosen(plain, "auto", "Hi")[0] == "one:8b"
    assert chosen(run, "auto", "Hi")[0] == "two:8b"


def test_what_is_too_long_for_all_of_them_is_refused() -> None:
    run = street(told("a", context=100), told("b", context=200))
    with pytest.raises(InvalidRequest):
        chosen(run, "auto", "word " * 5000)


def test_a_client_that_names_its_work_is_believed_and_one_that_misspells_it_is_told() -> None:
    run = street(told("coder:14b"), told("llava:13b", "vision"))
    assert chosen(run, "auto", "Hi", {"x-media-type": "code"})[0] == "coder:14b"
    with pytest.raises(InvalidRequest, match="X-Media-Type"):
        chosen(run, "auto", "Hi", {"x-media-type": "smell"})
