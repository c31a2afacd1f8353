"""The models of all backends as clients of other APIs than Ollama's list them: OpenAI's, Anthropic's, Google's.

Strategy: one path, three shapes: who brings Google's key or asks below /v1beta gets Google's, who names a version of
Anthropic's API gets Anthropic's, everybody else OpenAI's. A shape is a row of a table: what one model looks like, and
what a list of them does. A list is answered as /api/tags is; for one model the backends are asked anew where nobody
has it.

Rules: a name is told as it is configured or as its backend spells it, one model under the name that was asked for;
what a client did not ask to have cut comes whole; that a model is unknown is told in the words of the client's format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qs

import msgspec

from ollamux.automatic import Automatic
from ollamux.clock import Clock
from ollamux.contract import ClientRequest, HeaderPairs, Want
from ollamux.errors import ModelNotFound
from ollamux.exchange.base import Exchange, House, answer
from ollamux.exchange.failures import with_names
from ollamux.exchange.forward import ForwardExchange
from ollamux.exchange.survey import SurveyExchange
from ollamux.formats.base import Serving
from ollamux.routing.catalog import Offer

__all__ = ("Listing", "shape_of")

_JSON: HeaderPairs = (("Content-Type", "application/json"),)
_encode = msgspec.json.Encoder().encode


_OURSELVES = "ollamux"
"""Who owns a model of no backend: `auto`."""


class ListingHouse(House, Protocol):
    """A house that knows what `auto` is."""

    @property
    def automatic(self) -> Automatic:
        """What `auto` is."""
        ...


class _Asked(NamedTuple):
    """A name, the offer behind it, its provider's type, and the clock."""

    name: str
    offer: Offer
    owner: str
    clock: Clock

    @property
    def created(self) -> float:
        """When it last changed: as far as this gateway knows, when it began, where nobody tells."""
        modified = self.offer.info.modified
        return modified if modified is not None else self.clock.began or 0.0


class _Shape(NamedTuple):
    """How one API lists: a model, and all of them, as far as the query's words ask for."""

    card: Callable[[_Asked], dict[str, Any]]
    page: Callable[[list[dict[str, Any]], Mapping[str, str]], dict[str, Any]]


def shape_of(path: str, headers: Mapping[str, str], query: str) -> str:
    """The format whose shape a request for models is answered in. `path` is decoded."""
    if path.startswith("/v1beta/") or "x-goog-api-key" in headers or (query and "key" in parse_qs(query)):
        return "gemini"
    return "anthropic" if "anthropic-version" in headers else "openai_chat"


class Listing:
    """Opens the exchanges of these requests. `mark` goes out with every answer."""

    def __init__(self, house: ListingHouse, servings: Mapping[str, Serving], mark: HeaderPairs) -> None:
        self._house = house
        self._servings = servings
        self._headers = (*_JSON, *mark)

    def open(self, request: ClientRequest, path: str, wanted: str, query: str) -> Exchange:
        """A list of all models, or of one where a name is `wanted`."""
        named = shape_of(path, request.headers, query)
        shape = _SHAPES[named]
        if not wanted:
            words = {key: values[-1] for key, values in parse_qs(query).items()} if query else {}
            return SurveyExchange(
                self._house, lambda now: _encode(shape.page(self._cards(shape), words)), self._headers
            )
        unknown = not self._offers(wanted)
        return ForwardExchange(
            self._house, request, lambda now: self._one(wanted, shape, self._servings[named]), ask_first=unknown
        )

    def _cards(self, shape: _Shape) -> list[dict[str, Any]]:
        offers = {offer.name: offer for offer in self._house.automatic.listed()}
        return [shape.card(self._asked(name, offer)) for name, offer in offers.items()]

    def _asked(self, name: str, offer: Offer) -> _Asked:
        owner = self._house.backend(offer.backend).provider.type if offer.backend else _OURSELVES
        return _Asked(name, offer, owner, self._house.clock)

    def _offers(self, wanted: str) -> tuple[Offer, ...]:
        found = self._house.catalog.find(wanted)
        chosen = None if found else self._house.automatic.described(wanted)
        return found if chosen is None else (chosen,)

    def _one(self, wanted: str, shape: _Shape, serving: Serving) -> tuple[Want, ...]:
        offers = self._offers(wanted)
        if offers:
            return answer(200, self._headers, _encode(shape.card(self._asked(wanted.strip(), offers[0]))))
        error = with_names(ModelNotFound(wanted), self._house.catalog)
        return answer(*serving.failure(error, streaming=False))


def _openai_card(asked: _Asked) -> dict[str, Any]:
    return {"id": asked.name, "object": "model", "created": int(asked.created), "owned_by": asked.owner}


def _openai_page(cards: list[dict[str, Any]], words: Mapping[str, str]) -> dict[str, Any]:
    return {"object": "list", "data": cards}


def _anthropic_card(asked: _Asked) -> dict[str, Any]:
    return {
        "type": "model",
        "id": asked.name,
        "display_name": asked.name,
        "created_at": asked.clock.local(asked.created),
        "lifecycle": "active",
        "max_input_tokens": asked.offer.context_length,
        "max_tokens": None,
    }


def _anthropic_page(cards: list[dict[str, Any]], words: Mapping[str, str]) -> dict[str, Any]:
    names = [card["id"] for card in cards]
    first, last = 0, len(cards)
    limit = _number(words.get("limit")) or len(cards)
    if words.get("before_id") in names:
        last = names.index(words["before_id"])
        first = max(0, last - limit)
        more = first > 0
    else:
        if words.get("after_id") in names:
            first = names.index(words["after_id"]) + 1
        last = min(last, first + limit)
        more = last < len(cards)
    shown = names[first:last]
    return {
        "data": cards[first:last],
        "has_more": more,
        "first_id": shown[0] if shown else None,
        "last_id": shown[-1] if shown else None,
    }


def _gemini_card(asked: _Asked) -> dict[str, Any]:
    can = asked.offer.capabilities
    methods: Sequence[str] = ()
    if "completion" in can:
        methods = ("generateContent", "streamGenerateContent", "countTokens")
    if "embedding" in can:
        methods = (*methods, "embedContent", "batchEmbedContents")
    card: dict[str, Any] = {
        "name": f"models/{asked.name}",
        "displayName": asked.name,
        "supportedGenerationMethods": methods,
    }
    if asked.offer.context_length is not None:
        card["inputTokenLimit"] = asked.offer.context_length
    if "thinking" in can:
        card["thinking"] = True
    return card


def _gemini_page(cards: list[dict[str, Any]], words: Mapping[str, str]) -> dict[str, Any]:
    first = _number(words.get("pageToken") or words.get("page_token"))
    last = first + (_number(words.get("pageSize") or words.get("page_size")) or len(cards))
    more = {"nextPageToken": str(last)} if last < len(cards) else {}
    return {"models": cards[first:last], **more}


def _number(text: str | None) -> int:
    """A number of the query; zero where it is none."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else 0


_SHAPES: dict[str, _Shape] = {
    "anthropic": _Shape(_anthropic_card, _anthropic_page),
    "gemini": _Shape(_gemini_card, _gemini_page),
    "openai_chat": _Shape(_openai_card, _openai_page),
}
