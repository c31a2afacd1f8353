"""A gateway seen through a hole: the same machines, but some backends alone serve anything.

Strategy: what an exchange asks of its house goes to the gateway as it is; only what is found for a name is cut down to
the backends that are wanted, so that every other rule (health, places, failover among them) holds as ever.
"""

from __future__ import annotations

from typing import Any, Protocol

from ollamux.automatic import Automatic
from ollamux.exchange.base import House
from ollamux.routing.catalog import Catalog, Offer

__all__ = ("Narrowed",)


class _ChoosingHouse(House, Protocol):
    @property
    def automatic(self) -> Automatic:
        """What `auto` is."""
        ...


class Narrowed:
    """The house, with the backends of these ids alone."""

    def __init__(self, house: _ChoosingHouse, among: frozenset[str]) -> None:
        self._house = house
        self.catalog = _Cut(house.catalog, among)
        self.automatic = _Cut(house.automatic, among)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house, name)


class _Cut:
    """What finds offers, without those of other backends: the catalog, and what chooses from it."""

    def __init__(self, whole: Catalog | Automatic, among: frozenset[str]) -> None:
        self._whole: Any = whole
        self._among = among

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def find(self, *asked: Any, **more: Any) -> tuple[Offer, ...]:
        """The offers of the backends that are wanted."""
        return tuple([offer for offer in self._whole.find(*asked, **more) if offer.backend in self._among])
