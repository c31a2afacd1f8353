"""Several gateways that serve as one: what each gets of the limits, and what they tell one another.

::

    part = Part(number=0, of=2)
    gateway = Gateway(config, part=part)                 # its limits are its share
    gateway.circle.post = lambda frame: ...              # how a frame leaves, framed with its addressee
    gateway.circle.join(now)                             # and afterwards `hear(payload, now)` for each that arrives

`dividing` says who gets what, `messages` what is said and how it is framed, `books` makes figures of several gateways
one, `circle` is one gateway's place among the others, `consulting` a request that asks them first. Whoever starts the
processes carries frames between them and says who is gone.
"""

from __future__ import annotations

from ollamux.workers.circle import Circle
from ollamux.workers.dividing import ALONE, Part, divided
from ollamux.workers.messages import EVERYONE, Frame, Frames, frame_of, left

__all__ = ("ALONE", "EVERYONE", "Circle", "Frame", "Frames", "Part", "divided", "frame_of", "left")
