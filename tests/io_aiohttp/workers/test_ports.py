"""One port for several processes."""

from __future__ import annotations

import errno
import socket
import sys

import pytest

from ollamux_aiohttp.workers.ports import Port


def test_each_worker_listens_with_a_socket_of_its_own_on_the_same_port() -> None:
    port = Port("127.0.0.1", 0, 16)
    (one,), (other,) = port.sockets(), port.sockets()
    assert one.getsockname() == other.getsockname() == ("127.0.0.1", port.number)
    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if sys.platform == "linux":
        reached: set[str] = set()
        found: list[socket.socket] = []
        while len(reached) < 2:
            found.append(socket.create_connection(("127.0.0.1", port.number), timeout=5))
            for name, sock in (("one", one), ("other", other)):
                try:
                    found.append(sock.accept()[0])
                    reached.add(name)
                except BlockingIOError:
                    pass
        for sock in found:
            sock.close()
    one.close()
    other.close()


@pytest.mark.parametrize("shares", [False, True])
def test_a_port_on_which_anything_listens_is_taken_even_by_one_that_would_share_it(shares: bool) -> None:
    with socket.socket() as other:
        if shares:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError) as caught:
            Port("127.0.0.1", other.getsockname()[1], 16)
        assert caught.value.errno == errno.EADDRINUSE


def test_an_address_that_is_not_ours_cannot_be_used() -> None:
    with pytest.raises(OSError):
        Port("192.0.2.1", 0, 16)
