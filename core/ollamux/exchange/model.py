"""A request that calls a model: from the client's body to the last byte of the answer, over as many attempts as needed.

Strategy: whom to call is found by `calling`, how an answer is read and written stands in `sending`; here is what
happens when something is reported: an attempt that fails before the first content byte has gone out is followed by
another, and the client sees the answer of the last one alone. A keepalive commits the status and nothing else. What has
gone out is never followed by a made-up end: a stream that broke is told as broken, in the client's own format.

Rules: the hot case, a chunk of a stream that is under way and like the last one, is one call of the converter and
returns bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from ollamux.contract import Cancel, Data, End, FailureKind, Read, WakeAt, Want, Wants
from ollamux.conversation import Answer
from ollamux.errors import BackendTimeout, BackendUnavailable, OllamuxError
from ollamux.exchange import failures
from ollamux.exchange.calling import CallState
from ollamux.exchange.heads import header, passed_on, place_told, stream_head, warned
from ollamux.exchange.heads import place as place_of
from ollamux.exchange.phases import Phase
from ollamux.exchange.sending import used_by
from ollamux.formats.failures import is_object, quota_spent
from ollamux.formats.telling import usage_told
from ollamux.recurring import Recurring
from ollamux.resilience.circuits import Outcome
from ollamux.resilience.fallback import Failure
from ollamux.routing.constraints import Constraints
from ollamux.streaming.convert import copier_of

__all__ = ("KEEPALIVE", "ModelExchange")

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

_UNWILLING = (400, 422)
"""How a backend says that it does not go on with what was begun: another one may."""

_LONGEST_OPENING = 64 * 1024

KEEPALIVE = 15.0
"""Seconds of silence towards a streaming client before something is said to keep it waiting."""


class ModelExchange(CallState):
    """See the module."""

    __slots__ = ()

    # What the front and the house report ------------------------------------------------------------------------------

    def take_in(self, now: float) -> None:
        self._arrived = self._activity = now
        request = self._request
        try:
            incoming = self._serving.read(self._route, request.body or b"", request.headers, self._place)
            self._constraints = self._wished(request.headers)
        except (OllamuxError, RecursionError) as error:
            self._lost = failures.of_request(error)
            return
        self._incoming = incoming
        if incoming.stream:
            self._keepalive_at = now + KEEPALIVE

    def take_place(self, now: float) -> None:
        if self._incoming is not None:
            self._sought = self._seeking = True
            self._early = self._look_up(now, False)
            self._seeking = False

    def start(self, now: float) -> Wants:
        if self._incoming is None and self._lost is None:
            self.take_in(now)
        if self._incoming is None and self._lost is not None:
            return self._refuse(self._lost, now)
        if not self._sought:
            return self._look_up(now, False)
        self._sought = False
        if self._found and self._phase is _CALLING:
            assert self._offer is not None and self._backend is not None
            self._found = False
            return self._make_call(self._offer, self._backend, now)
        early, self._early = self._early, None
        return early

    def _wished(self, headers: Mapping[str, str]) -> Constraints | None:
        """What the client's headers ask for, which few do. Raises InvalidRequest."""
        if isinstance(headers, Recurring):
            recurring: Recurring = headers  # read as what it is
            if not recurring.extended:
                return None
        return Constraints.read(headers)

    def proceed(self, now: float) -> Wants:
        if self._phase is _LOOKING:
            return self._look_up(now, True)
        if self._phase is _QUEUED:
            return self._dispatch(now) if self._house.admission.called(self) else (WakeAt(self._next_wake(now)),)
        if self._phase is _RESTING:  # there is room in a backend's memory
            return self._dispatch(now)
        return None

    def number_from(self, attempt: int, calls: int) -> None:
        """Its attempts have numbers above this one, and so many calls were made for its request already."""
        self._attempt = attempt
        self._before = calls

    def made_elsewhere(self, calls: int) -> None:
        """So many calls were made for the same request beside its own."""
        if self._tries is not None:
            self._tries.before = calls

    def keep_quiet(self) -> None:
        """Nobody hears its signs of life."""
        self._keepalive_at = inf

    @property
    def calls(self) -> int:
        """How many calls it has made."""
        return self._tries.calls if self._tries is not None else 0

    @property
    def waits_for_a_place(self) -> bool:
        """Whether it stands in the queue."""
        return self._phase is _QUEUED

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
            self._first = self._collected = None
            if self._house.resumes and self._fan is None and self._incoming.choices == 1 and not self._resumed:
                self._converter = self._witnessed(self._converter)
        else:
            self._converter = self._made = None
            self._first = b""
            self._collected = None
            self._collected_size = 0
        return None

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        if attempt != self._attempt:
            return None
        self._activity = now
        copier = self._copier
        if copier is not None:
            out = copier.copied(data, now)
            if out is not None:
                return out
        return self._convert(data, now)

    def _convert(self, data: bytes, now: float) -> Wants:
        """A chunk that is not like the last one, or the first."""
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
        if self._relaying and self._opens(out):
            self._opening += out
            return None
        return self._begin(out, now)

    def attempt_end(self, attempt: int, now: float) -> Wants:
        if attempt != self._attempt:
            return None
        if self._phase not in (_CALLING, _ANSWERING):
            return self._picture_end(now) if self._phase is _FETCHING else None
        converter = self._converter
        if converter is None:
            return self._whole(self._body(), now)
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
        finish = None if self._relaying else getattr(converter, "finish", None)
        if finish is not None:
            self._finished(finish.reason, finish.native)
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
        self._dispatched += now - max(self._paused_at, self._dispatched)  # it may have been called in the pause
        self._activity = now
        self._paused_at = None
        if self._keepalive_at < now:  # the silence was the client's own
            self._keepalive_at = now + KEEPALIVE
        if self._phase is _PLAYING:
            return (WakeAt(now),)
        if self._phase in (_CALLING, _ANSWERING):
            return (Read(self._attempt, True), WakeAt(self._next_wake(now)))
        return (WakeAt(self._next_wake(now)),) if self._phase in (_QUEUED, _RESTING, _FETCHING) else None

    def client_gone(self, now: float) -> Wants:
        if self._phase is _OVER:
            return None
        attempt = self._attempt if self._phase in (_FETCHING, _CALLING, _ANSWERING) else 0
        if attempt and self._tries is not None:
            self._tries.left()
        self._left()
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
        if phase is _QUEUED and self._prospect is not None and now >= self._prospect.alarm:
            self._prospect.alarm = inf
            self._house.admission.stir()
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

    # Answering --------------------------------------------------------------------------------------------------------

    def _begin(self, out: bytes, now: float) -> tuple[Want, ...]:
        """The first content goes out: from here on there is no other backend."""
        assert self._tries is not None
        if self._opening:
            out = self._opening + out
            self._opening = b""
        self._first_token = now - self._dispatched
        self._tries.answered(now, self._first_token)
        self._phase = _ANSWERING
        self._copier = copier_of(self._converter)
        self._keepalive_at = inf
        if self._committed:
            return (Data(out),)
        self._committed = True
        return (self._stream_head(), Data(out))

    def _opens(self, out: bytes) -> bool:
        """Whether this says nothing but that an answer begins: it is held back, so that another backend may answer."""
        return len(self._opening) < _LONGEST_OPENING and self._serving.opens(out)

    def _collect(self, data: bytes, now: float) -> Wants:
        if self._phase is _FETCHING:
            assert self._fetching is not None
            try:
                self._fetching.data(data)
            except OllamuxError as error:
                return self._no_picture(error, now)
            return None
        if self._first is None:
            return None
        self._collected_size += len(data)
        if self._collected_size > self._house.answer_limit:
            return self._next(BackendUnavailable("the backend's answer is too large"), now, Failure(kind="too_large"))
        if not self._first:  # the usual one comes in one piece
            self._first = data
        elif self._collected is None:
            self._collected = [self._first, data]
        else:
            self._collected.append(data)
        return None

    def _body(self) -> bytes:
        """What has been collected of an answer."""
        return (self._first or b"") if self._collected is None else b"".join(self._collected)

    def _whole(self, body: bytes, now: float) -> Wants:
        """A whole answer has come: an error, or what the client asked for."""
        if self._status >= 400 or self._status < 200:
            return self._error_status(body, now)
        rendered, self._made = self._made, None
        if rendered is None:
            rendered = self._made_of(body, now)
        if not isinstance(rendered, bytes):
            return self._next_part(now) if rendered is None else self._next(rendered, now)
        assert self._tries is not None
        self._tries.answered(now, 0.0)
        lines = self._lines()
        kind = header(self._head_headers, "content-type") if self._relaying else ""
        headers = self._typed(kind or self._serving.whole_type, bool(lines))
        told = passed_on(self._head_headers, self._relaying)
        if self._warnings:
            told += warned(self._warnings)
        if told or self._house.feed.detailed:
            told = self._named(told)
        self._over(now)
        return self._answer(self._status, headers + told if told else headers, rendered, lines)

    def take_answer(self, attempt: int, now: float) -> None:
        if attempt != self._attempt or self._phase is not _CALLING or self._converter is not None:
            return
        if 200 <= self._status < 400 and self._fan is None:
            self._made = self._made_of(self._body(), now)

    def _made_of(self, body: bytes, now: float) -> bytes | OllamuxError | None:
        """What goes out of a whole answer, or what is wrong with it; None where it is a part and not the last."""
        incoming, called, fan = self._incoming, self._called, self._fan
        assert incoming is not None and called is not None
        try:
            if self._relaying:
                rendered = self._serving.relay_whole(incoming, self._upstream, body, now)
                self._usage = incoming.spent if incoming.spent is not None else usage_told(called.name, body)
                return rendered
            assert self._neutral is not None and self._dialect is not None
            if fan is None:
                return self._render_whole(called, self._neutral, body, now)
            found = called.whole(fan.request, body, self._dialect)
            self._usage = used_by(found)
            if isinstance(found, Answer):
                self._finished(found.finish or "stop", found.native)
            return None if fan.took(found) else self._render_parts(fan, now)
        except (OllamuxError, RecursionError) as error:
            return failures.of_answer(error)

    def _error_status(self, body: bytes, now: float) -> Wants:
        backend, tries = self._backend, self._tries
        assert backend is not None and self._called is not None and tries is not None
        headers = {name.lower(): value for name, value in self._head_headers}
        body = backend.hiding().whole(body)
        as_it_is = self._relaying and self._status < 600 and is_object(body)
        if not 400 <= self._status < 600:
            self._status = 502
        try:
            error = self._called.failure(self._status, headers, body)
        except RecursionError as deep:
            error = failures.of_answer(deep, self._status)
        if self._status >= 500:
            backend.health.bad(f"it answered with status {self._status}", now, "error")
        failure = Failure(
            status=error.status if error.status == 429 else self._status,
            retry_after=error.retry_after,
            final=quota_spent(error),
            another_key=backend.another_key(self._key, self._status, now),
        )
        tries.failed(failures.outcome(failure), now)
        if self._resumed and self._status in _UNWILLING:
            failure = Failure(kind="protocol")
        if not self._going_on and self._decide(now, failure) is None:
            self._lost = error
            self._erred(error)
            cancel = self._release(now)
            wants = self._go_on(now)
            return (*cancel, *wants) if isinstance(wants, tuple) else cancel
        told = passed_on(self._head_headers, self._relaying)
        if error.retry_after is not None:  # it is told in seconds, whichever way the backend put it
            told = tuple([pair for pair in told if pair[0] != "retry-after"])
        told += self._decision()
        if not as_it_is or self._committed or self._status in (401, 403):
            return self._refuse(error, now, told)
        told = self._named(told, True)
        self._erred(error)
        self._answer_status = self._status
        self._over(now)
        return self._answer(self._status, self._kept_head(error, told), body)

    def _break_off(self, error: OllamuxError, now: float, out: bytes = b"", outcome: Outcome = "broken") -> Wants:
        """The stream broke: another backend where no content has gone out, else the truth."""
        if self._phase is _CALLING and (not out or (self._relaying and self._opens(out))):
            return self._next(error, now)
        assert self._tries is not None and self._backend is not None
        self._backend.cover(error)
        first = self._begin(out, now) if self._phase is _CALLING else ((Data(out),) if out else ())
        self._tries.failed(outcome, now)
        self._erred(error)
        if self._sent is not None and self._sent.resumable and not self._going_on and self._finds_another(outcome, now):
            self._lost = error
            cancel = self._release(now)
            self._keepalive_at = now + KEEPALIVE
            wants = self._go_on(now)
            return (*cancel, *first, *wants) if isinstance(wants, tuple) else (*cancel, *first)
        cancel = self._release(now)
        self._name_request(error)
        told = self._make_renderer().fault(error)
        self._over(now)
        return (*cancel, *first, Data(told), End())

    def _finds_another(self, outcome: Outcome, now: float) -> bool:
        """Whether another backend goes on with a stream that broke."""
        tries, sent = self._tries, self._sent
        assert tries is not None and sent is not None
        self._look_further(tries, now)
        tries.leave_out(
            [place for place, pair in enumerate(tries.candidates) if not self._can_resume(pair[0], pair[1])]
        )
        if not self._resumed:
            self._resumed = True
            if self._relaying:
                self._make_renderer().events(sent.again(), now)
        return self._decide(now, Failure(kind="silent" if outcome == "silent" else "closed")) is None

    # Waiting ----------------------------------------------------------------------------------------------------------

    def _too_slow(self, now: float) -> Wants:
        backend = self._backend
        assert backend is not None
        if self._converter is not None and self._converter.complete:  # its last word was said, and nothing is to follow
            attempt = self._attempt
            wants = ModelExchange.attempt_end(self, attempt, now)
            return (Cancel(attempt), *wants) if isinstance(wants, tuple) else wants
        error = BackendTimeout(f"backend '{backend.id}' did not answer in time")
        backend.health.bad("it did not answer in time", now, "timeout")
        if self._phase is _ANSWERING:
            return self._break_off(error, now, b"", "silent")
        return self._next(error, now, Failure(kind="silent"))

    def _keep_alive(self, now: float) -> Wants:
        """Still waiting: a sign of life commits the status, so that nobody gives up, and names no backend. Who waits in
        the queue is told his place there, and about how long it will take."""
        self._keepalive_at = now + KEEPALIVE
        sign, kind, told = self._make_renderer().keepalive(now), self._stream_type(), warned(self._warnings)
        if self._phase is _QUEUED:
            admission = self._house.admission
            place, seconds = admission.position(self), admission.expected(self)
            sign = place_told(sign, place, seconds) + sign
            told += place_of(place, seconds)
        piece = Data(sign)
        wake = WakeAt(self._next_wake(now))
        if self._committed:
            return (piece, wake)
        self._committed = True
        return (stream_head(kind, told), piece, wake)
