"""Whether a model is asked to think.

Rule: one that cannot is not asked to; the client is told, and answered all the same. A format whose own server refuses
such a request does so before.
"""

from __future__ import annotations

from ollamux.conversation import ReasoningOptions
from ollamux.formats.base import Served

__all__ = ("thinkable",)

_CANNOT = ("this model cannot think",)


def thinkable(
    reasoning: ReasoningOptions | None, served: Served, *, always: bool = False
) -> tuple[ReasoningOptions | None, tuple[str, ...]]:
    """What is asked of this model, and what the client is told of the rest. `always`: such clients ask it of every
    model, so that one of which nobody knows had better not be asked."""
    if reasoning is None or reasoning.enabled is False or not served.capabilities or "thinking" in served.capabilities:
        return reasoning, ()
    if not served.told and not always:
        return reasoning, ()
    return None, _CANNOT if reasoning.enabled or reasoning.effort not in (None, "none") else ()
