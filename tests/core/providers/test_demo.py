"""The demo as a provider."""

from __future__ import annotations

from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, EmbedRequest, Finish, Message, Text
from ollamux.providers import provider
from ollamux.providers.demo import Demo


def test_it_has_one_model_in_memory_and_asks_nobody() -> None:
    demo = provider("demo")
    assert isinstance(demo, Demo)
    inventory = demo.learn({})
    assert [model.name for model in inventory.models] == ["demo"] == [loaded.name for loaded in inventory.loaded]
    assert demo.probes == () and demo.default_endpoint is None and not demo.manages_models


def test_it_answers_and_embeds_by_itself() -> None:
    demo = provider("demo")
    assert isinstance(demo, Demo)
    for request in (ChatRequest("demo", [Message("user", [Text("hi")])]), CompletionRequest("demo", "hi")):
        assert any(isinstance(event, Finish) for event in demo.answering.answer(request))
    vectors = demo.answering.embed(EmbedRequest("demo", ["a", "b"])).vectors
    assert len(vectors) == 2 and len(vectors[0]) == demo.answering.inventory().models[0].embedding_length
