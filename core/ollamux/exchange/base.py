"""What every exchange is: the reports it takes, and the house it lives in.

Rules: a report that comes too late, of an attempt that is over or after the end, is ignored; an exchange ends exactly
once, and gives back what it took when it does; `front` belongs to the I/O layer, which keeps there what writes to the
client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from ollamux.accounting.ledger import Ledger
from ollamux.backends import Backend
from ollamux.clock import Clock
from ollamux.contract import FailureKind, HeaderPairs, Want, Wants, whole_of
from ollamux.formats.asking import Incoming
from ollamux.news import Feed
from ollamux.resilience.admission import Admission
from ollamux.resilience.guards import Guards
from ollamux.routing.catalog import Catalog, Offer
from ollamux.routing.plan import Planner

if TYPE_CHECKING:
    from ollamux.config import PicturesConfig

__all__ = ("FRESH", "JSON_UTF8", "PATIENCE", "ROOM", "Chooser", "Exchange", "House", "Settled", "answer")

FRESH = 1.0
"""Seconds for which what the backends told is taken as true now."""

PATIENCE = 1.0
"""Seconds to wait for those that are asked again."""

ROOM = 10.0
"""Seconds to wait until there is room for a model."""

JSON_UTF8: HeaderPairs = (("Content-Type", "application/json; charset=utf-8"),)


class Chooser(Protocol):
    """Who chooses a model where a request leaves that open."""

    def find(self, incoming: Incoming, headers: Mapping[str, str], *, truncates: bool) -> tuple[Offer, ...]:
        """The offers for a request, the best first; none where its name asks for no choice. `truncates`: its format's
        own server cuts what is too long. Raises what is wrong with the request."""
        ...


class House(Protocol):
    """What a gateway offers its exchanges."""

    catalog: Catalog
    admission: Admission
    clock: Clock
    guards: Guards
    planner: Planner
    balances: bool
    ledger: Ledger
    feed: Feed
    queue_timeout: float
    answer_limit: int
    pictures: PicturesConfig
    fail_over: bool
    resumes: bool
    keep_alive: float | None

    @property
    def automatic(self) -> Chooser:
        """Who chooses a model."""
        ...

    def backend(self, id_: str) -> Backend:
        """A backend by its id."""
        ...

    def backends(self) -> Sequence[Backend]:
        """All backends, as configured."""
        ...

    def notice(self, backend: Backend, now: float) -> None:
        """Looks at how a backend is, after a failure, and tells it where it changed."""
        ...

    def fallbacks(self, model: str) -> tuple[str, ...]:
        """The models that follow where nobody who serves this one is left, as it is configured."""
        ...

    def managers(self) -> Sequence[Backend]:
        """The backends that manage models, the first choice first."""
        ...

    def refresh(self, exchange: Exchange, now: float, *, older_than: float) -> bool:
        """Asks the backends anew what they have; True where the exchange will be told to proceed when they answered."""
        ...

    def make_room(self, exchange: Exchange, backend: Backend, model: str, now: float) -> bool:
        """Whether other models have to go before this one, which is not in the backend's memory, is asked for there:
        the exchange will be told to proceed when they have."""
        ...

    def forget(self, exchange: Exchange) -> None:
        """It waits no longer for a refresh."""
        ...


class Exchange:
    """The reports, each with nothing to do. `extra_headers` go out with the answer's head, whatever else is in it;
    `caller` is the name of the key that the client showed, empty for none; `request_id` names the request, empty while
    nobody asked for its name."""

    __slots__ = ("caller", "extra_headers", "front", "request_id")

    front: object
    extra_headers: HeaderPairs
    caller: str
    request_id: str

    def __init__(self) -> None:
        self.front = None
        self.extra_headers = ()
        self.caller = ""
        self.request_id = ""

    def take_in(self, now: float) -> None:
        """Reads the request, which `start` does where nobody has asked for it before: so that those of many come one
        after the other."""

    def take_place(self, now: float) -> None:
        """Looks for who is to be called and takes a place there, which `start` does where nobody has asked for it
        before; `start` is then to follow at once."""

    def start(self, now: float) -> Wants:
        """The first thing to do."""
        return None

    def proceed(self, now: float) -> Wants:
        """What the exchange waited for inside the gateway has come."""
        return None

    def body_data(self, data: bytes, now: float) -> Wants:
        """More of the client's body."""
        return None

    def body_end(self, now: float) -> Wants:
        """The client's body is complete."""
        return None

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        """A backend began to answer."""
        return None

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        """More of a backend's answer."""
        return None

    def attempt_end(self, attempt: int, now: float) -> Wants:
        """A backend's answer is complete."""
        return None

    def take_answer(self, attempt: int, now: float) -> None:
        """Makes what goes out of a whole answer that is all there, which `attempt_end` does where nobody has asked for
        it before: so that those of many come one after the other."""

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        """An attempt failed on the way; `sent` tells whether any of the request had been sent."""
        return None

    def upload_drained(self, attempt: int, now: float) -> Wants:
        """A backend takes more of an upload."""
        return None

    def upload_blocked(self, attempt: int, now: float) -> Wants:
        """A backend takes no more of an upload for now."""
        return None

    def client_paused(self, now: float) -> Wants:
        """The client reads too slowly."""
        return None

    def client_resumed(self, now: float) -> Wants:
        """The client reads again."""
        return None

    def client_gone(self, now: float) -> Wants:
        """The client went away."""
        return None

    def woken(self, now: float) -> Wants:
        """The time that was asked for has come."""
        return None


class Settled(Exchange):
    """An exchange whose answer is known when it opens."""

    __slots__ = ("_wants",)

    def __init__(self, status: int, headers: HeaderPairs, body: bytes, *, close: bool = False) -> None:
        super().__init__()
        self._wants = answer(status, headers, body, close)

    def start(self, now: float) -> Wants:
        return self._wants


def answer(status: int, headers: HeaderPairs, body: bytes, close: bool = False) -> tuple[Want, ...]:
    """A whole answer, to be written at once."""
    return (whole_of(status, headers, body, b"", close),)
