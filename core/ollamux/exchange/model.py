"""A request that calls a model: from the client's body to the last byte of the answer, over as many attempts as needed.

Strategy: candidates are ordered once (healthy before unhealthy, then as the catalog ranks them); an attempt that fails
before the first content byte has gone out is followed by one on the next candidate, and the client sees the answer of
the last one alone. A keepalive commits the status and nothing else. What has gone out is never followed by a made-up
end: a stream that broke is told as broken, in the client's own format.

Rules: one attempt at a time, one place held at a time; the hot case, a chunk of a stream that is under way, is one call
of the converter and returns bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ollamux.accounting.estimate import estimate
from ollamux.accounting.kinds import kind_of
from ollamux.accounting.ledger import GONE
from ollamux.backends import Backend
from ollamux.contract import (
    Cancel,
    Data,
    End,
    FailureKind,
    HeaderPairs,
    Read,
    WakeAt,
    Want,
    Wants,
)
from ollamux.conversation import Answer, EmbedRequest, Usage
from ollamux.errors import BackendTimeout, BackendUnavailable, OllamuxError
from ollamux.exchange import failures, heads
from ollamux.exchange.base import FRESH, PATIENCE
from ollamux.exchange.gathering import gathered
from ollamux.exchange.phases import Phase
from ollamux.exchange.state import ModelState
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming
from ollamux.formats.base import (
    Calling,
    Neutral,
    Served,
)
from ollamux.formats.telling import usage_told
from ollamux.news import Decision
from ollamux.routing.catalog import Offer
from ollamux.streaming.convert import converter_for
from ollamux.streaming.translator import Converter, Translator

__all__ = ("KEEPALIVE", "ModelExchange")

_LOOKING, _QUEUED, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

KEEPALIVE = 15.0
"""Seconds of silence towards a streaming client before something is said to keep it waiting."""

_PLAY_EVERY = 0.02
_ANSWERED_HERE = ("load", "unload", "count")
_ANOTHER_MAY = (401, 403, 404, 501)
"""Statuses that speak of this backend alone, whatever `retry.on` names."""


class ModelExchange(ModelState):
    """See the module."""

    __slots__ = ()

    # What the front and the house report ------------------------------------------------------------------------------

    def start(self, now: float) -> Wants:
        self._arrived = self._activity = now
        request = self._request
        try:
            incoming = self._serving.read(self._route, request.body or b"", request.headers, self._place)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        self._incoming = incoming
        self._context = RenderContext(incoming.model, self._house.clock, now)
        if incoming.stream:
            self._keepalive_at = now + KEEPALIVE
        return self._look_up(now, False)

    def proceed(self, now: float) -> Wants:
        if self._phase is _LOOKING:
            return self._look_up(now, True)
        if self._phase is _QUEUED:
            return self._dispatch(now)
        return None

    @property
    def wanted(self) -> Sequence[str]:
        """The backends on which a place would do, for the queue."""
        return [backend.id for _, backend in self._candidates]

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        if attempt != self._attempt or self._phase is not _CALLING:
            return None
        assert self._backend is not None
        self._activity = now
        self._status = status
        self._head_headers = headers
        if status < 500:
            self._backend.health.good()
        if self._backend.watched:
            self._backend.answered(self._key, status, headers, now)
        if status == 200 and self._incoming is not None and self._incoming.stream and self._streams(headers):
            self._converter = self._make_converter()
            self._collected = None
        else:
            self._converter = None
            self._collected = []
            self._collected_size = 0
        return None

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        if attempt != self._attempt:
            return None
        self._activity = now
        converter = self._converter
        if converter is None:
            return self._collect(data, now)
        try:
            out = converter.feed(data, now)
        except (OllamuxError, RecursionError) as error:
            return self._break_off(failures.of_answer(error), now)
        if converter.fault is not None:
            return self._break_off(failures.reported(converter.fault), now, out)
        if not out:
            return None
        if self._phase is _ANSWERING:
            return out
        return self._begin(out)

    def attempt_end(self, attempt: int, now: float) -> Wants:
        if attempt != self._attempt or self._phase not in (_CALLING, _ANSWERING):
            return None
        converter = self._converter
        if converter is None:
            return self._whole(b"".join(self._collected or ()), now)
        try:
            out = converter.close(now)
        except (OllamuxError, RecursionError) as error:
            return self._break_off(failures.of_answer(error), now)
        if converter.fault is not None:
            return self._break_off(failures.reported(converter.fault), now, out)
        if not converter.complete:
            return self._break_off(failures.stream_broken(), now, out)
        if self._phase is _CALLING and not out:
            return self._next(BackendUnavailable("the backend sent an empty answer"), now)
        first = self._begin(out) if self._phase is _CALLING else ((Data(out),) if out else ())
        self._over(now)
        return (*first, End())

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        if attempt != self._attempt or self._phase not in (_CALLING, _ANSWERING):
            return None
        assert self._backend is not None
        if self._converter is not None and self._converter.complete:
            return self.attempt_end(attempt, now)  # its last word was said; how the connection ended is no matter
        if kind != "configuration":
            self._backend.health.bad(detail or kind)
        if self._phase is _ANSWERING:
            return self._break_off(failures.stream_broken(), now)
        return self._next(failures.failure_of(self._backend.id, kind, detail), now)

    def client_paused(self, now: float) -> Wants:
        self._paused_at = now
        return (Read(self._attempt, False),) if self._phase in (_CALLING, _ANSWERING) else None

    def client_resumed(self, now: float) -> Wants:
        if self._paused_at is None:
            return None
        self._dispatched += now - self._paused_at
        self._activity = now
        self._paused_at = None
        if self._phase is _PLAYING:
            return (WakeAt(now),)
        if self._phase in (_CALLING, _ANSWERING):
            return (Read(self._attempt, True), WakeAt(self._next_wake(now)))
        return (WakeAt(self._next_wake(now)),) if self._phase is _QUEUED else None

    def client_gone(self, now: float) -> Wants:
        if self._phase is _OVER:
            return None
        attempt = self._attempt if self._phase in (_CALLING, _ANSWERING) else 0
        self._over(now, GONE)
        return (Cancel(attempt),) if attempt else None

    def woken(self, now: float) -> Wants:
        phase = self._phase
        if phase is _OVER:
            return None
        if phase is _PLAYING:
            return self._play(now)
        if phase is _LOOKING:
            self._house.forget(self)
            return self._look_up(now, True)
        if phase is _QUEUED and now >= self._queued_until:
            return self._refuse(failures.long_wait(), now)
        if phase in (_CALLING, _ANSWERING) and self._paused_at is None and now >= self._deadline():
            return self._too_slow(now)
        if now >= self._keepalive_at and phase is not _ANSWERING and self._paused_at is None:
            return self._keep_alive(now)
        return (WakeAt(self._next_wake(now)),)

    # Finding a backend ------------------------------------------------------------------------------------------------

    def _look_up(self, now: float, last: bool) -> Wants:
        incoming = self._incoming
        assert incoming is not None
        house = self._house
        offers = house.catalog.find(incoming.model)
        if not offers:
            if incoming.grammar_error is not None:
                return self._refuse(incoming.grammar_error, now)
            if not last and house.refresh(self, now, older_than=FRESH):
                return (WakeAt(now + PATIENCE),)
            return self._refuse(failures.with_names(incoming.not_found(), house.catalog), now)
        offer, backend = offers[0], house.backend(offers[0].backend)
        if len(offers) == 1 and backend.callable:  # the usual case
            reachable = [(offer, backend)]
        else:
            pairs = [(offer, house.backend(offer.backend)) for offer in offers]
            if len(pairs) > 1:
                pairs = self._ordered(pairs)
            reachable = [pair for pair in pairs if pair[1].callable]
            coming = None if reachable else _loading(pairs)
            if coming is not None:
                return self._refuse(failures.not_yet(coming.id, coming.trouble), now)
            offer, backend = (reachable or pairs)[0]
        if not self._same_format(offer, backend):
            try:
                incoming.check(self._seen_as(offer))
            except OllamuxError as error:
                return self._refuse(error, now)
        if not reachable:
            return self._refuse(failures.not_available(backend), now)
        self._candidates = reachable if house.fail_over else reachable[:1]
        return self._dispatch(now)

    def _ordered(self, pairs: list[tuple[Offer, Backend]]) -> list[tuple[Offer, Backend]]:
        """Those who can do it, the healthy ones first, else as they were ranked; all where nobody says they can."""
        assert self._incoming is not None
        needs = self._incoming.needs
        able = [pair for pair in pairs if needs <= pair[0].capabilities or self._same_format(pair[0], pair[1])]
        return sorted(able or pairs, key=lambda pair: not pair[1].health.usable)

    def _seen_as(self, offer: Offer) -> Served:
        """What a format has to know of a candidate."""
        if offer is not self._offer:
            self._offer = offer
            self._served = None
        if self._served is None:
            incoming = self._incoming
            assert incoming is not None
            self._served = Served(incoming.model, offer.name, offer.capabilities, offer.context_length)
        return self._served

    def _same_format(self, offer: Offer, backend: Backend) -> bool:
        called = self._calling(offer, backend)
        return called is not None and called.name == self._serving.name

    def _calling(self, offer: Offer, backend: Backend) -> Calling | None:
        assert self._incoming is not None
        return backend.calling_for(offer, self._serving.name, self._incoming.operation)

    def _dispatch(self, now: float) -> Wants:
        """Takes a place on the first candidate that has one, or joins the queue."""
        incoming = self._incoming
        assert incoming is not None
        admission = self._house.admission
        for position, (offer, backend) in enumerate(self._candidates):
            if incoming.operation in _ANSWERED_HERE and not self._same_format(offer, backend):
                return self._answer_here(incoming, offer, now)
            if admission.take(backend.id):
                if self._phase is _QUEUED:
                    admission.served(self)
                del self._candidates[position]
                return self._call(offer, backend, now)
        if not admission.wait(self):
            return self._refuse(failures.queue_full(), now)
        self._phase = _QUEUED
        if self._queued_at < 0.0:
            self._queued_at = now
        self._queued_until = min(self._queued_until, now + self._house.queue_timeout)
        return (WakeAt(self._next_wake(now)),)

    def _answer_here(self, incoming: Incoming, offer: Offer, now: float) -> Wants:
        """Answers what needs no call: a load of what loads by itself, a count of tokens, estimated."""
        self._context.dispatched = now
        renderer = self._make_renderer()
        try:
            if incoming.operation == "count":
                body = renderer.counted(estimate(incoming.neutral(self._seen_as(offer), {})), now)
            else:
                body = renderer.loaded(incoming.operation, now)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        self._over(now)
        return self._answer(200, (("Content-Type", self._serving.whole_type),), body)

    def _call(self, offer: Offer, backend: Backend, now: float) -> Wants:
        incoming = self._incoming
        assert incoming is not None
        self._phase = _CALLING
        if self._queued_at >= 0.0:
            self._waited += now - self._queued_at
            self._queued_at = -1.0
        self._first_token = -1.0
        self._usage = None
        self._backend = backend
        if offer is not self._offer:
            self._offer = offer
            self._served = None
        self._upstream = offer.upstream
        self._converter = None
        self._collected = None
        self._renderer = None  # what an earlier attempt told it is no part of this answer
        self._calls += 1
        self._dispatched = self._activity = self._context.dispatched = now
        self._called = called = self._calling(offer, backend)
        try:
            if called is None:
                return self._answer_itself(offer, backend, now)
            self._relaying = called.name == self._serving.name
            if self._relaying:
                if backend.provider.manages_models:  # Ollama: nothing to rename where the client names that very model
                    self._upstream = self._house.catalog.spelling(incoming.model, offer.upstream)
                self._dialect = backend.dialect_for(self._upstream)
                outgoing = called.passthrough(incoming, self._upstream, self._defaults(offer), self._dialect)
            else:
                if incoming.keep_alive is None:
                    incoming.keep_alive = self._house.keep_alive
                self._neutral = incoming.neutral(self._seen_as(offer), offer.options)
                self._dialect = backend.dialect_for(offer.upstream)
                outgoing = called.build(self._neutral, offer.upstream, self._dialect)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        # What the reading of a request loses, one that passes through does not.
        self._warnings = outgoing.warnings if self._relaying else incoming.warnings + outgoing.warnings
        self._attempt += 1
        self._key = backend.choose_key(now) if backend.watched else 0
        call = backend.call(self._attempt, outgoing, self._upstream, self._key, now)
        wake = WakeAt(self._next_wake(now))
        return (call, wake) if self._paused_at is None else (call, Read(self._attempt, False), wake)

    def _defaults(self, offer: Offer) -> dict[str, object]:
        """The configured options for a request that passes through, and the default keep_alive beside them."""
        defaults = dict(offer.options)
        if self._house.keep_alive is not None:
            defaults["keep_alive"] = self._house.keep_alive
        return defaults

    def _next(self, error: OllamuxError, now: float) -> Wants:
        """The attempt is lost: the next candidate, or this error."""
        cancel = self._release(kind_of(error), now)
        if self._candidates and self._calls < self._house.attempts:
            wants = self._dispatch(now)
            return (*cancel, *wants) if isinstance(wants, tuple) else cancel
        refused = self._refuse(error, now)
        return (*cancel, *refused)

    # Answering --------------------------------------------------------------------------------------------------------

    def _streams(self, headers: Sequence[tuple[str, str]]) -> bool:
        """Whether the backend answers with a stream. One that passes through may be whole all the same: a load is."""
        if not self._relaying:
            return True
        kind = heads.header(headers, "content-type")
        return kind.startswith(self._stream_type().partition(";")[0])

    def _make_converter(self) -> Converter:
        incoming, called = self._incoming, self._called
        assert incoming is not None and self._dialect is not None and called is not None
        if self._relaying:
            return self._serving.relay(incoming, self._context, self._upstream)
        assert self._neutral is not None
        reader = called.reader(self._neutral, self._dialect)
        return converter_for(Translator(reader, self._make_renderer()), self._house.clock, called.text_markers)

    def _begin(self, out: bytes) -> tuple[Want, ...]:
        """The first content goes out: from here on there is no other backend."""
        self._phase = _ANSWERING
        self._first_token = self._activity - self._dispatched
        self._keepalive_at = math.inf
        if self._committed:
            return (Data(out),)
        self._committed = True
        return (self._stream_head(), Data(out))

    def _collect(self, data: bytes, now: float) -> Wants:
        if self._collected is None:
            return None
        self._collected_size += len(data)
        if self._collected_size > self._house.answer_limit:
            return self._next(BackendUnavailable("the backend's answer is too large"), now)
        self._collected.append(data)
        return None

    def _whole(self, body: bytes, now: float) -> Wants:
        """A whole answer has come: an error, or what the client asked for."""
        if self._status >= 400 or self._status < 200:
            return self._error_status(body, now)
        serving, incoming, backend = self._serving, self._incoming, self._backend
        assert incoming is not None and backend is not None and self._called is not None
        kind = serving.whole_type
        try:
            if self._relaying:
                rendered = serving.relay_whole(incoming, self._upstream, body, now)
                self._usage = usage_told(self._called.name, body)
                kind = heads.header(self._head_headers, "content-type") or kind
            else:
                assert self._neutral is not None
                rendered = self._render_whole(self._called, self._neutral, body, now)
        except (OllamuxError, RecursionError) as error:
            return self._next(failures.of_answer(error), now)
        self._over(now)
        told = backend.decision + heads.passed_on(self._head_headers, self._relaying)
        if self._warnings:
            told += heads.warned(self._warnings)
        return self._answer(self._status, (("Content-Type", kind), *told), rendered)

    def _render_whole(self, called: Calling, neutral: Neutral, body: bytes, now: float) -> bytes:
        assert self._dialect is not None
        found = called.whole(neutral, body, self._dialect)
        self._usage = found.usage if isinstance(found, Answer) else Usage(found.input_tokens)
        renderer = self._make_renderer()
        return renderer.whole(found, now) if isinstance(found, Answer) else renderer.embedded(found, now)

    def _error_status(self, body: bytes, now: float) -> Wants:
        backend = self._backend
        assert backend is not None and self._called is not None
        headers = {name.lower(): value for name, value in self._head_headers}
        as_it_is = self._relaying and body[:1] == b"{" and self._status < 600
        if not 400 <= self._status < 600:
            self._status = 502
        try:
            error = self._called.failure(self._status, headers, body)
        except RecursionError as deep:
            error = failures.of_answer(deep, self._status)
            as_it_is = False
        if self._status >= 500:
            backend.health.bad(f"it answered with status {self._status}")
        again = self._status in self._house.retry_on or self._status in _ANOTHER_MAY or self._status > 504
        if again and self._offer is not None and backend.another_key(self._key, self._status, now):
            self._candidates.insert(0, (self._offer, backend))
        if again and self._candidates and self._calls < self._house.attempts:
            return self._next(error, now)
        told = heads.passed_on(self._head_headers, self._relaying)
        if error.retry_after is not None:  # it is told in seconds, whichever way the backend put it
            told = tuple([pair for pair in told if pair[0] != "retry-after"])
        told += backend.decision
        if not as_it_is or self._committed or self._status in (401, 403):
            return self._refuse(error, now, told)
        self._told = self._status
        self._over(now, kind_of(error))
        return self._answer(self._status, self._kept_head(error, told), body)

    def _kept_head(self, error: OllamuxError, told: HeaderPairs) -> HeaderPairs:
        """The headers of an error whose body goes on as it came: the backend's type, what the client's format adds."""
        _, made, _ = self._serving.failure(error, streaming=False)
        names = {name for name, _ in told} | {"content-type"}
        ours = tuple([pair for pair in made if pair[0].lower() not in names])
        kind = heads.header(self._head_headers, "content-type") or self._serving.whole_type
        return (("Content-Type", kind), *ours, *told)

    def _answer_itself(self, offer: Offer, backend: Backend, now: float) -> Wants:
        """A backend with no wire behind it: its answer is there at once, and is played out where the client streams."""
        incoming, source = self._incoming, backend.answers_itself
        assert incoming is not None and source is not None
        neutral = incoming.neutral(self._seen_as(offer), offer.options)
        self._warnings = incoming.warnings
        renderer = self._make_renderer()
        if isinstance(neutral, EmbedRequest):
            body = renderer.embedded(source.embed(neutral), now)
        elif incoming.stream:
            self._playing = source.answer(neutral)
            self._phase = _PLAYING
            return self._play(now)
        else:
            body = renderer.whole(gathered(source.answer(neutral)), now)
        self._over(now)
        told = backend.decision + heads.warned(self._warnings)
        return self._answer(200, (("Content-Type", self._serving.whole_type), *told), body)

    def _play(self, now: float) -> Wants:
        """The next piece of an answer that plays itself out."""
        if self._paused_at is not None:
            return None
        renderer = self._make_renderer()
        out = b""
        while self._playing and not out:
            out = renderer.events([self._playing.pop(0)], now)
        first: tuple[Want, ...] = (Data(out),) if self._committed else (self._stream_head(), Data(out))
        self._committed = True
        self._keepalive_at = math.inf
        if self._playing:
            return (*first, WakeAt(now + _PLAY_EVERY))
        self._over(now)
        return (*first, Data(renderer.end(now)), End())

    # Waiting ----------------------------------------------------------------------------------------------------------

    def _too_slow(self, now: float) -> Wants:
        backend = self._backend
        assert backend is not None
        error = BackendTimeout(f"backend '{backend.id}' did not answer in time")
        backend.health.bad("it did not answer in time")
        if self._phase is _ANSWERING:
            return self._break_off(error, now)
        return self._next(error, now)

    def _keep_alive(self, now: float) -> Wants:
        """Still waiting: a sign of life commits the status, so that nobody gives up, and names no backend."""
        self._keepalive_at = now + KEEPALIVE
        piece = Data(self._make_renderer().keepalive(now))
        wake = WakeAt(self._next_wake(now))
        if self._committed:
            return (piece, wake)
        self._committed = True
        return (heads.stream_head(self._stream_type(), heads.warned(self._warnings)), piece, wake)

    # Ending -----------------------------------------------------------------------------------------------------------

    def _break_off(self, error: OllamuxError, now: float, out: bytes = b"") -> Wants:
        """The stream broke: another backend where no content has gone out, else the truth."""
        if self._phase is _CALLING and not out:
            return self._next(error, now)
        first = self._begin(out) if self._phase is _CALLING else ((Data(out),) if out else ())
        self._told = error.status
        cancel = self._release(kind_of(error), now)
        told = self._make_renderer().fault(error)
        self._over(now, kind_of(error))
        return (*cancel, *first, Data(told), End())

    def _refuse(self, error: OllamuxError, now: float, decision: HeaderPairs = ()) -> tuple[Want, ...]:
        """Ends with this error, in the client's format."""
        streaming = self._incoming is not None and self._incoming.stream
        self._told = error.status
        if self._committed:
            told = self._make_renderer().fault(error)
            self._over(now, kind_of(error))
            return (Data(told), End())
        self._over(now, kind_of(error))
        status, headers, body = self._serving.failure(error, streaming=streaming)
        return self._answer(status, headers + decision, body)

    def _release(self, failure: str, now: float) -> tuple[Want, ...]:
        """Gives the place back and stops what is under way."""
        if self._backend is None:
            return ()
        self._account(failure, now)
        self._house.admission.give_back(self._backend.id)
        self._backend = None
        attempt, self._attempt = self._attempt, self._attempt + 1
        self._status = 0
        self._head_headers = ()
        return (Cancel(attempt),) if attempt else ()

    def _over(self, now: float, failure: str = "") -> None:
        if self._backend is not None:
            self._account(failure, now)
            self._house.admission.give_back(self._backend.id)
            self._backend = None
        if self._phase is _QUEUED:
            self._house.admission.leave(self)
        elif self._phase is _LOOKING:
            self._house.forget(self)
        self._phase = _OVER
        self._attempt += 1  # whatever is reported now comes too late
        house = self._house
        ledger = house.ledger
        ledger.exchange(self._serving.name, failure, self._waited, self._calls)
        feed = house.feed
        if feed.heard and (feed.detailed or failure or self._calls > 1):
            self._tell(failure, now)

    def _account(self, failure: str, now: float) -> None:
        """An attempt is over: counts it, and lets its backend's health be seen where it failed."""
        backend, offer, incoming = self._backend, self._offer, self._incoming
        assert backend is not None and offer is not None and incoming is not None
        usage = self._usage if self._converter is None else self._converter.usage
        seconds = now - self._dispatched
        ledger = self._house.ledger
        ledger.attempt(offer, incoming.operation, seconds, self._first_token, usage, failure, now)
        if failure and failure is not GONE:
            self._house.notice(backend, now)

    def _tell(self, failure: str, now: float) -> None:
        """Tells those who listen how it ended."""
        offer, incoming = self._offer, self._incoming
        usage = self._usage if self._converter is None else self._converter.usage
        self._house.feed.tell(
            Decision(
                at=now,
                request_id=self._request.headers.get("x-request-id", ""),
                format=self._serving.name,
                operation=incoming.operation if incoming is not None else "chat",
                model=incoming.model if incoming is not None else "",
                backend=offer.backend if offer is not None else "",
                upstream=offer.upstream if offer is not None else "",
                reason="",
                calls=self._calls,
                failure=failure,
                status=self._told,
                waited=self._waited,
                first_token=self._first_token if self._first_token >= 0.0 else None,
                seconds=now - self._arrived,
                input_tokens=usage.input if usage is not None else None,
                output_tokens=usage.output if usage is not None else None,
            )
        )


def _loading(pairs: list[tuple[Offer, Backend]]) -> Backend | None:
    """One that will be there soon."""
    return next((backend for _, backend in pairs if backend.loading), None)
