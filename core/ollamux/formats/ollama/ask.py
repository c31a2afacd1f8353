"""What a plain chat says beside what every request says: its messages and its options, as they came.

Rule: whoever reads a body quickly writes it here, so that nothing is made that lives for one call.
"""

from __future__ import annotations

from ollamux.formats.asking import Incoming

__all__ = ("Ask",)


class Ask(Incoming):
    """See the module: both are JSON; `wishes` are None where it has no options."""

    __slots__ = ("said", "wishes")

    said: bytes
    wishes: bytes | None
