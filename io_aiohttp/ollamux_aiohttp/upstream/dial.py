"""Opens connections: resolves the name, tries its addresses in turn, says in our words what went wrong.

Strategy: one attempt for each address, each with its share of what is left of the time, so that one address that
swallows packets does not spend the time of the next. The addresses tried are those that were checked: with
`public_only` a name cannot resolve to a public address for the check and to a private one for the connection.

Rule: what had connected when its time was up is connected. A server with too much to do hears of that late, and must
not take its own lateness for the backend's: so a limit ends nothing before the loop has seen all that had come by then.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Final, TypeVar, cast

from ollamux.contract import FailureKind
from ollamux_aiohttp.deadlines import LOOK

from .request import Address

__all__ = ("DialError", "classify", "dial", "is_public", "resolve")

P = TypeVar("P")

_KINDS: Final[dict[int, FailureKind]] = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.ECONNABORTED: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTUNREACH: "unreachable",
    errno.EADDRNOTAVAIL: "unreachable",
    errno.EACCES: "unreachable",
    errno.EPERM: "unreachable",
}
_TURNS: Final = 5
"""From the event that a connection stands to the task that waits for it."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class DialError(Exception):
    """No connection. `kind` and `detail` are as `Listener.attempt_failed` takes them."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind: FailureKind = kind
        self.detail = detail


def classify(error: BaseException | None) -> tuple[FailureKind, str]:
    """Kind and short text for what ended a connection; None is an end without an error."""
    if error is None or isinstance(error, EOFError):
        return "closed", "the backend closed the connection"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "tls", f"the backend's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        reason: str = getattr(error, "reason", None) or "unknown"
        return "tls", f"TLS failed: {reason.lower().replace('_', ' ')}"
    if isinstance(error, socket.gaierror):
        return "dns", "the backend's name does not resolve"
    if isinstance(error, TimeoutError):
        return "timeout", "the connection timed out"
    if isinstance(error, OSError):
        kind = _KINDS.get(error.errno or 0)
        if kind is None:
            kind = "reset" if isinstance(error, ConnectionError) else "unreachable"
        return kind, f"the connection failed: {errno.errorcode.get(error.errno or 0, kind)}"
    return "protocol", f"the connection failed: {type(error).__name__}"


def is_public(host: str) -> bool:
    """Whether a literal address is one of the open internet, seen through what embeds an IPv4 address in IPv6."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped
        if embedded is None and address in _NAT64:
            embedded = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if embedded is not None:
            address = embedded
        elif address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(host: str, port: int, public_only: bool) -> list[str]:
    """The addresses of a host, in the resolver's order. DialError where there is none that may be used."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
        addresses = [host]
    except ValueError:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise DialError("dns", "the backend's name does not resolve") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses:
        raise DialError("dns", "the backend's name does not resolve")
    if public_only and not all(map(is_public, addresses)):
        raise DialError("configuration", "the address is not a public one")
    return addresses


class _Limit:
    """Ends what the current task waits for, with TimeoutError, a few turns of the loop after `until`; as
    `asyncio.timeout_at`, which would do so before the loop looks at what has come."""

    __slots__ = ("_asked", "_ended", "_loop", "_task", "_timer", "_turns", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self._loop = loop
        self._until = until
        self._turns = _TURNS
        self._ended = False

    def __enter__(self) -> None:
        task = asyncio.current_task(self._loop)
        assert task is not None
        self._task = task
        self._asked = task.cancelling()
        self._timer = self._loop.call_at(self._until, self._up)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._ended and self._task.uncancel() <= self._asked and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _up(self) -> None:
        if self._turns:
            self._turns -= 1
            self._timer = self._loop.call_later(LOOK, self._up)
        else:
            self._ended = True
            self._task.cancel()


async def dial(
    factory: Callable[[], P],
    address: Address,
    *,
    timeout: float,
    public_only: bool = False,
    context: ssl.SSLContext | None = None,
) -> P:
    """A connected protocol, its TLS handshake done where `context` is given, within `timeout` seconds. DialError."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    server_hostname = address.host.partition("%")[0] if context is not None else None
    try:
        with _Limit(loop, deadline):
            hosts = await resolve(address.host, address.port, public_only)
    except TimeoutError as error:
        raise DialError(*classify(error)) from None
    made = cast("Callable[[], asyncio.Protocol]", factory)  # by its methods, not by its bases: it is compiled
    failures: list[tuple[FailureKind, str]] = []
    for left, host in zip(range(len(hosts), 0, -1), hosts, strict=True):
        now = loop.time()
        try:
            with _Limit(loop, now + (deadline - now) / left):
                _, protocol = await loop.create_connection(
                    made, host, address.port, ssl=context, server_hostname=server_hostname
                )
            return cast(P, protocol)
        except (OSError, ssl.CertificateError) as error:  # TimeoutError is an OSError
            failures.append(classify(error))
    for kind, detail in failures:  # an address that says no tells more than one that says nothing
        if kind not in ("timeout", "unreachable"):
            raise DialError(kind, detail)
    raise DialError(*failures[-1])
