"""What every request of a client is, whatever its format, and what it has to know of the model that it names.

Rules: a format decodes a body no further than needed; what the backend that is chosen has to know comes out of
`neutral`, and only where it speaks another format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ollamux.contract import Value
from ollamux.errors import ModelNotFound, NotSupported, OllamuxError

if TYPE_CHECKING:
    from ollamux.conversation import Operation
    from ollamux.formats.answering import RenderContext
    from ollamux.formats.base import Neutral, SeveralRenderer
    from ollamux.usage import Usage

__all__ = ("Incoming", "Served", "served_as")


class Served(Value):
    """What a format has to know of the model that a request names, to say whether it can be done. `told`: somebody said
    what it can do; else the usual is assumed."""

    __slots__ = __match_args__ = ("asked", "display", "capabilities", "context_length", "told")

    def __init__(
        self,
        asked: str,
        display: str,
        capabilities: frozenset[str],
        context_length: int | None = None,
        told: bool = True,
    ) -> None:
        self.asked = asked
        self.display = display
        self.capabilities = capabilities
        self.context_length = context_length
        self.told = told


class Incoming:
    """A client's request as its format understood it. `needs` are the capabilities that it asks for; `grammar_error` is
    for whoever finds that nobody serves the model; `warnings` say what the client's request lost when it was read.
    `choices` are the answers that are asked for, known when `neutral` has read the request whole; `spent` is what an
    answer cost that passed, where that was seen on the way."""

    __slots__ = ("body", "grammar_error", "keep_alive", "model", "needs", "operation", "spent", "stream", "warnings")

    choices = 1

    body: bytes
    model: str
    operation: Operation
    stream: bool
    keep_alive: float | None
    needs: frozenset[str]
    grammar_error: OllamuxError | None
    warnings: tuple[str, ...]
    spent: Usage | None

    def not_found(self) -> OllamuxError:
        """What the format answers where nobody serves the model."""
        return ModelNotFound(self.model)

    def check(self, served: Served) -> None:
        """Raises what the format answers where this model cannot do what is asked."""

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> Neutral:
        """The request in the neutral model; `defaults` are configured options (Ollama's names), weaker than its own."""
        raise NotSupported("this request cannot be told in another format")

    def several(self, context: RenderContext) -> SeveralRenderer:
        """What writes several choices as one answer, in a format that knows them."""
        raise NotSupported("this format has one choice")


def served_as(asked: str, display: str, capabilities: frozenset[str], context_length: int | None, told: bool) -> Served:
    """The same as `Served` gives: compiled, a call of a function costs a fraction of one of a type."""
    made = Served.__new__(Served)
    made.asked = asked
    made.display = display
    made.capabilities = capabilities
    made.context_length = context_length
    made.told = told
    return made
