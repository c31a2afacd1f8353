"""The machine: what its readings mean for each backend.

It puts together heat, power, the efficiency mode and memory. A reading comes every few seconds; what follows from it
for a backend is one `Condition`, a plain value that whoever chooses copies into its own records. Only conditions that
changed are returned, so nothing is computed anew for backends that nothing happened to.

Rules: without a reading every backend is cool and within every limit that its configured watts allow; requests never
come here, but for `vram.keeping`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from ollamux.hardware.efficiency import Efficiency
from ollamux.hardware.placement import devices_for, is_here
from ollamux.hardware.power import Power
from ollamux.hardware.readings import Device, Readings
from ollamux.hardware.thermal import Thermal, ThermalLimits
from ollamux.hardware.vram import Usage, Vram, VramPolicy

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("Condition", "Machine")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What the hardware says of a backend. `penalty` is subtracted from its score: its heat, and the limits of the
    efficiency mode that it is beyond (`over`, in words). `excluded` says why requests that do not name it pass it over,
    `until` (monotonic) at least, and `shutdown` that those which do are refused too. The readings are the worst of its
    devices, their power is the sum; None is not told."""

    backend: str
    devices: tuple[str, ...] = ()
    watts: float | None = None
    penalty: float = 0.0
    excluded: str = ""
    until: float = 0.0
    shutdown: bool = False
    over: tuple[str, ...] = ()
    temperature: float | None = None
    fan: float | None = None
    utilisation: float | None = None
    power: float | None = None


class _Place:
    """Where one backend runs, and the condition that it was last in."""

    __slots__ = ("condition", "hardware", "id", "local", "told_watts")

    def __init__(self, config: BackendConfig, endpoint: str | None) -> None:
        self.id = config.id
        self.hardware = config.hardware
        self.local = config.file is not None or is_here(endpoint)
        self.told_watts = config.characteristics.power_watts
        self.condition = Condition(backend=config.id)


class Machine:
    """All of it, for the backends of one configuration. `by_hardware` are limits of heat that differ for a kind."""

    def __init__(
        self,
        *,
        mode: str = "Balanced",
        limits: ThermalLimits | None = None,
        by_hardware: Mapping[str, ThermalLimits] | None = None,
        policy: VramPolicy | None = None,
    ) -> None:
        self.thermal = Thermal(limits, by_hardware)
        self.power = Power()
        self.efficiency = Efficiency(mode)
        self.vram = Vram(policy)
        self.readings = Readings()
        self._places: dict[str, _Place] = {}

    def add(self, config: BackendConfig, endpoint: str | None, *, unloads: bool) -> Condition:
        """There is such a backend, which listens here; `unloads` says whether it can be told to let go of a model. Its
        condition now."""
        place = self._places[config.id] = _Place(config, endpoint)
        self.vram.add(config.id, unloads=unloads)
        place.condition = self._judge(place)
        return place.condition

    def moved(self, backend: str, endpoint: str | None) -> None:
        """A backend listens here now; it is judged with the next reading."""
        if endpoint is not None:
            self._places[backend].local = is_here(endpoint)

    def report(self, readings: Readings, now: float) -> tuple[Condition, ...]:
        """The sensors were read. The conditions that changed."""
        self.readings = readings
        self.thermal.update(readings.devices, now)
        self.power.update(readings.devices)
        self.vram.measured(readings.devices)
        self.efficiency.update(readings, readings.hour)
        return self.refresh()

    def choose(self, mode: str) -> tuple[Condition, ...]:
        """A person chose an efficiency mode. The conditions that changed. Raises InvalidRequest for an unknown one."""
        self.efficiency.set(mode)
        return self.refresh()

    def refresh(self) -> tuple[Condition, ...]:
        """Judges every backend anew. The conditions that changed."""
        changed: list[Condition] = []
        for place in self._places.values():
            condition = self._judge(place)
            if condition != place.condition:
                place.condition = condition
                changed.append(condition)
        return tuple(changed)

    def condition(self, backend: str) -> Condition:
        """How a backend is."""
        return self._places[backend].condition

    def describe(self) -> dict[str, Any]:
        """What GET /thermal tells: devices, their heat and memory, and the backends that run on them."""
        return {
            "devices": [self._device(device) for device in self.readings.devices],
            "backends": {
                place.id: {
                    "devices": place.condition.devices,
                    "state": self.thermal.heat(place.condition.devices).state,
                    "penalty": round(place.condition.penalty, 1),
                    "excluded": place.condition.excluded or None,
                    "over": place.condition.over,
                }
                for place in self._places.values()
                if place.condition.devices
            },
            "memory": [self._memory(usage) for usage in self.vram.usage()],
            "battery": {"percent": self.readings.battery, "discharging": self.readings.on_battery},
        }

    def _memory(self, usage: Usage) -> dict[str, Any]:
        return {
            "devices": usage.devices,
            "total_bytes": usage.total,
            "used_bytes": usage.used,
            "free_bytes": usage.free,
            "used_percent": round(usage.percent, 1),
            "models": [
                {"backend": model.backend, "model": model.model, "bytes": model.size, "stays": model.stays}
                for model in usage.models
            ],
        }

    def _device(self, device: Device) -> dict[str, Any]:
        limits = self.thermal.limits_for(device)
        return {
            "id": device.id,
            "kind": device.kind,
            "name": device.name,
            "temperature_celsius": device.temperature,
            "fan_percent": device.fan,
            "power_watts": device.power,
            "utilization_percent": device.utilisation,
            "throttling": device.throttling,
            "vram_total_bytes": device.vram_total,
            "vram_used_bytes": device.vram_used,
            "state": self.thermal.heat((device.id,)).state,
            "limits": {"warning": limits.warning, "critical": limits.critical, "shutdown": limits.shutdown},
        }

    def _judge(self, place: _Place) -> Condition:
        devices = devices_for(place.hardware, self.readings.devices) if place.local else ()
        ids = tuple(device.id for device in devices) or self._absent(place)
        self.vram.placed(place.id, ids)
        heat = self.thermal.heat(ids)
        watts = self.power.watts(place.told_watts, place.hardware, ids, local=place.local)
        temperature = _worst(device.temperature for device in devices)
        fan = _worst(device.fan for device in devices)
        over = self.efficiency.mode.exceeded(watts, fan, temperature)
        drawn = [device.power for device in devices if device.power is not None]
        return Condition(
            backend=place.id,
            devices=ids,
            watts=watts,
            penalty=heat.penalty + len(over) * self.efficiency.mode.points,
            excluded=heat.reason if heat.excluded else "",
            until=heat.until,
            shutdown=heat.state == "shutdown",
            over=over,
            temperature=temperature,
            fan=fan,
            utilisation=_worst(device.utilisation for device in devices),
            power=sum(drawn) if drawn else None,
        )

    def _absent(self, place: _Place) -> tuple[str, ...]:
        """The devices that it ran on, where they are missing from the readings while they cool down."""
        before = place.condition.devices if place.local else ()
        return before if self.thermal.heat(before).excluded else ()


def _worst(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
