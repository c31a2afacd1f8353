"""Several gateways that serve as one: what each gets of the limits, and what they tell one another.

::

    part = Part(number=0, of=2)
    gateway = Gateway(config, part=part)                 # its limits are its share
    gateway.circle.post = lambda frame: ...              # how a frame leaves, framed with its addressee
    gateway.circle.join()                                # and afterwards `hear(payload, now)` for each that arrives

`dividing` says who gets what, `messages` what is said and how it is framed, `books` makes figures of several gateways
one, `circle` is one gateway's place among the others, `consulting` a request that asks them first. Whoever starts the
processes carries frames between them and says who is gone. A gateway that serves alone loads `dividing` only.
"""

from __future__ import annotations

__all__ = ()
