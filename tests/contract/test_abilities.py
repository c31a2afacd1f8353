"""What a model cannot do: refused, or left out with a warning, in the words of each client, before a backend is called.
One table over all clients, for requests that are translated and, where the configuration says what the model can, for
those that pass."""

from __future__ import annotations

import pytest
from tests.contract.house import CLIENTS
from tests.contract.wishes import Wish
from tests.support.driving import Asked, driven

TRANSLATED = {
    "ollama": "anthropic", "openai_chat": "ollama", "openai_responses": "ollama", "anthropic": "ollama",
    "gemini": "ollama",
}  # fmt: skip
"""A backend of another format for each."""
PASSED = {
    "ollama": "ollama", "openai_chat": "vllm", "openai_responses": "openai", "anthropic": "anthropic",
    "gemini": "google",
}  # fmt: skip
"""A backend of its own format for each."""


def ask(client: str, wish: Wish, *capabilities: str, backend: str = "") -> Asked:
    told = {"capabilities": list(capabilities)} if capabilities else {}
    model = {"backend": "b", "api_model": "up", **told}
    run = driven({"models": {"m": model}}, b={"type": backend or TRANSLATED[client], "api_key": "k"})
    path, body = CLIENTS[client].ask(wish._replace(model="m"))
    return run.ask("POST", path, body)


@pytest.mark.parametrize("way", [TRANSLATED, PASSED], ids=["translated", "passed"])
@pytest.mark.parametrize("client", TRANSLATED)
@pytest.mark.parametrize(
    ("wish", "can", "named"),
    [(Wish("text", tools=True), "completion", ("tools", "Function calling")), (Wish("text"), "embedding", ("m",))],
)
def test_tools_and_chats_are_refused_where_the_model_has_none(
    client: str, wish: Wish, can: str, named: tuple[str, ...], way: dict[str, str]
) -> None:
    asked = ask(client, wish, can, backend=way[client])
    assert asked.status == 400 and asked.calls == []
    assert any(word in asked.body.decode() for word in named)


@pytest.mark.parametrize("client", TRANSLATED)
def test_what_passes_is_for_the_backend_to_judge_where_the_configuration_says_nothing(client: str) -> None:
    asked = ask(client, Wish("text", tools=True), backend=PASSED[client])
    assert b"get_weather" in asked.called.uploaded


@pytest.mark.parametrize("client", TRANSLATED)
def test_thinking_is_refused_by_ollamas_api_alone_and_left_out_with_a_warning_elsewhere(client: str) -> None:
    asked = ask(client, Wish("text", think=True), "completion")
    if client == "ollama":
        assert asked.status == 400 and asked.calls == [] and "thinking" in asked.json["error"]
        return
    assert "think" not in asked.called.json
    asked.called.answer(200, {"message": {"role": "assistant", "content": "x"}, "done": True, "done_reason": "stop"})
    assert asked.status == 200 and asked.headers["x-ollamux-warning"] == "this model cannot think"


@pytest.mark.parametrize("client", TRANSLATED)
def test_a_picture_goes_to_a_model_of_which_nobody_says_that_it_sees(client: str) -> None:
    asked = ask(client, Wish("text", image=True), "completion")
    assert len(asked.calls) == 1 and asked.called.backend == "b"
