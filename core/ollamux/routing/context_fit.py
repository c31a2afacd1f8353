"""Whether a request fits into a model's context, and what to do where it does not.

Strategy: an estimate against a length that is known. The estimate may be too high by a third, so a request is `over`
only where three quarters of it are more than the model reads; between that and a fit with its answer it is `tight`,
which is left to the backend. `routing.context_overflow` decides about those that are over:

- `reject`: an offer that they are over for is no candidate; where none is left, the client is told.
- `larger_model`: also where they are tight, an offer that they fit comes first; where no offer under the name that was
  asked for will do, the smallest sufficient of the other models answers, and the client is told which.
- `warn`: the offers that they are over for come last, and the client is told.

Rules: a length that nobody told refuses nothing; where the client's format cuts what is too long (`truncates`, as on
/api) nothing is refused or changed. `may_overflow` is asked first, with the size of the body alone, so that ordinary
requests are never estimated.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from ollamux.errors import InvalidRequest
from ollamux.routing.catalog import Offer
from ollamux.routing.requirements import Requirements

__all__ = ("Fit", "Fitted", "Policy", "fit", "fitting", "may_overflow")

Fit: TypeAlias = Literal["fits", "tight", "over"]
Policy: TypeAlias = Literal["reject", "larger_model", "warn"]

_BYTES = 4
"""Bytes of a body for each token of the estimate, at the least: what stands around a text is longer than its price."""

_SURE = 0.75
"""The share of the estimate that is read for certain."""

_FLAT = frozenset({"audio", "vision"})
"""Needs that come with a price of their own, however short the body is."""

_PARAMS = {"completion": "prompt", "embed": "input"}


class Fitted(NamedTuple):
    """The offers that are left, in their order, and what the client is to be told, if anything."""

    offers: tuple[Offer, ...]
    warning: str = ""


def may_overflow(size: int, needs: frozenset[str], length: int | None) -> bool:
    """Whether a request whose body has so many bytes could be anything but a fit for a context of that length. What is
    False here `fits`, but for documents that are named by an address."""
    if length is None:
        return False
    return size // _BYTES > length // 2 or not needs.isdisjoint(_FLAT)


def fit(asked: Requirements, length: int | None) -> Fit:
    """How a request goes into a context of that length. Of the answer no more than half of the length is counted, since
    clients ask for more than they mean."""
    if length is None:
        return "fits"
    tokens = asked.context_tokens
    if tokens * _SURE > length:
        return "over"
    answer = 0 if asked.operation == "embed" else min(asked.output_tokens or 0, length // 2)
    return "fits" if tokens + answer <= length else "tight"


def fitting(
    offers: Sequence[Offer],
    asked: Requirements,
    policy: Policy,
    *,
    others: Iterable[Offer] = (),
    local: Container[str] = (),
) -> Fitted:
    """What of the offers for a name is left for a request. `others` are those of other models, looked at for
    `larger_model` alone; `local` are the backends on the operator's own machines, which are preferred where the first
    offer is on one. Raises InvalidRequest where the request is too long for all of them."""
    if asked.truncates or not offers:
        return Fitted(tuple(offers))
    sorts: dict[Fit, list[Offer]] = {"fits": [], "tight": [], "over": []}
    for offer in offers:
        sorts[fit(asked, offer.context_length)].append(offer)
    fits, tight, over = sorts["fits"], sorts["tight"], sorts["over"]
    if policy == "warn":
        kept = (*(offer for offer in offers if offer not in over), *over)
        return Fitted(kept, _too_much(asked, offers[0]) if len(over) == len(offers) else "")
    if policy == "larger_model":
        if fits:
            return Fitted((*fits, *tight))
        larger = _larger(offers[0], asked, others, local)
        if larger:
            told = f"'{larger[0].name}' was asked instead of '{offers[0].name}': {_too_much(asked, offers[0])}"
            return Fitted((*larger, *tight), told)
    if len(over) == len(offers):
        raise _too_long(asked, max(over, key=lambda offer: offer.context_length or 0))
    return Fitted(tuple(offer for offer in offers if offer not in over))


def _larger(first: Offer, asked: Requirements, others: Iterable[Offer], local: Container[str]) -> list[Offer]:
    """Those that a request fits for certain and that can do what it needs: on the same backend first, then where the
    data stay as near, then the smallest."""
    found = [
        offer
        for offer in others
        if offer.context_length is not None
        and asked.needs <= offer.capabilities
        and offer.name != first.name
        and fit(asked, offer.context_length) == "fits"
    ]
    here = first.backend in local
    return sorted(
        found,
        key=lambda offer: (
            offer.backend != first.backend,
            here and offer.backend not in local,
            offer.context_length or 0,
            offer.rank,
        ),
    )


def _too_much(asked: Requirements, offer: Offer) -> str:
    return f"the prompt has about {asked.context_tokens} tokens, '{offer.name}' reads at most {offer.context_length}"


def _too_long(asked: Requirements, offer: Offer) -> InvalidRequest:
    """In the words by which clients of OpenAI and of Anthropic know that they have to shorten a conversation."""
    return InvalidRequest(
        f"prompt is too long: {asked.context_tokens} tokens > {offer.context_length} maximum "
        f"(the maximum context length of '{offer.name}'; the tokens are estimated)",
        code="context_length_exceeded",
        param=_PARAMS.get(asked.operation, "messages"),
    )
