"""What every request meets on its way through a gateway: the machines that its exchange asks, by their types.

Strategy: `Premises` fills it in and adds everything else that a gateway has; an exchange that calls a model knows its
house by this type, so that what it reads there for every request is read without a look-up.

Rule: only what a request reads stands here.
"""

from __future__ import annotations

from ollamux.accounting.ledger import Ledger
from ollamux.backends import Backend
from ollamux.clock import Clock
from ollamux.news import Feed
from ollamux.resilience.admission import Admission
from ollamux.resilience.guards import Guards
from ollamux.routing.catalog import Catalog
from ollamux.routing.plan import Planner

__all__ = ("Machines",)


class Machines:
    """See the module. `answer_limit` is in bytes, `queue_timeout` in seconds; `keep_alive` in seconds, None where the
    backends decide."""

    admission: Admission
    answer_limit: int
    balances: bool
    catalog: Catalog
    clock: Clock
    fail_over: bool
    feed: Feed
    guards: Guards
    keep_alive: float | None
    ledger: Ledger
    planner: Planner
    queue_timeout: float
    resumes: bool
    _backends: dict[str, Backend]

    def backend(self, id_: str) -> Backend:
        """A backend by its id. KeyError where there is none."""
        return self._backends[id_]
