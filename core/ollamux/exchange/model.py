"""A request that calls a model: from the client's body to the last byte of the answer, over as many attempts as needed.

<<<<<<< HEAD
Strategy: candidates are ordered once (healthy before unhealthy, then as the catalog ranks them), and `trying` keeps
them; an attempt that fails before the first content byte has gone out is followed by another where there is reason to,
at once or after a rest, and the client sees the answer of the last one alone. A model's own fallbacks follow when its
candidates are exhausted. A keepalive commits the status and nothing else. What has gone out is never followed by a
made-up end: a stream that broke is told as broken, in the client's own format. Where a backend takes a request only in
parts, or without the addresses of pictures, its place is held until all of that is done.
=======
Strategy: candidates are ordered once (`searching`; one alone, of which nothing is asked, needs no order), and `trying`
keeps them; an attempt that fails before the first content byte has gone out is followed by another where there is
reason to, at once or after a rest, and the client sees the answer of the last one alone. A model's own fallbacks follow
when its candidates are exhausted. A keepalive commits the status and nothing else. What has gone out is never followed
by a made-up end: a stream that broke is told as broken, in the client's own format.
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516

Rules: one attempt at a time, one place held at a time; the hot case, a chunk of a stream that is under way, is one call
of the converter and returns bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

from ollamux.accounting.estimate import estimate
from ollamux.backends import Backend
<<<<<<< HEAD
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
from ollamux.conversation import ChatRequest, EmbedRequest
from ollamux.errors import BackendTimeout, BackendUnavailable, InvalidRequest, OllamuxError
=======
from ollamux.contract import Cancel, Data, End, FailureKind, HeaderPairs, Read, WakeAt, Want, Wants
from ollamux.conversation import Answer, EmbedRequest, Usage
from ollamux.errors import BackendTimeout, BackendUnavailable, Busy, OllamuxError
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
from ollamux.exchange import failures, heads
from ollamux.exchange.base import FRESH, PATIENCE
from ollamux.exchange.fanout import fan_of
from ollamux.exchange.gathering import gathered
from ollamux.exchange.images import Fetching, addresses, with_pictures
from ollamux.exchange.phases import Phase
from ollamux.exchange.sending import SendState
from ollamux.exchange.trying import Tries
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming
<<<<<<< HEAD
from ollamux.formats.base import WholeRenderer
=======
from ollamux.formats.base import Calling, Neutral
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
from ollamux.formats.failures import quota_spent
from ollamux.formats.telling import usage_told
from ollamux.resilience.circuits import Outcome
from ollamux.resilience.fallback import Failure
from ollamux.routing.catalog import Offer
<<<<<<< HEAD
=======
from ollamux.routing.constraints import Constraints
from ollamux.streaming.convert import converter_for
from ollamux.streaming.translator import Converter, Translator
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516

__all__ = ("KEEPALIVE", "ModelExchange")

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

KEEPALIVE = 15.0
"""Seconds of silence towards a streaming client before something is said to keep it waiting."""

_PLAY_EVERY = 0.02
_ANSWERED_HERE = ("load", "unload", "count")


class ModelExchange(SendState):
    """See the module."""

    __slots__ = ()

    # What the front and the house report ------------------------------------------------------------------------------

    def start(self, now: float) -> Wants:
        self._arrived = self._activity = now
        request = self._request
        try:
            incoming = self._serving.read(self._route, request.body or b"", request.headers, self._place)
            self._constraints = Constraints.read(request.headers)
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

    def number_from(self, attempt: int, calls: int) -> None:
        """Its attempts have numbers above this one, and so many calls were made for its request already."""
        self._attempt = attempt
        self._before = calls

    @property
    def waits_for_a_place(self) -> bool:
        """Whether it stands in the queue."""
        return self._phase is _QUEUED

    @property
    def wanted(self) -> Sequence[str]:
        """The backends on which a place would do, for the queue."""
        return self._tries.wanted if self._tries is not None else ()

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        if attempt != self._attempt:
            return None
        if self._phase is not _CALLING:
            return self._picture_head(status, headers, now) if self._phase is _FETCHING else None
        assert self._backend is not None
        self._activity = now
        self._status = status
        self._head_headers = headers
        if status < 500:
            self._backend.health.good(now)
        if self._backend.watched:
            self._backend.answered(self._key, status, headers, now)
        if self._house.guards.limited:
            self._tell_limits(status, headers, now)
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
        return self._begin(out, now)

    def attempt_end(self, attempt: int, now: float) -> Wants:
        if attempt != self._attempt:
            return None
        if self._phase not in (_CALLING, _ANSWERING):
            return self._picture_end(now) if self._phase is _FETCHING else None
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
        first = self._begin(out, now) if self._phase is _CALLING else ((Data(out),) if out else ())
        if self._fan is not None and self._fan.streamed():
            self._going_on = True
            self._keepalive_at = now + KEEPALIVE
            wants = self._next_part(now)
            return (*first, *wants)
        self._over(now)
        return (*first, End())

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        if attempt != self._attempt:
            return None
        if self._phase is _FETCHING:
            assert self._fetching is not None
            return self._no_picture(self._fetching.failed(kind), now)
        if self._phase not in (_CALLING, _ANSWERING):
            return None
        assert self._backend is not None
        if self._converter is not None and self._converter.complete:
            return self.attempt_end(attempt, now)  # its last word was said; how the connection ended is no matter
        if kind != "configuration":
            self._backend.health.bad(detail or kind, now, "timeout" if kind == "timeout" else "unreachable")
        if self._phase is _ANSWERING:
            return self._break_off(failures.stream_broken(), now)
        return self._next(failures.failure_of(self._backend.id, kind, detail), now, Failure(kind=kind))

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
        return (WakeAt(self._next_wake(now)),) if self._phase in (_QUEUED, _RESTING, _FETCHING) else None

    def client_gone(self, now: float) -> Wants:
        if self._phase is _OVER:
            return None
<<<<<<< HEAD
        attempt = self._attempt if self._phase in (_FETCHING, _CALLING, _ANSWERING) else 0
=======
        attempt = self._attempt if self._phase in (_CALLING, _ANSWERING) else 0
        if attempt and self._tries is not None:
            self._tries.left()
        self._left()
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
        self._over(now)
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
        if phase is _RESTING and now >= self._rested_until:
            return self._dispatch(now)
        if phase is _FETCHING:
            assert self._fetching is not None
            if now >= self._fetching.deadline:
                return self._no_picture(self._fetching.too_slow(), now)
        elif phase in (_CALLING, _ANSWERING) and self._paused_at is None and now >= self._deadline():
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
            try:
                offers = self._chosen(incoming)
            except (OllamuxError, RecursionError) as error:
                return self._refuse(failures.of_request(error), now)
        if not offers:
            if incoming.grammar_error is not None:
                return self._refuse(incoming.grammar_error, now)
            if not last and house.refresh(self, now, older_than=FRESH):
                return (WakeAt(now + PATIENCE),)
            reachable = pairs = self._following(now)
            if not reachable:
                return self._refuse(failures.with_names(incoming.not_found(), house.catalog), now)
            offer, backend = reachable[0]
        elif (  # the usual case
            len(offers) == 1
            and self._constraints is None
            and (backend := house.backend(offers[0].backend)).callable
            and not backend.restricted
        ):
            offer = offers[0]
            reachable = [(offer, backend)]
        else:
            try:
                pairs = self._ordered(offers, now)
                reachable = [pair for pair in pairs if pair[1].callable] or self._following(now)
            except OllamuxError as error:
                reachable = pairs = self._following(now) if isinstance(error, Busy) else []
                if not reachable:
                    return self._refuse(error, now)
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
        fleet = house.planner.fleet if len(offers) > 1 else None  # who is alone is compared with nobody
        self._tries = Tries(house.guards, house.admission, reachable if house.fail_over else reachable[:1], fleet)
        self._tries.before = self._before
        if house.guards.limited:
            self._tries.tokens = self._estimated(incoming, offer)
        return self._dispatch(now)

    def _dispatch(self, now: float) -> Wants:
        """Calls the first of the choices that can be called now, or waits until one can."""
        incoming, tries = self._incoming, self._tries
        assert incoming is not None and tries is not None
        for position in tries.choices:
            offer, backend = tries.candidates[position]
            if incoming.operation in _ANSWERED_HERE and not self._same_format(offer, backend):
                return self._answer_here(incoming, offer, now)
            if tries.take(position, self, now):
                if self._plan is not None:
                    self._took(offer)
                if self._phase is _QUEUED:
                    self._house.admission.served(self)
                return self._call(offer, backend, now)
        before = tries.wanted
        if tries.crowded():
            return self._queue(before != tries.wanted, now)
        if self._phase is _QUEUED:  # it was for nothing: circuits opened or limits were reached meanwhile
            self._house.admission.leave(self)
        found = self._decide(now, None)
        return self._go_on(now) if found is None else self._refuse(self._given_up(found, now), now)

    def _queue(self, anew: bool, now: float) -> Wants:
        """Waits for a place; `anew`: on other backends than before."""
        tries, admission = self._tries, self._house.admission
        assert tries is not None
        if anew and self._phase is _QUEUED:
            admission.leave(self)
        until = self._patience(now)
        if not admission.wait(self, now, self._wishes().rank, self.caller or self._request.peer, until):
            return self._refuse(failures.not_let_in(admission.refusal), now)
        self._phase = _QUEUED
        if self._queued_at < 0.0:
            self._queued_at = now
        return (WakeAt(self._next_wake(now)),)

    def _go_on(self, now: float) -> Wants:
        """Does what was decided: calls, or rests before it does."""
        assert self._tries is not None
        if self._tries.after <= 0.0:
            return self._dispatch(now)
        self._phase = _RESTING
        self._rested_until = now + self._tries.after
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
        self._failure = ""
        self._answer_status = 200
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
        self._fan = None
        self._queued_until = math.inf
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
                return self._translate(now)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        self._warnings = outgoing.warnings  # what the reading of a request loses, one that passes through does not
        return self._send(outgoing, now)

<<<<<<< HEAD
    def _translate(self, now: float) -> tuple[Want, ...]:
        """The neutral request goes out: its pictures first have to be there, and all but the first part of it waits.
        Raises InvalidRequest."""
        incoming, called, dialect, request = self._incoming, self._called, self._dialect, self._neutral
        assert incoming is not None and called is not None and dialect is not None and request is not None
        if not dialect.image_urls and isinstance(request, ChatRequest):
            have = self._pictures or {}
            wanted = [url for url in addresses(request, dialect) if url not in have]
            if wanted:
                self._fetching = Fetching(wanted, now)
                return self._fetch(now)
            if have:
                self._neutral = request = with_pictures(request, have)
        choices = incoming.choices
        if choices > 1 or dialect.most_inputs:
            self._fan = fan_of(request, choices, dialect)
            if self._fan is not None:
                request = self._fan.request
                if choices > 1 and incoming.stream:
                    self._renderer = cast("WholeRenderer", incoming.several(self._context))
        outgoing = called.build(request, self._upstream, dialect)
        self._warnings = incoming.warnings + outgoing.warnings
        return self._send(outgoing, now)

    def _next_part(self, now: float) -> tuple[Want, ...]:
        """The next part of a request that its backend takes only in parts: on the same backend, in the same place."""
        called, dialect, fan = self._called, self._dialect, self._fan
        assert called is not None and dialect is not None and fan is not None
        self._phase = _CALLING
        self._status = 0
        self._converter = None
        self._collected = None
        self._dispatched = self._activity = now
        try:
            outgoing = called.build(fan.request, self._upstream, dialect)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        return self._send(outgoing, now)

    def _picture_head(self, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        assert self._fetching is not None
        try:
            self._fetching.head(status, headers)
        except OllamuxError as error:
            return self._no_picture(error, now)
        return None

    def _picture_end(self, now: float) -> Wants:
        """A picture is there, or where it is."""
        fetching = self._fetching
        assert fetching is not None
        try:
            if fetching.end():
                return self._fetch(now)
            self._pictures = {**(self._pictures or {}), **fetching.fetched}
            self._fetching = None
            self._phase = _CALLING
            self._dispatched = self._activity = self._context.dispatched = now
            return self._translate(now)
        except (OllamuxError, RecursionError) as error:
            return self._no_picture(failures.of_request(error), now)

    def _no_picture(self, error: OllamuxError, now: float) -> tuple[Want, ...]:
        """A picture cannot be had, so the request cannot be understood."""
        attempt = self._attempt
        refused = self._refuse(error, now)
        return (Cancel(attempt), *refused)

=======
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
    def _next(self, error: OllamuxError, now: float, failure: Failure | None = None) -> Wants:
        """The attempt is lost, by the failure that the error speaks of where none is named: another, or this error."""
        if failure is None:
            failure = failures.told_by(error)
        tries = self._tries
        assert tries is not None
        tries.failed(failures.outcome(failure), now)
        self._lost = error
<<<<<<< HEAD
        again = not self._going_on and self._decide(now, failure) is None
=======
        self._erred(error)
        found = self._decide(now, failure)
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
        cancel = self._release(now)
        wants = self._go_on(now) if again else self._refuse(error, now)
        return (*cancel, *wants) if isinstance(wants, tuple) else cancel

    # Answering --------------------------------------------------------------------------------------------------------

<<<<<<< HEAD
=======
    def _make_converter(self) -> Converter:
        incoming, called = self._incoming, self._called
        assert incoming is not None and self._dialect is not None and called is not None
        if self._relaying:
            return self._serving.relay(incoming, self._context, self._upstream)
        assert self._neutral is not None
        reader = called.reader(self._neutral, self._dialect)
        return converter_for(Translator(reader, self._make_renderer()), self._house.clock, called.text_markers)

>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
    def _begin(self, out: bytes, now: float) -> tuple[Want, ...]:
        """The first content goes out: from here on there is no other backend."""
        assert self._tries is not None
        self._first_token = now - self._dispatched
        self._tries.answered(now, self._first_token)
        self._phase = _ANSWERING
        self._keepalive_at = math.inf
        if self._committed:
            return (Data(out),)
        self._committed = True
        return (self._stream_head(), Data(out))

    def _collect(self, data: bytes, now: float) -> Wants:
        if self._phase is _FETCHING:
            assert self._fetching is not None
            try:
                self._fetching.data(data)
            except OllamuxError as error:
                return self._no_picture(error, now)
            return None
        if self._collected is None:
            return None
        self._collected_size += len(data)
        if self._collected_size > self._house.answer_limit:
            return self._next(BackendUnavailable("the backend's answer is too large"), now, Failure(kind="too_large"))
        self._collected.append(data)
        return None

    def _whole(self, body: bytes, now: float) -> Wants:
        """A whole answer has come: an error, or what the client asked for."""
        if self._status >= 400 or self._status < 200:
            return self._error_status(body, now)
        serving, incoming, backend = self._serving, self._incoming, self._backend
        assert incoming is not None and backend is not None and self._called is not None and self._tries is not None
        kind = serving.whole_type
        try:
            if self._relaying:
                rendered = serving.relay_whole(incoming, self._upstream, body, now)
                self._usage = usage_told(self._called.name, body)
                kind = heads.header(self._head_headers, "content-type") or kind
            else:
                assert self._neutral is not None and self._dialect is not None
                if self._fan is None:
                    rendered = self._render_whole(self._called, self._neutral, body, now)
                elif self._fan.took(self._called.whole(self._fan.request, body, self._dialect)):
                    return self._next_part(now)
                else:
                    rendered = self._render_parts(self._fan, now)
        except (OllamuxError, RecursionError) as error:
            return self._next(failures.of_answer(error), now)
        self._tries.answered(now, 0.0)
        told = self._decision() + heads.passed_on(self._head_headers, self._relaying)
        self._over(now)
        if self._warnings:
            told += heads.warned(self._warnings)
        return self._answer(self._status, (("Content-Type", kind), *told), rendered)

<<<<<<< HEAD
=======
    def _render_whole(self, called: Calling, neutral: Neutral, body: bytes, now: float) -> bytes:
        assert self._dialect is not None
        found = called.whole(neutral, body, self._dialect)
        self._usage = found.usage if isinstance(found, Answer) else Usage(found.input_tokens)
        renderer = self._make_renderer()
        return renderer.whole(found, now) if isinstance(found, Answer) else renderer.embedded(found, now)

>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
    def _error_status(self, body: bytes, now: float) -> Wants:
        backend, tries = self._backend, self._tries
        assert backend is not None and self._called is not None and tries is not None
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
            backend.health.bad(f"it answered with status {self._status}", now, "error")
        failure = Failure(
            status=error.status if error.status == 429 else self._status,
            retry_after=error.retry_after,
            final=quota_spent(error),
            another_key=backend.another_key(self._key, self._status, now),
        )
        tries.failed(failures.outcome(failure), now)
        if not self._going_on and self._decide(now, failure) is None:
            self._lost = error
            self._erred(error)
            cancel = self._release(now)
            wants = self._go_on(now)
            return (*cancel, *wants) if isinstance(wants, tuple) else cancel
        told = heads.passed_on(self._head_headers, self._relaying)
        if error.retry_after is not None:  # it is told in seconds, whichever way the backend put it
            told = tuple([pair for pair in told if pair[0] != "retry-after"])
        told += self._decision()
        if not as_it_is or self._committed or self._status in (401, 403):
            return self._refuse(error, now, told)
        self._erred(error)
        self._answer_status = self._status
        self._over(now)
        return self._answer(self._status, self._kept_head(error, told), body)

    def _answer_itself(self, offer: Offer, backend: Backend, now: float) -> Wants:
        """A backend with no wire behind it: its answer is there at once, and is played out where the client streams."""
        incoming, source = self._incoming, backend.answers_itself
        assert incoming is not None and source is not None
        neutral = incoming.neutral(self._seen_as(offer), offer.options)
        if incoming.choices > 1:
            return self._refuse(InvalidRequest("this backend gives one choice: n must be 1", param="n"), now)
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
        told = self._decision() + heads.warned(self._warnings)
        self._over(now)
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
        backend.health.bad("it did not answer in time", now, "timeout")
        if self._phase is _ANSWERING:
            return self._break_off(error, now, b"", "silent")
        return self._next(error, now, Failure(kind="silent"))

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

    def _break_off(self, error: OllamuxError, now: float, out: bytes = b"", outcome: Outcome = "broken") -> Wants:
        """The stream broke: another backend where no content has gone out, else the truth."""
        if self._phase is _CALLING and not out:
            return self._next(error, now)
        assert self._tries is not None
        first = self._begin(out, now) if self._phase is _CALLING else ((Data(out),) if out else ())
        self._tries.failed(outcome, now)
        self._erred(error)
        cancel = self._release(now)
        self._name_request(error)
        told = self._make_renderer().fault(error)
        self._over(now)
        return (*cancel, *first, Data(told), End())

    def _refuse(self, error: OllamuxError, now: float, decision: HeaderPairs = ()) -> tuple[Want, ...]:
        """Ends with this error, in the client's format."""
        streaming = self._incoming is not None and self._incoming.stream
<<<<<<< HEAD
        self._name_request(error)
=======
        self._erred(error)
>>>>>>> 01642207b24fef5dd66fc1e059c7df8475d2f516
        if self._committed:
            told = self._make_renderer().fault(error)
            self._over(now)
            return (Data(told), End())
        self._over(now)
        status, headers, body = self._serving.failure(error, streaming=streaming)
        return self._answer(status, headers + decision, body)

    def _over(self, now: float) -> None:
        if self._backend is not None:
            self._let_go(now)
        if self._phase is _QUEUED:
            self._house.admission.leave(self)
        elif self._phase is _LOOKING:
            self._house.forget(self)
        self._phase = _OVER
        self._attempt += 1  # whatever is reported now comes too late
        self._count(now)


def _loading(pairs: list[tuple[Offer, Backend]]) -> Backend | None:
    """One that will be there soon."""
    return next((backend for _, backend in pairs if backend.loading), None)
