"""Everything that a cell of the matrix needs: one ollamux, with every vendor behind it that plays scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from tests.contract.clients.anthropic import AnthropicClient
from tests.contract.clients.gemini import GeminiClient
from tests.contract.clients.ollama import OllamaClient
from tests.contract.clients.openai_chat import OpenAiChatClient
from tests.contract.clients.openai_responses import OpenAiResponsesClient
from tests.contract.real import REAL, llama
from tests.contract.wishes import Client
from tests.support.running import Running, running
from tests.support.vendors.anthropic import Anthropic
from tests.support.vendors.aws_bedrock import AwsBedrock
from tests.support.vendors.google import Google
from tests.support.vendors.ollama import Ollama
from tests.support.vendors.openai_chat import Azure, OpenAiCompatible
from tests.support.vendors.openai_responses import OpenAi
from tests.support.vendors.playing import Player, Vendor, played

__all__ = ("CLIENTS", "COLUMNS", "VENDORS", "House", "house", "model_of")

CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        OllamaClient(),
        OpenAiChatClient(),
        OpenAiResponsesClient(),
        AnthropicClient(),
        GeminiClient(),
    )
}
VENDORS: dict[str, Vendor] = {
    vendor.name: vendor
    for vendor in (Ollama(), OpenAiCompatible(), Azure(), OpenAi(), Anthropic(), Google(), AwsBedrock())
}

COLUMNS = (*VENDORS, REAL)
"""The vendors, and the one that is no script."""

_ABLE = ["completion", "tools", "thinking", "vision"]


class House(NamedTuple):
    """The server, and the vendors by their names."""

    server: Running
    players: dict[str, Player]


def model_of(vendor: str) -> str:
    """What clients call the model of this vendor: another name than the vendor's own."""
    return f"ours-{vendor.replace('_', '-')}"


@contextmanager
def house() -> Iterator[House]:
    """All of it, until the block ends. What vendors do wrong on purpose takes none of them out of service."""
    with ExitStack() as stack:
        players = {name: stack.enter_context(played(vendor)) for name, vendor in VENDORS.items()}
        models = {
            model_of(name): {"capabilities": _ABLE, **vendor.model(), "backend": name}
            for name, vendor in VENDORS.items()
        }
        models[model_of(REAL)] = {"api_model": "scripted", "backend": REAL, "options": {"temperature": 0}}
        backends = [player.vendor.backend(player.socket.url) for player in players.values()]
        settings = {
            "backends": [*backends, {"id": REAL, "type": REAL, "endpoint": stack.enter_context(llama())}],
            "models": models,
            "health": {"unhealthy_after": 1000},
        }
        yield House(stack.enter_context(running(settings)), players)
