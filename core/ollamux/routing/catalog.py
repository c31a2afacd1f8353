"""The catalog: which backend serves which model, under which name, with which abilities.

Strategy: what the backends told is kept for each backend; the index over all of it is built anew when one of them
tells something new, and read by a dictionary look-up. A name is looked up by its key, so that `tiny`, `TINY:latest`
and ` tiny ` are one.

Rules: what the configuration registers wins over what a backend discovered under the same name there; a registered name
is served by the backend it names and by no other; a model comes before an alias of its name, and an alias before a
pattern; offers of one name are ordered by priority, then as configured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ollamux.models import ASSUMED_CAPABILITIES, Inventory, Loaded, ModelInfo
from ollamux.routing.patterns import PatternTable

if TYPE_CHECKING:
    from ollamux.config import Price
    from ollamux.routing.well_known import Facts

__all__ = ("Catalog", "Offer", "Registered", "Shelf")


_REMEMBERED = 4096


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A name that the configuration gives. `backend` is an id, else a provider's type, else None for any backend that
    has the upstream model; `provider` is the type that it means as an id of none. `deployment` is what a backend with
    deployments calls it. `settings` go with its requests where the backend has words for them, `options` always. `api`
    is chat, responses or, where nothing was said, empty; `price` in US dollars for a million tokens."""

    name: str
    upstream: str
    deployment: str = ""
    backend: str | None = None
    provider: str = ""
    capabilities: frozenset[str] | None = None
    context_length: int | None = None
    options: Mapping[str, Any] = {}
    settings: Mapping[str, Any] = {}
    api: str = ""
    price: Price | None = None


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """What one backend has to offer, in the catalog's terms. `claims` are the models that the configuration says it
    serves: a filter where it can list its models, the list itself where it cannot. `expected` is the model that it will
    have, `expects` says which it may have: found, but not listed, until the backend tells; `claimed` says that of one
    that has told and lists none. `upstream` tells what such a name is there. `admits` says which of those that it lists
    are offered, `largest` how many bytes one of known size may have (0: any). `facts` is what is known of the
    provider's models. Where it `deploys`, models are called by names of the operator's own, `deployment` where a model
    has none. `settings` are those that it has words for."""

    backend: str
    provider: str
    priority: float = 50.0
    prefix: str = ""
    claims: tuple[str, ...] = ()
    expected: str = ""
    expects: Callable[[str], bool] | None = None
    claimed: Callable[[str], bool] | None = None
    upstream: Callable[[str], str] = str
    admits: Callable[[str], bool] | None = None
    largest: float = 0.0
    facts: Callable[[str], Facts | None] | None = None
    deploys: bool = False
    deployment: str = ""
    settings: frozenset[str] = frozenset()
    options: Mapping[str, Any] = {}


class Offer:
    """A model that a backend serves, under the name clients use. `told` says whether anybody named its abilities,
    `configured` whether the configuration did, whose word holds for requests that pass through too; `price` is in US
    dollars for a million tokens, `max_output` in tokens, None where nobody knows. It is never changed: what changes
    makes another one."""

    __slots__ = (
        "api",
        "backend",
        "capabilities",
        "configured",
        "context_length",
        "digest",
        "info",
        "max_output",
        "name",
        "options",
        "price",
        "priority",
        "rank",
        "told",
        "upstream",
    )

    def __init__(
        self,
        *,
        name: str,
        upstream: str,
        backend: str,
        priority: float,
        info: ModelInfo,
        capabilities: frozenset[str],
        told: bool,
        context_length: int | None,
        options: Mapping[str, Any],
        digest: str,
        rank: tuple[float, int],
        api: str = "",
        price: Price | None = None,
        max_output: int | None = None,
        configured: bool = False,
    ) -> None:
        self.configured = configured
        self.name = name
        self.upstream = upstream
        self.backend = backend
        self.priority = priority
        self.info = info
        self.capabilities = capabilities
        self.told = told
        self.context_length = context_length
        self.options = options
        self.digest = digest
        self.rank = rank
        self.api = api
        self.price = price
        self.max_output = max_output


class Catalog:
    """All offers, by name. `version` is another number whenever they changed."""

    def __init__(
        self,
        shelves: Iterable[Shelf],
        registered: Iterable[Registered],
        *,
        key: Callable[[str], str],
        aliases: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
        registered_only: bool = False,
    ) -> None:
        self._shelves = {shelf.backend: (position, shelf) for position, shelf in enumerate(shelves)}
        self._registered = tuple(registered)
        self._key = key
        told = dict(aliases or {})
        plain = {key(name): target.strip() for name, target in told.items() if not _is_pattern(name)}
        self._aliases = {name: _last(target, plain, key) for name, target in plain.items()}
        self._patterns = PatternTable(
            (name, _last(target.strip(), plain, key)) for name, target in told.items() if _is_pattern(name)
        )
        self._options = dict(options or {})
        self._registered_only = registered_only
        self._inventories: dict[str, Inventory] = {}
        self._index: dict[str, tuple[Offer, ...]] = {}
        self._expected: dict[str, tuple[Offer, ...]] = {}
        self._asked: dict[str, tuple[Offer, ...]] = {}
        self._spellings: dict[tuple[str, str], str] = {}
        self.version = 0
        self._build()

    def stock(self, backend: str, inventory: Inventory) -> bool:
        """A backend told what it has. True where that changed the catalog."""
        known = self._inventories.get(backend)
        if known is not None:
            inventory = _dated_as(known, inventory)
        self._inventories[backend] = inventory
        if known is not None and known.models == inventory.models:
            return False
        self._build()
        return True

    def find(self, name: str) -> tuple[Offer, ...]:
        """The offers for a name as a client spells it, the first choice first; none where nobody serves it."""
        found = self._asked.get(name)
        if found is None:
            key = self._key(name)
            target = self._target(name)
            alias = self._key(target) if target else ""
            found = self._index.get(key) or self._index.get(alias)
            if not found:
                found = self._expected.get(key) or self._expected.get(alias) or self._hoped_for(name.strip())
            if not found and target:
                found = self._hoped_for(target)
            if found and len(self._asked) < _REMEMBERED:
                self._asked[name] = found
        return found

    def named(self, name: str) -> tuple[Offer, ...]:
        """The offers for a name or an alias that somebody wrote down: for whoever changes a model, which is not to
        happen to one whose name a pattern led to."""
        key = self._key(name)
        return self._index.get(key) or self._index.get(self._key(self._aliases.get(key, ""))) or ()

    def target(self, name: str) -> str:
        """What an alias leads to, as it was written; the name itself where it is none."""
        return self._target(name) or name.strip()

    def every(self) -> tuple[Offer, ...]:
        """All offers of all names, each once, as they are ranked."""
        found = {id(offer): offer for offers in self._index.values() for offer in offers}
        return tuple(sorted(found.values(), key=lambda offer: offer.rank))

    def _target(self, name: str) -> str:
        key = self._key(name)
        return self._aliases.get(key) or self._patterns.find(name.strip()) or self._patterns.find(key) or ""

    def offers(self) -> tuple[Offer, ...]:
        """The first choice for each name, in the order of the backends."""
        return tuple(sorted((offers[0] for offers in self._index.values()), key=lambda offer: offer.rank))

    def of_backend(self, backend: str) -> tuple[Offer, ...]:
        """Everything that one backend offers."""
        return tuple(offer for offers in self._index.values() for offer in offers if offer.backend == backend)

    def loaded(self) -> tuple[tuple[Offer, Loaded], ...]:
        """What the backends keep in memory, under the names clients use."""
        found: dict[tuple[str, str], tuple[Offer, Loaded]] = {}
        for backend, inventory in self._inventories.items():
            running = {loaded.name: loaded for loaded in inventory.loaded}
            for offer in self.of_backend(backend) if running else ():
                loaded = running.get(offer.upstream)
                if loaded is not None and (offer.name, backend) not in found:
                    found[(offer.name, backend)] = (offer, loaded)
        return tuple(found.values())

    def spelling(self, asked: str, upstream: str) -> str:
        """The name to call a backend with that compares names as the catalog does: the client's own where it means that
        very model, so that nothing has to be renamed on the way back."""
        if asked == upstream:
            return upstream
        found = self._spellings.get((asked, upstream))
        if found is None:
            found = asked if self._key(asked) == self._key(upstream) else upstream
            if len(self._spellings) < _REMEMBERED:
                self._spellings[(asked, upstream)] = found
        return found

    def is_loaded(self, offer: Offer) -> bool:
        """Whether the backend keeps this model in memory now."""
        inventory = self._inventories.get(offer.backend)
        return inventory is not None and any(loaded.name == offer.upstream for loaded in inventory.loaded)

    def _build(self) -> None:
        found: dict[str, dict[str, Offer]] = {}
        pinned: set[str] = set()
        for registered in self._registered:
            key = self._key(registered.name)
            if registered.backend is not None:
                pinned.add(key)
            for position, shelf in self._homes(registered):
                upstream = registered.upstream
                if shelf.deploys:
                    upstream = registered.deployment or shelf.deployment or upstream
                info = self._known(shelf.backend, upstream) or ModelInfo(name=upstream)
                offer = self._offer(registered.name, info, position, shelf, registered)
                found.setdefault(key, {}).setdefault(shelf.backend, offer)
        if not self._registered_only:
            for position, shelf in self._shelves.values():
                for info in self._discovered(shelf):
                    offer = self._offer(shelf.prefix + (info.title or info.name), info, position, shelf, None)
                    for name in {offer.name, shelf.prefix + info.name}:
                        key = self._key(name)
                        if key not in pinned:
                            found.setdefault(key, {}).setdefault(shelf.backend, offer)
        self._index = {
            key: tuple(sorted(offers.values(), key=lambda offer: offer.rank)) for key, offers in found.items()
        }
        self._expected = {} if self._registered_only else self._not_told()
        self._asked = {}
        self.version += 1

    def _not_told(self) -> dict[str, tuple[Offer, ...]]:
        """What backends that have told nothing yet will have."""
        found: dict[str, tuple[Offer, ...]] = {}
        for position, shelf in self._shelves.values():
            if shelf.expected and shelf.backend not in self._inventories:
                info = ModelInfo(name=shelf.expected)
                offer = self._offer(shelf.prefix + info.name, info, position, shelf, None)
                key = self._key(offer.name)
                found[key] = tuple(sorted((*found.get(key, ()), offer), key=lambda each: each.rank))
        return found

    def _hoped_for(self, name: str) -> tuple[Offer, ...]:
        """The backends that list nothing, or have told nothing yet, and may well have a model of this name."""
        found: list[Offer] = []
        for position, shelf in self._shelves.values() if not self._registered_only else ():
            upstream = name.removeprefix(shelf.prefix)
            inventory = self._inventories.get(shelf.backend)
            lists = inventory is not None and bool(inventory.models)
            may_have = None if lists else shelf.expects if inventory is None else shelf.claimed
            if may_have is not None and name.startswith(shelf.prefix) and may_have(upstream):
                found.append(self._offer(name, ModelInfo(name=shelf.upstream(upstream)), position, shelf, None))
        return tuple(sorted(found, key=lambda offer: offer.rank))

    def _homes(self, registered: Registered) -> list[tuple[int, Shelf]]:
        shelves = list(self._shelves.values())
        if registered.backend is None:
            return [home for home in shelves if self._known(home[1].backend, registered.upstream) is not None]
        named = [home for home in shelves if home[1].backend == registered.backend]
        return named or [home for home in shelves if home[1].provider in (registered.backend, registered.provider)]

    def _known(self, backend: str, upstream: str) -> ModelInfo | None:
        inventory = self._inventories.get(backend)
        if inventory is None:
            return None
        wanted = self._key(upstream)
        return next((m for m in inventory.models if wanted in (self._key(m.name), self._key(m.title or m.name))), None)

    def _discovered(self, shelf: Shelf) -> tuple[ModelInfo, ...]:
        inventory = self._inventories.get(shelf.backend)
        listed = inventory.models if inventory is not None else ()
        if shelf.admits is not None:
            admits = shelf.admits
            listed = tuple(model for model in listed if admits(model.name) or admits(model.title or model.name))
        if shelf.largest:
            listed = tuple(model for model in listed if model.size <= shelf.largest)
        if not shelf.claims:
            return listed
        claims = {self._key(claim): claim for claim in shelf.claims}
        if inventory is not None and inventory.models:
            names = ((model, {self._key(model.name), self._key(model.title or model.name)}) for model in listed)
            return tuple(model for model, spelled in names if not claims.keys().isdisjoint(spelled))
        return tuple(ModelInfo(name=claim) for claim in claims.values())

    def _offer(self, name: str, info: ModelInfo, position: int, shelf: Shelf, registered: Registered | None) -> Offer:
        told = registered.capabilities if registered is not None else None
        facts = None
        if shelf.facts is not None:
            facts = shelf.facts(registered.upstream if registered is not None else info.name)
        capabilities = told if told is not None else info.capabilities
        if capabilities is None and facts is not None:
            capabilities = facts.capabilities
        options = {**self._options, **shelf.options}
        if registered is not None:
            options |= {name: value for name, value in registered.settings.items() if name in shelf.settings}
            options |= registered.options
        seed = info.digest if registered is None else None
        if seed is None or len(seed) != 64:
            parts = (name, shelf.backend, info.name, sorted(capabilities or ()), sorted(options.items(), key=str))
            seed = hashlib.sha256(repr(parts).encode()).hexdigest()
        length = registered.context_length if registered is not None else None
        price = registered.price if registered is not None else None
        if facts is not None:
            info = info if info.context_length is not None else replace(info, context_length=facts.context_length)
            price = price if price is not None else facts.price
        return Offer(
            name=name,
            upstream=info.name,
            backend=shelf.backend,
            priority=shelf.priority,
            info=info,
            capabilities=capabilities if capabilities is not None else ASSUMED_CAPABILITIES,
            told=capabilities is not None,
            context_length=length if length is not None else info.context_length,
            options=options,
            digest=seed,
            rank=(-shelf.priority, position),
            api=registered.api if registered is not None else "",
            price=price,
            max_output=facts.max_output if facts is not None else None,
            configured=told is not None,
        )


def _is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _dated_as(known: Inventory, inventory: Inventory) -> Inventory:
    """The inventory with the dates told first: servers that have no digests tell the moment of asking as a date."""
    dates = {model.name: model.modified for model in known.models if model.digest is None}
    models = tuple(
        replace(model, modified=dates[model.name]) if model.digest is None and model.name in dates else model
        for model in inventory.models
    )
    return replace(inventory, models=models)


def _last(target: str, aliases: Mapping[str, str], key: Callable[[str], str]) -> str:
    """What an alias for this target leads to at last; the configuration has none that leads back to itself."""
    for _ in aliases:
        target = aliases.get(key(target), target)
    return target
