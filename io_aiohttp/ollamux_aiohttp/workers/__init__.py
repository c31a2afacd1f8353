"""Several processes that serve one port: `supervisor` starts and watches them and carries their messages, `link` is a
worker's end of that, `ports` the sockets that they listen on. What they say to one another is `ollamux.workers`."""

from __future__ import annotations

__all__ = ()
