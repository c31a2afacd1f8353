"""How a call goes out to the backend that was chosen, and how what comes back is read and written.

Strategy: what passes through is relayed, all else goes through the neutral model. A request that its backend takes only
in parts goes out part by part, and its answer is written when the last of them has come.

Rules: whom to call, and what to do when it fails, is decided elsewhere; a part, too, is a call that uses a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ollamux.answer import Answer
from ollamux.contract import Read, WakeAt, Want
from ollamux.conversation import EmbedAnswer
from ollamux.errors import OllamuxError
from ollamux.exchange import heads
from ollamux.exchange.ending import EndState
from ollamux.exchange.phases import Phase
from ollamux.formats.base import Calling, Neutral
from ollamux.formats.outgoing import Outgoing
from ollamux.routing.catalog import Offer
from ollamux.streaming.convert import converter_for
from ollamux.streaming.translator import Converter, Translator
from ollamux.usage import Usage

if TYPE_CHECKING:
    from ollamux.exchange.fanout import Fan

__all__ = ("SendState", "used_by")

_FETCHING = Phase.FETCHING
_NAMES_ITS_PARTS = "openai_responses"
"""The format in whose streams each part has a name, which nobody else can go on with."""
_PLAIN = ("stop", "tool_calls")
_BLOCKS = {"anthropic": (b"event: content_block_start", b"event: content_block_stop")}
"""The lines by which a format opens and closes a text in a stream that passes through."""


class SendState(EndState):
    """See the module."""

    __slots__ = ()

    # Out --------------------------------------------------------------------------------------------------------------

    def _defaults(self, offer: Offer) -> Mapping[str, object]:
        """The configured options for a request that passes through, and the default keep_alive beside them."""
        if self._house.keep_alive is None:
            return offer.options
        return {**offer.options, "keep_alive": self._house.keep_alive}

    def _send(self, outgoing: Outgoing, now: float) -> tuple[Want, ...]:
        """Calls the backend with this request, or with this part of it."""
        backend, incoming = self._backend, self._incoming
        assert backend is not None and incoming is not None
        if backend.keeping is not None:
            if self._keeps:
                self._keep_no_more(backend, incoming, now)
            outgoing = self._kept(backend, incoming, outgoing, now)
        self._attempt += 1
        self._key = backend.choose_key(now) if backend.watched else 0
        call = backend.call(self._attempt, outgoing, self._upstream, self._key, now)
        call.wake = self._next_wake(now)
        return (call,) if self._paused_at is None else (call, Read(self._attempt, False))

    def _fetch(self, now: float) -> tuple[Want, ...]:
        """Asks for the next picture. Raises InvalidRequest."""
        assert self._fetching is not None
        self._phase = _FETCHING
        self._attempt += 1
        return (self._fetching.call(self._attempt), WakeAt(self._next_wake(now)))

    # Back -------------------------------------------------------------------------------------------------------------

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
            return self._serving.relay(incoming, self._told(), self._upstream)
        assert self._neutral is not None
        reader = called.reader(self._neutral, self._dialect)
        if self._resumed:
            from ollamux.exchange.resuming import Going

            assert self._sent is not None
            return Translator(Going(reader, self._sent), self._make_renderer())
        return converter_for(Translator(reader, self._make_renderer()), self._house.clock, called.text_markers)

    def _witnessed(self, converter: Converter) -> Converter:
        """The same, with a note of what goes out, where another backend may have to go on with it."""
        incoming, called, offer = self._incoming, self._called, self._offer
        assert incoming is not None and called is not None and offer is not None and self._dialect is not None
        if self._relaying and self._format == _NAMES_ITS_PARTS:
            return converter
        from ollamux.exchange.resuming import Sent, Witness

        try:
            neutral = self._neutral if not self._relaying else incoming.neutral(self._seen_as(offer), offer.options)
            assert neutral is not None
            sent = Sent(neutral)
            reader = called.reader(neutral, self._dialect)
        except (OllamuxError, RecursionError):
            return converter
        self._sent = sent
        block = _BLOCKS.get(self._format) if self._relaying else None
        return Witness(converter, reader, sent, block) if sent.usable else converter

    def _render_whole(self, called: Calling, neutral: Neutral, body: bytes, now: float) -> bytes:
        assert self._dialect is not None and self._incoming is not None
        found = called.whole(neutral, body, self._dialect)
        if not isinstance(found, Answer):
            self._usage = used_by(found)
            return self._make_renderer().embedded(found, now)
        answer = found
        self._usage = answer.usage
        self._finished(answer.finish or "stop", answer.native)
        if self._renderer is not None:
            return self._renderer.whole(answer, now)
        return self._serving.whole(self._incoming, self._told(), answer, now)

    def _finished(self, reason: str, native: str) -> None:
        """Counts the backend's word for why it stopped, where it means nothing to us and passed for a stop."""
        called = self._called
        if native != reason and called is not None and reason in _PLAIN and native not in called.finishes:
            self._house.ledger.finished(called.name, native)

    def _render_parts(self, fan: Fan, now: float) -> bytes:
        if fan.vectors:
            from ollamux.exchange.fanout import joined

            return self._make_renderer().embedded(joined(fan.vectors), now)
        assert self._incoming is not None
        return self._incoming.several(self._told()).whole_of(fan.answers, now)


def used_by(found: Answer | EmbedAnswer) -> Usage | None:
    """What a whole answer cost, as far as it tells."""
    return found.usage if isinstance(found, Answer) else Usage(found.input_tokens)
