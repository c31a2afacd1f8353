"""`auto` as clients meet it: the name of a model in lists, and the offers behind it for a request.

Strategy: `routing.auto` chooses among all offers; it is loaded when somebody asks it to, and what it knows of them is
made anew when the catalog has changed. A model or an alias of that name comes first: whoever finds none for a name
asks here.

Rules: it is listed where there is more than one model to choose from, and chooses where there is any; where only
registered names are served it is one if an alias leads to it; what it is told to be able to do is what any of the
models can.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING

from ollamux.formats.asking import Incoming
from ollamux.formats.base import Served
from ollamux.models import AUTO, ModelInfo
from ollamux.routing.catalog import Catalog, Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.patterns import PatternTable

if TYPE_CHECKING:
    from ollamux.config import Config
    from ollamux.routing.auto import Auto
    from ollamux.routing.requirements import Requirements

__all__ = ("Automatic",)

_NO_WORK = ("load", "unload")
_DIGEST = hashlib.sha256(AUTO.encode()).hexdigest()


class Automatic:
    """See the module."""

    def __init__(self, catalog: Catalog, fleet: Fleet, config: Config) -> None:
        self._catalog = catalog
        self._fleet = fleet
        self._registered_only = config.routing.registered_only
        self._preferred: dict[str, PatternTable[bool]] = {
            backend.id: PatternTable((pattern, True) for pattern in backend.model_capability.preferred_models)
            for backend in config.backends or ()
            if backend.model_capability.preferred_models
        }
        self._auto: Auto | None = None
        self._offer: Offer | None = None
        self._version = -1

    def listed(self) -> tuple[Offer, ...]:
        """The first choice for each name, as the catalog lists them, and `auto` behind them."""
        offers = self._catalog.offers()
        if self._registered_only or self._catalog.find(AUTO):
            return offers
        names = {offer.name for offer in offers if "completion" in offer.capabilities}
        self._look()
        return (*offers, self._offer) if self._offer is not None and len(names) > 1 else offers

    def described(self, name: str) -> Offer | None:
        """What lists tell of a name that asks for a choice; None where it is none or there is nothing to choose."""
        self._look()
        return self._offer if self._flavour(name) is not None else None

    def find(self, incoming: Incoming, headers: Mapping[str, str], *, truncates: bool) -> tuple[Offer, ...]:
        """The offers for a request, the best first; none where its name asks for no choice or no model can do it.
        `truncates`: its format's own server cuts what is too long. Raises what the request's format finds wrong, and
        InvalidRequest where it is too long for all models."""
        flavour = self._flavour(incoming.model)
        if flavour is None:
            return ()
        self._look()
        asked = self._asked(incoming, headers, truncates)
        return self._chooser().choose(flavour, asked, is_loaded=self._catalog.is_loaded)

    def _flavour(self, name: str) -> str | None:
        target = self._catalog.target(name)
        if self._registered_only and target == name.strip():
            return None
        if not target.strip().lower().startswith(AUTO):
            return None
        from ollamux.routing.auto import flavour_of

        return flavour_of(target)

    def _chooser(self) -> Auto:
        """Who chooses among the offers that `_look` found."""
        if self._auto is None:
            from ollamux.routing.auto import Auto

            local = frozenset(station.id for station in self._fleet.stations.values() if station.local)
            self._auto = Auto(self._catalog.every(), local=local, preferred=self._preferred)
        return self._auto

    def _asked(self, incoming: Incoming, headers: Mapping[str, str], truncates: bool) -> Requirements:
        from ollamux.routing.requirements import Requirements, requirements_of

        wishes = Constraints.read(headers) or Constraints()
        if incoming.operation in _NO_WORK:
            return Requirements(operation=incoming.operation, needs=incoming.needs, media=wishes.media)
        from ollamux.accounting.estimate import estimate

        known = self._offer
        able = known.capabilities if known is not None else frozenset[str]()
        served = Served(incoming.model, AUTO, able, known.context_length if known is not None else None)
        return requirements_of(
            incoming.neutral(served, {}),
            incoming.operation,
            incoming.needs,
            estimate,
            truncates=truncates,
            region=wishes.region or None,
            media=wishes.media,
            latency_critical=wishes.latency_critical,
        )

    def _look(self) -> None:
        """Looks at the catalog where it is another one than before."""
        if self._version == self._catalog.version:
            return
        self._version = self._catalog.version
        self._auto = None
        self._offer = _summed_up([offer for offer in self._catalog.every() if "completion" in offer.capabilities])


def _summed_up(offers: list[Offer]) -> Offer | None:
    """What these models can do as one; None where there is none."""
    if not offers:
        return None
    return Offer(
        name=AUTO,
        upstream=AUTO,
        backend="",
        priority=0.0,
        info=ModelInfo(
            name=AUTO,
            family=AUTO,
            modified=min((offer.info.modified for offer in offers if offer.info.modified is not None), default=None),
        ),
        capabilities=frozenset[str]().union(*(offer.capabilities for offer in offers)),
        told=True,
        context_length=max((offer.context_length for offer in offers if offer.context_length), default=None),
        options={},
        digest=_DIGEST,
        rank=(inf, 0),
    )
