"""One client request from its first to its last byte, as a machine that is told what happens and says what to do."""

from __future__ import annotations

from ollamux.exchange.base import Exchange, House, Settled
from ollamux.exchange.forward import Forward, ForwardExchange
from ollamux.exchange.hedged import HedgedExchange
from ollamux.exchange.model import ModelExchange
from ollamux.exchange.survey import SurveyExchange

__all__ = (
    "Exchange",
    "Forward",
    "ForwardExchange",
    "HedgedExchange",
    "House",
    "ModelExchange",
    "Settled",
    "SurveyExchange",
)
