"""Memory: what the models on a device take, which one more would fit, and which would have to go.

Free is what a device's total leaves after what is in use and a reserve. In use is the greater of what the sensors say
(which includes other programs, and may be older than the last load) and what the backends say their models take. The
reserve, half a gibibyte for each device unless configured, stays free because memory is handed out in blocks, a model
grows a little while it works, and a driver keeps some for itself: a device filled to the last byte fails or spills.

A model takes what it took when it was last loaded; one that never was, its file's size and a fifth for its context; one
whose size nobody tells, `assumed_size`.

What goes is chosen by least recent use or by size. What is pinned, what answers right now, and what somebody asked to
keep for ever never goes, and neither does what a backend cannot unload (llama.cpp): its memory is counted, and no more.

Rules: decisions are returned, never carried out; a device whose total is not told decides nothing; memory that several
backends share is one. Models are called as their backends call them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from ollamux.hardware.keeping import Keeping
from ollamux.hardware.readings import Device
from ollamux.models import Inventory, Loaded

__all__ = ("GIB", "Resident", "Room", "Unload", "Usage", "Vram", "VramPolicy")

GIB = 1024**3


class VramPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How memory is managed: what goes first, bytes left free on each device, patterns of models that never go, what a
    model of unknown size takes, and from which percentage of use on models go though nobody needs the room (0: never).
    """

    strategy: Literal["lru", "largest"] = "lru"
    reserve: int = GIB // 2
    pinned: tuple[str, ...] = ()
    assumed_size: int = 8 * GIB
    threshold: float = 0.0


class Unload(msgspec.Struct, frozen=True):
    """Take this model out of this backend's memory; that frees so many bytes."""

    backend: str
    model: str
    size: int


_DRIFT = 1.0
"""Seconds by which a moment may move that has not changed."""


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """A model in a backend's memory: bytes on the device, and when it was last used here (monotonic; 0.0 where it never
    was)."""

    backend: str
    model: str
    size: int
    used_at: float = 0.0
    stays: bool = False


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a model fits: bytes that it needs and that are free, and what has to go first, in this order. `fits` is
    None where the memory is not known; where it is False, not even unloading all that may go would do."""

    fits: bool | None
    needed: int = 0
    free: int | None = None
    unload: tuple[Unload, ...] = ()


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The memory of the devices that some backends share: bytes in all, in use and still to be had, and the models."""

    devices: tuple[str, ...]
    total: int
    used: int
    free: int
    models: tuple[Resident, ...] = ()

    @property
    def percent(self) -> float:
        """How much is in use."""
        return 100 * self.used / self.total


class _Backend:
    """What is known of one backend's models."""

    __slots__ = ("at", "devices", "estimates", "id", "loaded", "seen", "unloads")

    def __init__(self, id_: str, *, unloads: bool) -> None:
        self.id = id_
        self.unloads = unloads
        self.at = 0.0
        self.devices: tuple[str, ...] = ()
        self.loaded: dict[str, Loaded] = {}
        self.estimates: dict[str, int] = {}
        self.seen: dict[str, int] = {}


class Vram:
    """Follows what is loaded where. `keeping` knows who uses what, and for how long it was asked to stay."""

    def __init__(self, policy: VramPolicy | None = None) -> None:
        self.policy = policy or VramPolicy()
        self.keeping = Keeping()
        self._backends: dict[str, _Backend] = {}
        self._devices: dict[str, Device] = {}

    def add(self, backend: str, *, unloads: bool) -> None:
        """There is such a backend; `unloads` says whether it can be told to let go of a model."""
        self._backends[backend] = _Backend(backend, unloads=unloads)

    def measured(self, devices: Iterable[Device]) -> None:
        """A new reading of all devices."""
        self._devices = {device.id: device for device in devices if device.vram_total}

    def placed(self, backend: str, devices: Iterable[str]) -> None:
        """The backend runs on the devices with these ids."""
        self._backends[backend].devices = tuple(devices)

    def told(self, backend: str, inventory: Inventory, now: float = 0.0) -> None:
        """What a backend's probes found out. A model that is there anew, or stays longer than it did, was used since
        the last time: by whoever it was, another worker or another client of that backend."""
        known = self._backends[backend]
        for loaded in inventory.loaded if known.at else ():
            before = known.loaded.get(loaded.name)
            if before is None or (loaded.expires or 0.0) > (before.expires or 0.0) + _DRIFT:
                self.keeping.used_elsewhere(backend, loaded.name, known.at, now)
        known.at = now
        known.loaded = {loaded.name: loaded for loaded in inventory.loaded}
        known.estimates = {model.name: model.size + model.size // 5 for model in inventory.models if model.size}
        seen = known.seen | {loaded.name: loaded.size for loaded in inventory.loaded if loaded.size}
        names = {model.name for model in inventory.models} | known.loaded.keys()
        known.seen = {name: size for name, size in seen.items() if name in names}
        self.keeping.told(backend, inventory)

    def released(self, backend: str, model: str) -> None:
        """The backend let go of a model."""
        self._backends[backend].loaded.pop(model, None)
        self.keeping.released(backend, model)

    def room(self, backend: str, model: str) -> Room:
        """Whether this model fits beside what is loaded, and what would have to go."""
        asked = self._backends[backend]
        if model in asked.loaded:
            return Room(fits=True)
        needed = asked.seen.get(model) or asked.estimates.get(model) or self.policy.assumed_size
        usage = self._usage(asked.devices)
        if usage is None:
            return Room(fits=None, needed=needed)
        if needed <= usage.free:
            return Room(fits=True, needed=needed, free=usage.free)
        unload = self._choose(usage.models, needed - usage.free)
        return Room(fits=bool(unload), needed=needed, free=usage.free, unload=unload)

    def pressure(self) -> tuple[Unload, ...]:
        """What has to go because devices are fuller than the policy's threshold allows."""
        if not self.policy.threshold:
            return ()
        found: dict[Unload, None] = {}
        for usage in self.usage():
            excess = usage.used - int(usage.total * self.policy.threshold / 100)
            if excess > 0:
                found.update(dict.fromkeys(self._choose(usage.models, excess, all_of_it=False)))
        return tuple(found)

    def usage(self) -> tuple[Usage, ...]:
        """The memory of every set of devices that backends run on, for people."""
        sets = dict.fromkeys(backend.devices for backend in self._backends.values())
        return tuple(usage for devices in sets if (usage := self._usage(devices)) is not None)

    def _usage(self, ids: Collection[str]) -> Usage | None:
        devices = [self._devices[id_] for id_ in ids if id_ in self._devices]
        if not devices or len(devices) < len(ids):
            return None
        total = sum(device.vram_total or 0 for device in devices)
        models = tuple(self._residents(ids))
        used = max(sum(device.vram_used or 0 for device in devices), sum(model.size for model in models))
        free = max(0, total - used - self.policy.reserve * len(devices))
        return Usage(devices=tuple(ids), total=total, used=used, free=free, models=models)

    def _residents(self, ids: Collection[str]) -> Iterator[Resident]:
        """The models of every backend that runs on any of these devices."""
        for backend in self._backends.values():
            if not any(id_ in ids for id_ in backend.devices):
                continue
            for name, loaded in backend.loaded.items():
                use = self.keeping.use(backend.id, name)
                stays = (
                    not backend.unloads
                    or loaded.expires is None
                    or use.forever
                    or use.running > 0
                    or any(fnmatchcase(name, pattern) for pattern in self.policy.pinned)
                )
                yield Resident(
                    backend=backend.id, model=name, size=_on_device(loaded), used_at=use.used_at, stays=stays
                )

    def _choose(self, models: Iterable[Resident], missing: int, *, all_of_it: bool = True) -> tuple[Unload, ...]:
        """What has to go for so many bytes; nothing where that would not be enough and all of it is needed. What was
        picked early and turns out not to be needed stays: the one that would go last first."""
        movable = sorted((model for model in models if not model.stays and model.size), key=self._order)
        picked: list[Resident] = []
        freed = 0
        for model in movable:
            if freed >= missing:
                break
            picked.append(model)
            freed += model.size
        if freed < missing and all_of_it:
            return ()
        for model in reversed(picked.copy()):
            if freed - model.size >= missing:
                picked.remove(model)
                freed -= model.size
        return tuple(Unload(model.backend, model.model, model.size) for model in picked)

    def _order(self, model: Resident) -> tuple[float, float]:
        if self.policy.strategy == "largest":
            return -model.size, model.used_at
        return model.used_at, -model.size


def _on_device(loaded: Loaded) -> int:
    """Bytes on the device. Ollama tells how much of a model is there, which may be nothing; where nobody tells, it is
    all there."""
    return loaded.size_vram if loaded.size_vram or loaded.row is not None else loaded.size
