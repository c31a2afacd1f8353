"""One client request from its first to its last byte, as a machine that is told what happens and says what to do."""

from __future__ import annotations

from ollamux.exchange.base import Exchange, House, Settled
from ollamux.exchange.model import ModelExchange

__all__ = (
    "Exchange",
    "House",
    "ModelExchange",
    "Settled",
)
