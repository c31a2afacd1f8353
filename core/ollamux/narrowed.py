"""A gateway seen through a hole: the same machines, but a catalog in which some backends alone serve anything.

Strategy: what an exchange asks of its house goes to the gateway as it is; only what the catalog finds is cut down to
the backends that are wanted, so that every other rule (health, places, failover among them) holds as ever.
"""

from __future__ import annotations

from typing import Any

from ollamux.exchange.base import House
from ollamux.routing.catalog import Catalog, Offer

__all__ = ("Narrowed",)


class Narrowed:
    """The house, with the backends of these ids alone."""

    def __init__(self, house: House, among: frozenset[str]) -> None:
        self._house = house
        self.catalog = _Cut(house.catalog, among)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house, name)


class _Cut:
    """A catalog without the offers of other backends."""

    def __init__(self, catalog: Catalog, among: frozenset[str]) -> None:
        self._catalog = catalog
        self._among = among

    def __getattr__(self, name: str) -> Any:
        return getattr(self._catalog, name)

    def find(self, name: str) -> tuple[Offer, ...]:
        """The offers of the backends that are wanted."""
        return tuple([offer for offer in self._catalog.find(name) if offer.backend in self._among])
