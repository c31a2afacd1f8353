"""One request that its backend takes only in parts: several texts to embed, several choices.

Strategy: `fan_of` splits a neutral request into requests that the backend takes; a `Fan` hands them out one after the
other, on one backend and in one place of its queue, and puts the answers together. Streams are written by the client's
format (`SeveralRenderer`), choice by choice.

Rules: parts keep the order of the request; a choice differs from the one before it in nothing but its seed; tokens are
added up, and a counter that no part told stays untold. A part that fails fails the whole: nothing is left out of an
answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, EmbedAnswer, EmbedRequest
from ollamux.formats.base import Dialect, Neutral

__all__ = ("Fan", "fan_of", "joined", "split")


def split(request: Neutral, choices: int, most_inputs: int) -> tuple[Neutral, ...]:
    """The requests that together ask for this one: `choices` of it, or `most_inputs` texts at a time (0: any)."""
    if isinstance(request, EmbedRequest):
        texts = request.inputs
        if not 0 < most_inputs < len(texts):
            return (request,)
        starts = range(0, len(texts), most_inputs)
        return tuple([replace(request, inputs=texts[start : start + most_inputs]) for start in starts])
    seed = request.sampling.seed
    if seed is None:
        return (request,) * choices
    seeds = [replace(request.sampling, seed=seed + place) for place in range(choices)]
    if isinstance(request, ChatRequest):
        return tuple([request.having(sampling=sampling) for sampling in seeds])
    return tuple([replace(request, sampling=sampling) for sampling in seeds])


def joined(answers: Sequence[EmbedAnswer]) -> EmbedAnswer:
    """The vectors of all parts, in their order."""
    tokens = [answer.input_tokens for answer in answers if answer.input_tokens is not None]
    vectors = [vector for answer in answers for vector in answer.vectors]
    return EmbedAnswer(vectors, sum(tokens) if tokens else None, answers[0].model)


class Fan:
    """The parts of one request, towards one backend. `request` is the part to ask for; report each whole answer with
    `took`, each stream that came to its end with `streamed`: they say whether there is another part."""

    __slots__ = ("_answers", "_at", "_requests", "vectors")

    def __init__(self, requests: Sequence[Neutral]) -> None:
        self._requests = requests
        self._at = 0
        self._answers: list[Answer] = []
        self.vectors: list[EmbedAnswer] = []

    @property
    def request(self) -> Neutral:
        """The part to ask for."""
        return self._requests[self._at]

    @property
    def answers(self) -> Sequence[Answer]:
        """The whole answers so far, in the order of the choices."""
        return self._answers

    def took(self, answer: Answer | EmbedAnswer) -> bool:
        """A whole answer to `request` came. True where there is another part to ask for."""
        if isinstance(answer, EmbedAnswer):
            self.vectors.append(answer)
        else:
            self._answers.append(answer)
        return self.streamed()

    def streamed(self) -> bool:
        """The answer to `request` came to its end. True where there is another part to ask for."""
        if self._at + 1 == len(self._requests):
            return False
        self._at += 1
        return True


def fan_of(request: Neutral, choices: int, dialect: Dialect) -> Fan | None:
    """The parts of this request; None where the backend takes it as it is."""
    if choices < 2 and not dialect.most_inputs:
        return None
    requests = split(request, choices, dialect.most_inputs)
    return Fan(requests) if len(requests) > 1 else None
