"""How an exchange ends, and what it gives back: an error in the client's own format, its place, its attempt.

Rules: an exchange ends once, and whatever is reported afterwards comes too late.
"""

from __future__ import annotations

from ollamux.contract import Cancel, Data, End, HeaderPairs, Want
from ollamux.errors import OllamuxError
from ollamux.exchange import heads
from ollamux.exchange.phases import Phase
from ollamux.exchange.searching import SearchState

__all__ = ("EndState",)

_LOOKING, _QUEUED, _RESTING, _FETCHING, _CALLING, _ANSWERING, _PLAYING, _OVER = Phase
# By these names, since to look up a member of an enum is slow.


class EndState(SearchState):
    """See the module."""

    __slots__ = ()

    def _refuse(self, error: OllamuxError, now: float, decision: HeaderPairs = ()) -> tuple[Want, ...]:
        """Ends with this error, in the client's format."""
        streaming = self._incoming is not None and self._incoming.stream
        decision = self._named(decision, True)
        self._name_request(error)
        self._erred(error)
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
        if self._tries is not None:
            self._tries.rest_no_more()
        self._phase = _OVER
        self._attempt += 1  # whatever is reported now comes too late
        self._count(now)

    def _release(self, now: float) -> tuple[Want, ...]:
        """Gives the place back and stops what is under way."""
        if self._backend is None:
            return ()
        self._let_go(now)
        attempt, self._attempt = self._attempt, self._attempt + 1
        self._status = 0
        self._head_headers = ()
        return (Cancel(attempt),) if attempt else ()

    def _kept_head(self, error: OllamuxError, told: HeaderPairs) -> HeaderPairs:
        """The headers of an error whose body goes on as it came: the backend's type, what the client's format adds."""
        _, made, _ = self._serving.failure(error, streaming=False)
        names = {name for name, _ in told} | {"content-type"}
        ours = tuple([pair for pair in made if pair[0].lower() not in names])
        kind = heads.header(self._head_headers, "content-type") or self._serving.whole_type
        return (("Content-Type", kind), *ours, *told)

    def _name_request(self, error: OllamuxError) -> None:
        """Says in the error which request it ends."""
        if not error.request_id:
            if not self.request_id:
                self.request_id = self._house.feed.next_id()
            error.request_id = self.request_id
