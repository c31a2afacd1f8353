"""POST /api/route: where a request would go and why, without sending it.

Strategy: the body is one of Ollama's chat, the headers are those that constrain a request. It is read and planned as if
it were to be sent, by the same parts, and the plan tells what it knows.

Rules: nothing is called, nothing is counted, and no later request is routed in another way because of it; who would be
refused is answered with that error and its status, and with what the filters said of each backend.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.contract import ClientRequest
from ollamux.errors import OllamuxError
from ollamux.exchange import Exchange, Settled, deciding
from ollamux.exchange.base import JSON_UTF8, House
from ollamux.exchange.failures import of_request, with_names
from ollamux.formats.base import NOWHERE, Serving
from ollamux.routing.ask import Ask
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints

__all__ = ("Explaining",)

_BYTES = 4.0
_encode = msgspec.json.Encoder().encode


class Explaining:
    """The page. `serving` is Ollama's side of a client."""

    def __init__(self, house: House, serving: Serving) -> None:
        self._house = house
        self._serving = serving

    def page(self, request: ClientRequest, now: float) -> Exchange:
        """What becomes of this request, were it sent now."""
        house, body = self._house, request.body or b""
        try:
            incoming = self._serving.read(self._serving.routes[0], body, request.headers, NOWHERE)
            wishes = Constraints.read(request.headers)
            offers = house.catalog.find(incoming.model)
            offers = offers or house.automatic.find(incoming, request.headers, truncates=True)
            if not offers:
                raise with_names(incoming.not_found(), house.catalog)
            ask = deciding.asked(house, incoming, self._serving.name, wishes, body=body, tokens=len(body) / _BYTES)
        except (OllamuxError, RecursionError) as error:
            return self._refused(of_request(error), {})
        try:
            pairs, plan = deciding.decided(house, incoming.model, offers, ask, now)
        except OllamuxError as error:
            return self._refused(error, {"model": incoming.model, "candidates": [], "filtered": self._out(offers, ask)})
        if plan is not None:
            return Settled(200, JSON_UTF8, _encode(plan.explain()))
        first = pairs[0][1].id
        told = {
            "model": incoming.model,
            "strategy": "",
            "backend": first,
            "reason": f"{first} is the first in an order that is given",
            "alternatives": [backend.id for _, backend in pairs[1:]],
            "candidates": [{"backend": backend.id, "model": offer.upstream} for offer, backend in pairs],
            "filtered": self._out(offers, ask),
        }
        return Settled(200, JSON_UTF8, _encode(told))

    def _out(self, offers: tuple[Offer, ...], ask: Ask) -> list[dict[str, str]]:
        """Whom the filters leave out, and which."""
        verdicts = [(offer, ask.filtered(self._house.planner.fleet.standing(offer), ask.needs)) for offer in offers]
        return [
            {"backend": offer.backend, "model": offer.upstream, "by": ask.named(number)}
            for offer, number in verdicts
            if number
        ]

    def _refused(self, error: OllamuxError, told: dict[str, Any]) -> Exchange:
        status, headers, body = self._serving.failure(error, streaming=False)
        if told:
            body = _encode({**msgspec.json.decode(body), **told})
        return Settled(status, headers, body)
