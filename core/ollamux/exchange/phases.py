"""Where a request that calls a model stands."""

from __future__ import annotations

from enum import Enum

__all__ = ("Phase",)


class Phase(Enum):
    """The phases, in their order; a failure before the first content leads back to QUEUED, RESTING or CALLING."""

    LOOKING = "the model is not known yet; the backends are asked what they have"
    QUEUED = "every backend that serves it is full"
    RESTING = "the next attempt is to begin later"
    CALLING = "an attempt is under way, its answer has not begun"
    ANSWERING = "content goes to the client; there is no way back"
    PLAYING = "a backend without a wire behind it plays its answer out in pieces"
    OVER = "ended, by whatever end"
