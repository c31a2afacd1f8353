"""The sockets that several workers listen on: one port, and where the system spreads connections, a socket for each.

Strategy: whoever supervises binds, so that a port that is taken is told before anything starts, and holds every socket
as long as its worker may come back: connections that wait there outlive a worker that ends without a word.

Rules: a port on which anything listens is taken, even by one that would share it; where the system does not spread
connections over sockets of one port, all workers share one.
"""

from __future__ import annotations

import socket
import sys

__all__ = ("Port",)

_SPREADS = sys.platform == "linux"


class Port:
    """One port at all addresses of a host. OSError where it cannot be had."""

    def __init__(self, host: str, port: int, backlog: int) -> None:
        self._backlog = backlog
        self._shared: list[socket.socket] | None = None
        self._places: list[tuple[socket.AddressFamily, tuple[str | int, ...]]] = []
        for family, _, _, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            place: tuple[str | int, ...] = (address[0], port, *address[2:])
            with _bound(family, place, shares=False) as probe:  # a port that others share is taken, too
                port = probe.getsockname()[1]
            self._places.append((family, (address[0], port, *address[2:])))
        self.host: str = str(self._places[0][1][0])
        self.number = port
        first = self._bind()
        if not _SPREADS:
            self._shared = first
        self._spare: list[socket.socket] | None = first

    def sockets(self) -> list[socket.socket]:
        """Sockets for one more worker, which listen."""
        if self._shared is not None:
            return [sock.dup() for sock in self._shared]
        spare, self._spare = self._spare, None
        return spare if spare is not None else self._bind()

    def _bind(self) -> list[socket.socket]:
        found: list[socket.socket] = []
        try:
            for family, address in self._places:
                sock = _bound(family, address, shares=_SPREADS)
                found.append(sock)
                sock.listen(self._backlog)
        except OSError:
            for sock in found:
                sock.close()
            raise
        return found


def _bound(family: socket.AddressFamily, address: tuple[str | int, ...], *, shares: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shares:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
