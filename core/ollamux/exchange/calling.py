"""Whom an exchange calls, one after the other, and what has to be there before it can: a place, pictures, a rest.

Strategy: candidates are ordered once (`searching`; one alone, of which nothing is asked, needs no order) and kept by
`trying`; an attempt that is lost is followed by another where there is reason to, at once or after a rest. A model's
own fallbacks follow when its candidates are exhausted. Where a backend takes a request only in parts, or without the
addresses of pictures, its place is held until all of that is done.

Rules: one attempt at a time, one place held at a time; what needs no call is answered here.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import cast

from ollamux.backends import Backend
from ollamux.chat import ChatRequest, PlainMessages
from ollamux.contract import Cancel, Data, End, WakeAt, Want, Wants
from ollamux.conversation import EmbedRequest
from ollamux.errors import Busy, InvalidRequest, OllamuxError
from ollamux.exchange import failures, heads
from ollamux.exchange.base import FRESH, PATIENCE, ROOM
from ollamux.exchange.deciding import best_few
from ollamux.exchange.phases import Phase
from ollamux.exchange.sending import SendState
from ollamux.exchange.trying import Tries
from ollamux.formats.asking import Incoming
from ollamux.formats.base import WholeRenderer
from ollamux.resilience.fallback import Failure
from ollamux.routing.catalog import Offer

__all__ = ("CallState",)

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.

_PLAY_EVERY = 0.02
_ANSWERED_HERE = frozenset(("load", "unload", "count"))


class CallState(SendState):
    """See the module."""

    __slots__ = ()

    # Finding a backend ------------------------------------------------------------------------------------------------

    def _look_up(self, now: float, last: bool) -> Wants:
        incoming = self._incoming
        assert incoming is not None
        house = self._house
        offers = house.catalog.find(incoming.model)
        if self._among is not None:
            offers = self._visible(offers)
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
        else:
            offer, alone = offers[0], None
            if len(offers) == 1 and self._constraints is None and self._among is None:
                alone = house.backend(offer.backend)
            if alone is not None and not alone.restricted and alone.can_be_called():  # the usual case
                backend = alone
                reachable = [(offer, backend)]
            else:
                try:
                    pairs = self._ordered(offers, now)
                    if self._plan is not None:  # it leaves out who cannot be called
                        reachable = pairs
                    else:
                        reachable = [pair for pair in pairs if pair[1].callable] or self._following(now)
                except OllamuxError as error:
                    reachable = pairs = self._following(now) if isinstance(error, Busy) else []
                    if not reachable:
                        return self._refuse(error, now)
                coming = None if reachable else _loading(pairs)
                if coming is not None:
                    return self._refuse(failures.not_yet(coming.id, coming.trouble), now)
                offer, backend = (reachable or pairs)[0]
        if offer.configured or not self._same_format(offer, backend):
            try:
                incoming.check(self._seen_as(offer))
            except OllamuxError as error:
                return self._refuse(error, now)
        if not reachable:
            return self._refuse(failures.not_available(backend), now)
        fleet = house.planner.fleet if len(offers) > 1 else None  # who is alone is compared with nobody
        guards = house.guards
        if self._tries is not None:
            self._tries.rest_no_more()
        self._tries = tries = Tries.__new__(Tries)
        tries.prepare(guards, house.admission, reachable if house.fail_over else reachable[:1], fleet)
        tries.before = self._before
        if self._plan is not None:
            tries.likely = self._plan.chosen
        self._choosy = self._choosy and incoming.operation not in _ANSWERED_HERE
        if not self._before:
            house.guards.budget.paid()
        if guards.limited:
            tries.tokens = self._estimated(incoming, offer)
            tries.urgency = self._wishes().rank
            tries.client = self.caller or self._request.peer
        return self._dispatch(now)

    def _dispatch(self, now: float) -> Wants:
        """Calls the first of the choices that can be called now, or waits until one can."""
        incoming, tries = self._incoming, self._tries
        assert incoming is not None and tries is not None
        if now > self._queued_until:  # a machine that slept meanwhile
            return self._refuse(self._lost or failures.long_wait(), now)
        choosy, plan = self._choosy, self._plan
        if choosy and plan is not None:
            if self._phase is _QUEUED and self._prospect is not None:  # it was called by what it would do now
                plan = self._plan = self._prospect.plan
                tries.renew(best_few(plan) if self._house.fail_over else best_few(plan)[:1])
            elif not plan.goes(now - self._arrived):
                self._foresee()
                return self._queue(False, now)
        for position in tries.choices:
            offer, backend = tries.candidates[position]
            if incoming.operation in _ANSWERED_HERE and not self._same_format(offer, backend):
                return self._answer_here(incoming, offer, now)
            if backend.keeping is not None and offer.upstream not in backend.loaded and self._needs_room(offer, now):
                return (WakeAt(self._next_wake(now)),)
            if self._house.guards.limited and backend.id not in tries.parts:
                tries.parts[backend.id] = self._parts(incoming, offer, backend)
            if tries.take(position, self, now):
                if plan is not None:
                    self._took(offer)
                if self._phase is _QUEUED:
                    self._house.admission.served(self)
                if choosy:
                    self._waits_no_more()
                return self._call(offer, backend, now)
            if choosy:
                if tries.lacks_place:  # another one is the right one only when the plan says so
                    tries.crowded()
                    self._foresee()
                    return self._queue(False, now)
                choosy = False
                self._waits_no_more()
                if self._phase is _QUEUED:
                    self._house.admission.leave(self)
        before = tries.wanted
        if tries.crowded():
            return self._queue(before != tries.wanted, now)
        if self._phase is _QUEUED:  # it was for nothing: circuits opened or limits were reached meanwhile
            self._house.admission.leave(self)
        found = self._decide(now, None)
        return self._go_on(now) if found is None else self._refuse(self._given_up(found, now), now)

    def _needs_room(self, offer: Offer, now: float) -> bool:
        """Rests until there is room for a model that is not loaded; False where there is."""
        house, incoming = self._house, self._incoming
        assert incoming is not None
        backend = house.backend(offer.backend)
        keeping = backend.keeping
        if incoming.operation == "unload" or keeping is None:
            return False
        if self._phase is not _RESTING and keeping.busy(backend.id, offer.upstream):
            return False
        if not house.make_room(self, backend, offer.upstream, now):
            return False
        if self._phase is _QUEUED:
            house.admission.leave(self)
        self._waits_no_more()
        self._phase = _RESTING
        self._rested_until = now + ROOM
        return True

    def _queue(self, anew: bool, now: float) -> Wants:
        """Waits for a place; `anew`: on other backends than before."""
        tries, admission = self._tries, self._house.admission
        assert tries is not None
        if anew and self._phase is _QUEUED:
            admission.leave(self)
        until, prospect = self._patience(now), self._prospect
        if prospect is not None:
            tries.wanted = list(prospect.wanted)
        if not admission.wait(self, now, self._wishes().rank, self.caller or self._request.peer, until, prospect):
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

    def _next(self, error: OllamuxError, now: float, failure: Failure | None = None) -> Wants:
        """The attempt is lost, by the failure that the error speaks of where none is named: another, or this error."""
        if failure is None:
            failure = failures.told_by(error)
        tries = self._tries
        assert tries is not None
        if self._backend is not None:
            self._backend.cover(error)
        tries.failed(failures.outcome(failure), now)
        self._lost = error
        self._erred(error)
        again = not self._going_on and self._decide(now, failure) is None
        cancel = self._release(now)
        wants = self._go_on(now) if again else self._refuse(error, now)
        return (*cancel, *wants) if isinstance(wants, tuple) else cancel

    # Calling it -------------------------------------------------------------------------------------------------------

    def _call(self, offer: Offer, backend: Backend, now: float) -> Wants:
        incoming = self._incoming
        assert incoming is not None
        self._phase = _CALLING
        if self._queued_at >= 0.0:
            self._waited += now - self._queued_at
            self._queued_at = -1.0
        if self._called is not None:
            self._forget_attempt()
        self._backend = backend
        if offer is not self._offer:
            self._offer = offer
            self._served = None
        self._upstream = offer.upstream
        if not self._resumed:
            self._renderer = None  # what was told it before is no part of this answer
        self._queued_until = inf
        self._goes_out(now)
        self._called = self._calling(offer, backend)
        if self._seeking:
            self._found = True
            return None
        return self._make_call(offer, backend, now)

    def _make_call(self, offer: Offer, backend: Backend, now: float) -> Wants:
        """What goes out to the backend whose place it has."""
        incoming, called = self._incoming, self._called
        assert incoming is not None
        try:
            if called is None:
                return self._answer_itself(offer, backend, now)
            self._relaying = called.name == self._format and not self._resumed
            if self._relaying:
                if backend.manages:  # Ollama: nothing to rename where the client names that very model
                    self._upstream = self._house.catalog.spelling(incoming.model, offer.upstream)
                self._dialect = backend.dialect_for(self._upstream)
                outgoing = called.passthrough(incoming, self._upstream, self._defaults(offer), self._dialect)
            else:
                if incoming.keep_alive is None:
                    incoming.keep_alive = self._house.keep_alive
                self._neutral = incoming.neutral(self._seen_as(offer), offer.options)
                self._dialect = backend.dialect_for(offer.upstream)
                if self._resumed:
                    assert self._sent is not None
                    self._neutral = self._sent.request(self._neutral)
                return self._translate(now)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        self._warnings = outgoing.warnings  # what the reading of a request loses, one that passes through does not
        return self._send(outgoing, now)

    def _forget_attempt(self) -> None:
        """What the attempt before this one left is no part of it."""
        self._failure = ""
        self._answer_status = 200
        self._first_token = -1.0
        self._spent = self._usage = None
        self._opening = b""
        self._converter = self._copier = None
        self._first = self._collected = None
        self._fan = None

    def _translate(self, now: float) -> tuple[Want, ...]:
        """The neutral request goes out: its pictures first have to be there, and all but the first part of it waits.
        Raises InvalidRequest."""
        incoming, called, dialect, request = self._incoming, self._called, self._dialect, self._neutral
        assert incoming is not None and called is not None and dialect is not None and request is not None
        if (
            not dialect.image_urls
            and isinstance(request, ChatRequest)
            and not isinstance(request.messages, PlainMessages)
        ):
            from ollamux.exchange.images import Fetching, addresses, with_pictures

            have = self._pictures or {}
            wanted = [url for url in addresses(request, dialect) if url not in have]
            if wanted:
                self._fetching = Fetching(wanted, now, self._house.pictures)
                return self._fetch(now)
            if have:
                self._neutral = request = with_pictures(request, have)
        choices = incoming.choices
        if choices > 1 or dialect.most_inputs:
            from ollamux.exchange.fanout import fan_of

            self._fan = fan_of(request, choices, dialect)
            if self._fan is not None:
                request = self._fan.request
                if choices > 1 and incoming.stream:
                    self._renderer = cast("WholeRenderer", incoming.several(self._told()))
        outgoing = called.build(request, self._upstream, dialect)
        if self._resumed:
            from ollamux.exchange.resuming import with_prefill

            outgoing = with_prefill(outgoing, dialect)
        self._warnings = incoming.warnings + outgoing.warnings
        return self._send(outgoing, now)

    def _next_part(self, now: float) -> tuple[Want, ...]:
        """The next part of a request that its backend takes only in parts: on the same backend, in the same place."""
        called, dialect, fan, tries = self._called, self._dialect, self._fan, self._tries
        assert called is not None and dialect is not None and fan is not None and tries is not None
        self._spent = self._used()
        self._phase = _CALLING
        self._status = 0
        self._usage = None
        self._converter = self._copier = None
        self._first = self._collected = None
        self._dispatched = self._activity = now
        try:
            outgoing = called.build(fan.request, self._upstream, dialect)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        tries.part()
        return self._send(outgoing, now)

    # Pictures ---------------------------------------------------------------------------------------------------------

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
            self._goes_out(now)
            return self._translate(now)
        except (OllamuxError, RecursionError) as error:
            return self._no_picture(failures.of_request(error), now)

    def _no_picture(self, error: OllamuxError, now: float) -> tuple[Want, ...]:
        """A picture cannot be had, so the request cannot be understood."""
        attempt = self._attempt
        refused = self._refuse(error, now)
        return (Cancel(attempt), *refused)

    # Answering without a call -----------------------------------------------------------------------------------------

    def _answer_here(self, incoming: Incoming, offer: Offer, now: float) -> Wants:
        """Answers what needs no call: a load of what loads by itself, a count of tokens, estimated."""
        self._goes_out(now)
        renderer = self._make_renderer()
        try:
            if incoming.operation == "count":
                from ollamux.accounting.estimate import estimate

                body = renderer.counted(estimate(incoming.neutral(self._seen_as(offer), {})), now)
            else:
                body = renderer.loaded(incoming.operation, now)
        except (OllamuxError, RecursionError) as error:
            return self._refuse(failures.of_request(error), now)
        self._over(now)
        return self._answer(200, (("Content-Type", self._serving.whole_type),), body)

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
            from ollamux.exchange.gathering import gathered

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
        playing = self._playing
        assert playing is not None
        while playing and not out:
            out = renderer.events([playing.pop(0)], now)
        first: tuple[Want, ...] = (Data(out),) if self._committed else (self._stream_head(), Data(out))
        self._committed = True
        self._keepalive_at = inf
        if playing:
            return (*first, WakeAt(now + _PLAY_EVERY))
        self._over(now)
        return (*first, Data(renderer.end(now)), End())


def _loading(pairs: list[tuple[Offer, Backend]]) -> Backend | None:  # one that will be there soon
    return next((backend for _, backend in pairs if backend.loading), None)
