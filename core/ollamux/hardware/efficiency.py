"""Efficiency modes: how far the machine goes for an answer, chosen by a person or, in `Auto`, by its state.

A mode says two things of the choice of a backend. Each of its limits (watts, fan speed, temperature) that a backend is
beyond costs it points of its score, so it answers where nobody else does, and a limit is never the reason why nobody
does. Its weights multiply the terms of the score for latency, power and price, 1 leaving a term as it is.

`Auto` follows the first rule that holds: battery below 20 percent, UltraEfficiency; below 50, Efficiency; from 22 to 6
o'clock, Quiet; devices above 75 °C on average, Efficiency; a fan above 70 percent, Quiet; on battery, Balanced; else
Performance. The rules about the battery hold unless the machine is known to be on mains power. A mode that was taken
because of a battery, of heat or of a fan is kept until its cause is well over (`_SLACK`), so that it does not flap.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ollamux.errors import InvalidRequest
from ollamux.hardware.readings import Readings

__all__ = ("AUTO", "MODES", "Efficiency", "Mode", "effective", "mode_called")

AUTO = "Auto"


class Mode(msgspec.Struct, frozen=True, kw_only=True):
    """What a mode asks for: at most so many watts, percent of fan speed and degrees Celsius, the points that each limit
    costs which a backend is beyond, and what latency, power and price weigh in a score."""

    name: str
    max_watts: float
    max_fan: float
    max_temperature: float
    points: float
    latency: float
    power: float
    price: float
    description: str

    @property
    def leaning(self) -> bool:
        """Whether it weighs the terms of a score in its own way."""
        return (self.latency, self.power, self.price) != (1.0, 1.0, 1.0)

    def exceeded(self, watts: float | None, fan: float | None, temperature: float | None) -> tuple[str, ...]:
        """The limits that these readings are beyond, each in words."""
        told = ((watts, self.max_watts, "W"), (fan, self.max_fan, "% fan"), (temperature, self.max_temperature, "°C"))
        return tuple(
            f"{value:.0f} {unit} of {limit:.0f}" for value, limit, unit in told if value is not None and value > limit
        )


MODES = {
    mode.name: mode
    for mode in (
        Mode(
            name="Performance",
            max_watts=999,
            max_fan=100,
            max_temperature=90,
            points=250,
            latency=4.0,
            power=0.0,
            price=0.25,
            description="The fastest backend answers, whatever it draws.",
        ),
        Mode(
            name="Balanced",
            max_watts=60,
            max_fan=80,
            max_temperature=85,
            points=250,
            latency=1.0,
            power=1.0,
            price=1.0,
            description="Speed and power count the same; up to 60 W are preferred.",
        ),
        Mode(
            name="Efficiency",
            max_watts=15,
            max_fan=60,
            max_temperature=75,
            points=1000,
            latency=0.25,
            power=40.0,
            price=1.0,
            description="Little power comes before speed; up to 15 W are preferred.",
        ),
        Mode(
            name="Quiet",
            max_watts=15,
            max_fan=40,
            max_temperature=70,
            points=2000,
            latency=0.25,
            power=40.0,
            price=1.0,
            description="Fans stay slow: up to 15 W, 40 % fan speed and 70 °C are preferred.",
        ),
        Mode(
            name="UltraEfficiency",
            max_watts=5,
            max_fan=30,
            max_temperature=65,
            points=4000,
            latency=0.1,
            power=100.0,
            price=1.0,
            description="The battery lasts as long as it can; up to 5 W are preferred.",
        ),
    )
}

_AUTO_DESCRIPTION = "The mode follows battery, heat, fans and the hour of the day."


def mode_called(name: str) -> str:
    """A mode's own spelling, `Auto` among them. Raises InvalidRequest where there is none of that name."""
    word = name.strip().replace("-", "").replace("_", "").lower()
    for known in (*MODES, AUTO):
        if known.lower() == word:
            return known
    raise InvalidRequest(f"there is no efficiency mode '{name}': use one of {', '.join((*MODES, AUTO))}", param="mode")


class _Seen(msgspec.Struct, frozen=True):
    """What the rules of `Auto` look at; NaN is not told, and holds for no rule."""

    battery: float
    on_battery: bool
    hour: float
    temperature: float
    fan: float


_NAN = float("nan")


def _seen(readings: Readings, hour: int | None) -> _Seen:
    degrees = [device.temperature for device in readings.devices if device.temperature is not None]
    fans = [device.fan for device in readings.devices if device.fan is not None]
    charge = readings.battery if readings.on_battery is not False else None
    return _Seen(
        _NAN if charge is None else charge,
        readings.on_battery is True,
        _NAN if hour is None else hour,
        sum(degrees) / len(degrees) if degrees else _NAN,
        max(fans, default=_NAN),
    )


class _Rule(msgspec.Struct, frozen=True):
    """`holds(seen, slack)` with no slack takes a mode, with all of it keeps one."""

    mode: str
    holds: Callable[[_Seen, float], bool]
    why: str


_SLACK = 5.0
"""Percent of charge, degrees Celsius, and half the percent of fan speed by which a cause must be over."""

_RULES = (
    _Rule("UltraEfficiency", lambda seen, slack: seen.battery < 20 + slack, "battery below 20 %"),
    _Rule("Efficiency", lambda seen, slack: seen.battery < 50 + slack, "battery below 50 %"),
    _Rule("Quiet", lambda seen, slack: seen.hour >= 22 or seen.hour < 6, "quiet hours from 22 to 6"),
    _Rule("Efficiency", lambda seen, slack: seen.temperature > 75 - slack, "devices above 75 °C on average"),
    _Rule("Quiet", lambda seen, slack: seen.fan > 70 - 2 * slack, "a fan above 70 %"),
    _Rule("Balanced", lambda seen, slack: seen.on_battery, "on battery"),
    _Rule("Performance", lambda seen, slack: True, "nothing speaks against it"),
)


def effective(mode: str, readings: Readings, hour: int | None, before: str = "") -> tuple[Mode, str]:
    """The mode that holds now, and why. `before` is the reason that `Auto` gave last: its rule holds a little longer
    than it would begin to."""
    if mode != AUTO:
        return MODES[mode], "as set"
    seen = _seen(readings, hour)
    rule = next(rule for rule in _RULES if rule.holds(seen, _SLACK if rule.why == before else 0.0))
    return MODES[rule.mode], rule.why


class Efficiency:
    """The mode of the machine. `set` and `update` take effect at once; `mode` is what holds now."""

    def __init__(self, name: str = "Balanced") -> None:
        self._readings = Readings()
        self._hour: int | None = None
        self.current = mode_called(name)
        self.mode, self.why = effective(self.current, self._readings, self._hour)

    def set(self, name: str) -> None:
        """A person chose a mode. Raises InvalidRequest where there is none of that name."""
        self.current = mode_called(name)
        self._settle("")

    def update(self, readings: Readings, hour: int | None) -> None:
        """What `Auto` follows."""
        self._readings = readings
        self._hour = hour
        self._settle(self.why)

    @property
    def effective(self) -> str:
        """The name of the mode that holds now: never `Auto`."""
        return self.mode.name

    @property
    def description(self) -> str:
        """What that means, for people."""
        if self.current != AUTO:
            return self.mode.description
        return f"{_AUTO_DESCRIPTION} Now {self.mode.name}, because: {self.why}. {self.mode.description}"

    def _settle(self, before: str) -> None:
        self.mode, self.why = effective(self.current, self._readings, self._hour, before)
