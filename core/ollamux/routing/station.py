"""What is known of one backend as a whole: its places, watts and heat, and whether it may be called.

Strategy: whoever learns something tells it here, and what follows from it (`queue_ms`, `burden`, `tier`) is worked out
at that moment, so that a decision only reads.

What waiting there costs (`queue_ms`, milliseconds): while a place is free, `CROWD` times the share of places that are
taken. With none free it is the work of those in front, `(running - slots + 1 + queued) * busy_ms / slots`. Where nobody
knows how many places there are it is `CROWD` for each that runs on a machine of ours, a tenth of it in a cloud.

What is held against it (`burden`, points): its heat, as the hardware part hands it in, and `DEGRADED_COSTS` where it is
degraded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ollamux.head_lines import value_of

if TYPE_CHECKING:
    from ollamux.routing.standing import Standing

__all__ = ("DEGRADED", "DEGRADED_COSTS", "OUT", "READY", "Station")

READY = 0
DEGRADED = 1
"""It answers, but has failed lately, or is only just coming back."""
OUT = 2
"""Its breaker is open, or it cannot be reached: the last resort."""

DEGRADED_COSTS = 500.0
CROWD = 50.0
_DEGRADED, _OUT, _DEGRADED_COSTS, _CROWD = DEGRADED, OUT, DEGRADED_COSTS, CROWD
_BUSY_MS = 5500.0
"""How long a request is taken to last where none has ended yet."""


class Station:
    """One backend. `slots` 0 is no known limit; `weight` is its share in a rotation; `watts` what it draws while it
    answers; `heat` a penalty in points; `excluded_by` names what rules it out now (`thermal`, `efficiency`, ...), until
    `excluded_until` where that is known (0: it is not). `running` are the requests that plans have sent there,
    `admitted` all that were let in there when that was last read; `taken` is the larger of the two. `tier` is 2 where
    it is ready, 1 where it is full, 0 where it is out, which is the order in which they are asked. `trouble` says for
    people why it cannot be called. `label` is its id as it stands in a line of a head, `behind` the
    same after another one, `source` is the backend itself, for whoever brings this up to date."""

    __slots__ = (
        "admitted",
        "behind",
        "blocked",
        "burden",
        "busy_ms",
        "callable",
        "condition",
        "excluded_by",
        "excluded_until",
        "full",
        "guess_first_ms",
        "guess_token_ms",
        "heat",
        "id",
        "label",
        "local",
        "number",
        "provider",
        "provider_number",
        "queue_ms",
        "queued",
        "region",
        "region_number",
        "running",
        "slots",
        "source",
        "standings",
        "taken",
        "tier",
        "trouble",
        "watts",
        "weight",
    )

    def __init__(
        self,
        id_: str,
        provider: str,
        *,
        number: int = 0,
        provider_number: int = 0,
        region: str = "",
        region_number: int = -1,
        local: bool = True,
        weight: float = 1.0,
        watts: float = 0.0,
        slots: int = 0,
        first_ms: float = 0.0,
        token_ms: float = 0.0,
    ) -> None:
        self.id = id_
        self.label = value_of(id_)
        self.behind = b", " + self.label
        self.provider = provider
        self.number = number
        self.provider_number = provider_number
        self.region = region
        self.region_number = region_number
        self.local = local
        self.weight = weight
        self.watts = watts
        self.slots = slots
        self.guess_first_ms = first_ms
        self.guess_token_ms = token_ms
        self.heat = 0.0
        self.excluded_by = ""
        self.excluded_until = 0.0
        self.callable = True
        self.trouble = ""
        self.blocked = False
        self.condition = READY
        self.running = 0
        self.admitted = self.taken = 0
        self.queued = 0
        self.burden = 0.0
        self.tier = 2
        self.busy_ms = 0.0
        self.queue_ms = 0.0
        self.full = False
        self.standings: list[Standing] = []
        self.source: Any = None

    def reading(
        self,
        *,
        slots: int | None = None,
        queued: int | None = None,
        admitted: int | None = None,
        watts: float | None = None,
        heat: float | None = None,
        condition: int | None = None,
    ) -> None:
        """Something was learned of it; None is nothing new. `heat` in points, `slots` 0 for no known limit."""
        if slots is not None:
            self.slots = slots
        if queued is not None:
            self.queued = queued
        if admitted is not None:
            self.admitted = admitted
        if watts is not None and watts != self.watts:
            self.watts = watts
            for standing in self.standings:
                standing.weigh()
        if heat is not None:
            self.heat = heat
        if condition is not None:
            self.condition = condition
        self.crowd()

    def admits(self, admitted: int) -> None:
        """So many are let in there now."""
        self.admitted = admitted
        if self.taken != (admitted if admitted > self.running else self.running):
            self.crowd()

    def exclude(self, by: str, until: float = 0.0) -> None:
        """It is ruled out for now by what is named, until a moment if that is known; an empty name lets it in again."""
        self.excluded_by = by
        self.excluded_until = until if by else 0.0
        self.blocked = bool(by) or not self.callable

    def allow(self, callable_: bool, trouble: str = "") -> None:
        """Whether it may be called at all, and why not."""
        self.callable = callable_
        self.trouble = "" if callable_ else trouble
        self.blocked = bool(self.excluded_by) or not callable_

    def crowd(self) -> None:
        """Works out what waiting here costs, and what is held against it."""
        self.burden = self.heat + _DEGRADED_COSTS if self.condition == _DEGRADED else self.heat
        running = self.taken = self.admitted if self.admitted > self.running else self.running
        if self.slots:
            self.full = running >= self.slots
            if self.full:
                busy = self.busy_ms if self.busy_ms > 0 else _BUSY_MS
                self.queue_ms = (running - self.slots + 1 + self.queued) * busy / self.slots
            else:
                self.queue_ms = _CROWD * running / self.slots
        else:
            self.full = False
            self.queue_ms = (running + self.queued) * (_CROWD if self.local else _CROWD / 10)
        if self.condition == _OUT:
            self.tier = 0
        else:
            self.tier = 1 if self.full else 2
