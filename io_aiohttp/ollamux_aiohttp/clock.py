"""What time it is, in monotonic seconds, for all that asks on every request.

Rule: the compiled reader and Python's own read the same clock, so that their times may be compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from time import monotonic
else:
    try:
        from ollamux_aiohttp._clock import monotonic
    except ImportError:
        from time import monotonic

__all__ = ("monotonic",)
