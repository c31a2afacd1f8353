"""What an exchange that calls a model knows while it lasts, and the limits of time that follow from it.

Rules: `model` moves this state and nobody else does; a deadline counts from the dispatch until the answer begins, from
the last byte after that, and stands still while the client does not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING

from ollamux.backends import Backend
from ollamux.contract import ClientRequest, Data, End, Head, HeaderPairs, Want, Wants, whole_of
from ollamux.conversation import Bytes, Event
from ollamux.errors import OllamuxError
from ollamux.exchange import heads
from ollamux.exchange.base import Exchange, House
from ollamux.exchange.phases import Phase
from ollamux.exchange.prospect import Prospect
from ollamux.exchange.telling import told as decision_told
from ollamux.exchange.trying import Tries
from ollamux.formats.answering import RenderContext, context_of
from ollamux.formats.asking import Incoming, Served
from ollamux.formats.base import (
    NOWHERE,
    Calling,
    Dialect,
    Neutral,
    Place,
    Serving,
    ServingRoute,
    WholeRenderer,
)
from ollamux.head_lines import pairs_of
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.plan import Plan
from ollamux.streaming.translator import Converter
from ollamux.usage import Usage

if TYPE_CHECKING:
    from ollamux.exchange.fanout import Fan
    from ollamux.exchange.images import Fetching
    from ollamux.exchange.resuming import Sent
    from ollamux.streaming._template import TemplateConverter

__all__ = ("ModelState",)

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

_TYPES: dict[str, HeaderPairs] = {}
"""The header of a media type, so that a front may keep its encoded form."""
_SO_MANY_TYPES = 64


class ModelState(Exchange):
    """See the module."""

    __slots__ = (
        "_activity",
        "_among",
        "_answer_status",
        "_arrived",
        "_attempt",
        "_backend",
        "_before",
        "_called",
        "_called_at",
        "_choosy",
        "_collected",
        "_collected_size",
        "_committed",
        "_constraints",
        "_context",
        "_converter",
        "_copier",
        "_dialect",
        "_dispatched",
        "_early",
        "_failure",
        "_fan",
        "_fetching",
        "_first",
        "_first_token",
        "_format",
        "_found",
        "_going_on",
        "_head_headers",
        "_house",
        "_incoming",
        "_keepalive_at",
        "_keeps",
        "_key",
        "_lost",
        "_made",
        "_neutral",
        "_offer",
        "_opening",
        "_others",
        "_paused_at",
        "_phase",
        "_pictures",
        "_place",
        "_plan",
        "_playing",
        "_prospect",
        "_queued_at",
        "_queued_until",
        "_relaying",
        "_renderer",
        "_request",
        "_rested_until",
        "_resumed",
        "_route",
        "_seeking",
        "_sent",
        "_served",
        "_serving",
        "_sought",
        "_spent",
        "_status",
        "_tries",
        "_upstream",
        "_usage",
        "_waited",
        "_warnings",
    )

    _attempt: int
    _dispatched: float

    def __init__(
        self, house: House, request: ClientRequest, serving: Serving, route: ServingRoute, place: Place = NOWHERE
    ) -> None:
        self.prepare(house, request, serving, route, place)

    def prepare(
        self, house: House, request: ClientRequest, serving: Serving, route: ServingRoute, place: Place
    ) -> None:
        """What a constructor does, whose call would cost as much again."""
        self.front = None
        self.extra_headers = ()
        self.caller = self.request_id = ""
        self._house = house
        self._request = request
        self._serving = serving
        self._format = serving.name
        self._route = route
        self._place = place
        self._phase = _LOOKING
        self._incoming: Incoming | None = None
        self._context: RenderContext | None = None
        self._called_at = 0.0
        self._attempt = 0
        self._before = 0
        self._called: Calling | None = None
        self._backend: Backend | None = None
        self._offer: Offer | None = None
        self._served: Served | None = None
        self._dialect: Dialect | None = None
        self._key = 0
        self._answer_status = 200
        self._failure = ""
        self._first_token = self._queued_at = -1.0
        self._spent: Usage | None = None
        self._usage: Usage | None = None
        self._waited = 0.0
        self._upstream = ""
        self._opening = b""
        self._neutral: Neutral | None = None
        self._renderer: WholeRenderer | None = None
        self._converter: Converter | None = None
        self._copier: TemplateConverter | None = None
        self._first: bytes | None = None
        self._collected: list[bytes] | None = None
        self._collected_size = 0
        self._committed = False
        self._keeps = False
        self._relaying = False
        self._status = 0
        self._head_headers: Sequence[tuple[str, str]] = ()
        self._warnings: tuple[str, ...] = ()
        self._arrived = self._dispatched = self._activity = 0.0
        self._keepalive_at = inf
        self._queued_until = self._rested_until = inf
        self._tries: Tries | None = None
        self._others: list[str] | None = None
        self._lost: OllamuxError | None = None
        self._made: bytes | OllamuxError | None = None
        self._constraints: Constraints | None = None
        self._plan: Plan | None = None
        self._prospect: Prospect | None = None
        self._choosy = False
        self._among: frozenset[str] | None = None
        self._paused_at: float | None = None
        self._playing: list[Event] | None = None
        self._fan: Fan | None = None
        self._fetching: Fetching | None = None
        self._pictures: dict[str, Bytes] | None = None
        self._going_on = False
        self._seeking = self._sought = self._found = False
        self._early: Wants = None
        self._sent: Sent | None = None
        self._resumed = False

    def narrow(self, among: frozenset[str]) -> None:
        """These backends alone may answer."""
        self._among = among

    @property
    def wanted(self) -> Sequence[str]:
        """The backends on which a place would do, for the queue."""
        return self._tries.wanted if self._tries is not None else ()

    def _stream_type(self) -> str:
        assert self._incoming is not None
        return self._serving.stream_type(self._incoming)

    def _told(self) -> RenderContext:
        """What those are told who write the answer."""
        if self._context is None:
            assert self._incoming is not None
            self._context = context_of(self._incoming.model, self._house.clock, self._arrived, self._called_at)
        return self._context

    def _goes_out(self, now: float) -> None:
        """The answer that is written from now on is that of a call which goes out now."""
        self._called_at = self._dispatched = self._activity = now
        if self._context is not None:
            self._context.dispatched = now

    def _make_renderer(self) -> WholeRenderer:
        if self._renderer is None:
            assert self._incoming is not None
            self._renderer = self._serving.renderer(self._incoming, self._told())
        return self._renderer

    def _lines(self) -> bytes:
        """The lines by which the client is told who answers, and why; none where no plan was made: then the backend's
        own headers tell it."""
        backend, plan, offer = self._backend, self._plan, self._offer
        assert backend is not None
        if plan is None or offer is None or not backend.decision:
            return b""
        return decision_told(plan, offer, backend.decision)

    def _decision(self) -> HeaderPairs:
        """The same as headers, the backend's own among them."""
        assert self._backend is not None
        return pairs_of(self._lines()) or self._backend.decision

    def _typed(self, kind: str, told: bool) -> HeaderPairs:
        """The header of a whole answer's media type, and the backend's own unless they are `told` in lines."""
        if not told:
            assert self._backend is not None
            return self._backend.typed(kind)
        found = _TYPES.get(kind)
        if found is None:
            found = (("Content-Type", kind),)
            if len(_TYPES) < _SO_MANY_TYPES:
                _TYPES[kind] = found
        return found

    def _stream_head(self) -> Head:
        assert self._backend is not None
        lines = self._lines()
        told = heads.passed_on(self._head_headers, self._relaying)
        if not lines:
            told = self._backend.decision + told
        if self._warnings:
            told += heads.warned(self._warnings)
        if told or self._house.feed.detailed:
            told = self._named(told)
        return heads.stream_head(self._stream_type(), told, lines)

    def _named(self, told: HeaderPairs, always: bool = False) -> HeaderPairs:
        """The headers of an answer with the name of the request: the client's own, which is told already, else the
        backend's; else one of ours, where somebody listens who will see it there, or `always`."""
        theirs = heads.header(told, "x-request-id")
        if self.request_id:
            return tuple([pair for pair in told if pair[0].lower() != "x-request-id"]) if theirs else told
        if theirs:
            self.request_id = theirs[: heads.LONGEST_ID]
        elif always or self._house.feed.detailed:
            self.request_id = self._house.feed.next_id()
            return (*told, (heads.REQUEST_ID, self.request_id))
        return told

    def _deadline(self) -> float:
        """When the attempt has taken too long."""
        backend, incoming = self._backend, self._incoming
        assert backend is not None and incoming is not None
        if self._status == 0 or (self._phase is _CALLING and self._converter is None and self._first is None):
            limit = self._dispatched + backend.first_byte if backend.first_byte else inf
        else:
            limit = self._activity + backend.idle if backend.idle else inf
        if backend.timeout and not incoming.stream:
            limit = min(limit, self._dispatched + backend.timeout)
        return min(limit, self._dispatched + backend.total) if backend.total else limit

    def _next_wake(self, now: float) -> float:
        phase = self._phase
        if phase is _QUEUED or phase is _RESTING:
            until = self._queued_until if phase is _QUEUED else self._rested_until
            if self._prospect is not None:
                until = min(until, self._prospect.alarm)
            return until if self._paused_at is not None else min(until, self._keepalive_at)
        if phase is _FETCHING:
            assert self._fetching is not None
            return min(self._fetching.deadline, self._keepalive_at)
        if self._paused_at is not None:  # every clock stands still but that of a wait
            return inf
        backend = self._backend
        assert backend is not None
        # What comes in puts the deadline off and asks for no other wake, so look again before it could have passed.
        soonest = now + backend.idle if backend.idle else inf
        return min(self._deadline(), soonest, self._keepalive_at)

    def _answer(self, status: int, headers: HeaderPairs, body: bytes, lines: bytes = b"") -> tuple[Want, ...]:
        """A whole answer, or, where a keepalive has committed the status, what is left to say."""
        if self._committed:
            return (Data(body), End())
        return (whole_of(status, headers, body, lines, False),)
