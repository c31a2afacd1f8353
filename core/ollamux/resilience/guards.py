"""Everything that stands between requests and backends that fail: circuits, the retry budget, quotas, and what is
configured about trying again. One for a gateway.

Strategy: what depends on the configuration is looked up by a backend's id; a gateway in which no backend has a quota
says so in one flag, and asks for none.

Rules: chance is drawn from a seed and a count, so that a run can be played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ollamux.resilience.backoff import draw
from ollamux.resilience.breaker import BreakerSettings, Change
from ollamux.resilience.budget import RetryBudget
from ollamux.resilience.circuits import Circuits
from ollamux.resilience.fallback import Policy
from ollamux.resilience.quota import Quota

if TYPE_CHECKING:
    from ollamux.resilience.hedge import Hedging

__all__ = ("Guards",)


class Guards:
    """See the module. `policies` are those of backends that differ from `policy`; `quotas` those of backends that have
    one, `limited` whether any has; `hedging` is None where it is off. `budget` is a share of the requests;
    `parts` is of how many gateways that share one budget this is one. `told` hears
    of each circuit that changes its state."""

    __slots__ = ("_drawn", "_seed", "budget", "circuits", "hedging", "limited", "policies", "policy", "quotas", "told")

    def __init__(
        self,
        policy: Policy,
        breaker: BreakerSettings,
        *,
        budget: float = 0.2,
        policies: Mapping[str, Policy] | None = None,
        quotas: Mapping[str, Quota] | None = None,
        hedging: Hedging | None = None,
        seed: int = 0,
        parts: int = 1,
    ) -> None:
        self.policy = policy
        self.policies = dict(policies or {})
        self.circuits = Circuits(breaker)
        self.budget = RetryBudget(budget, parts=parts)
        self.quotas = dict(quotas or {})
        self.limited = bool(self.quotas)
        self.hedging = hedging
        self.told: Callable[[Change], None] | None = None
        self._seed = seed
        self._drawn = 0

    def policy_of(self, backend: str) -> Policy:
        """What to do after this backend failed."""
        return self.policies.get(backend, self.policy)

    def tell(self, changes: tuple[Change, ...]) -> None:
        """Circuits changed their states."""
        if self.told is not None:
            for change in changes:
                self.told(change)

    def chance(self) -> float:
        """The next number in [0, 1)."""
        self._drawn += 1
        return draw(self._seed, self._drawn)
