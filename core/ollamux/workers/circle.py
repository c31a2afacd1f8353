"""One worker's place among the others: what it tells them, what it hears, and the questions that its requests ask them.

Strategy: what one learned, all know: rounds of probes, readings of sensors, an efficiency mode that was chosen, where a
supervised backend listens. What was counted and what was stored stays where it is, and is asked for when a request
wants it. A question goes to those that are there; it is settled when all have answered or are gone, or when whoever
asks waits no longer.

Rules: nothing waits here; frames leave by `post`, which must not fail; what is heard is not told again. A worker that
begins is told what the others know by the first of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ollamux.exchange.base import Exchange
from ollamux.formats.openai_responses.incoming import named_elsewhere
from ollamux.formats.openai_responses.store import StoredResponses
from ollamux.hardware.readings import Readings
from ollamux.workers.books import Books, CountingHouse, Together, add, books_of
from ollamux.workers.consulting import FOR_FIGURES, Consulting
from ollamux.workers.dividing import Part
from ollamux.workers.messages import (
    BOOKS,
    HEARD,
    Answer,
    Ask,
    Chosen,
    Forgotten,
    Joined,
    Left,
    Located,
    Message,
    Present,
    Question,
    Round,
    Sensed,
    Stored,
    Told,
    Wanted,
    decode,
    frame_of,
)

if TYPE_CHECKING:
    from ollamux.config import Config

__all__ = ("Circle", "CircleHouse")


class CircleHouse(CountingHouse, Protocol):
    """What a worker's gateway does with what it hears."""

    @property
    def stored(self) -> StoredResponses:
        """The responses that are kept here."""
        ...

    def resume(self, exchange: Exchange) -> None:
        """What this exchange waited for has come."""
        ...

    def heard(self, told: Round, now: float) -> None:
        """Another worker's round of probes is over."""
        ...

    def sensed(self, readings: Readings, now: float) -> None:
        """The sensors were read."""
        ...

    def choose_efficiency(self, mode: str) -> None:
        """A person chose an efficiency mode."""
        ...

    def locate(self, backend_id: str, endpoint: str | None, reason: str = "", *, loading: bool = False) -> None:
        """A supervised backend listens here now."""
        ...


class _Pending:
    """A question under way."""

    __slots__ = ("answers", "exchange", "missing")

    def __init__(self, exchange: Exchange, missing: set[int]) -> None:
        self.exchange = exchange
        self.missing = missing
        self.answers: list[Answer] = []


class Circle:
    """See the module. `config` is the configuration of all, undivided."""

    def __init__(self, house: CircleHouse, part: Part, config: Config) -> None:
        self.part = part
        self.post: Callable[[bytes], None] | None = None
        self._house = house
        self._config = config
        self._present: set[int] = set()
        self._pending: dict[int, _Pending] = {}
        self._asked = 0
        self._last: dict[int, Books] = {}
        self._rounds: dict[str, Round] = {}
        self._located: dict[str, Located] = {}
        self._mode = ""
        self._hearing = False

    # What this one says -----------------------------------------------------------------------------------------------

    def join(self, before: bytes = b"") -> None:
        """It serves from now on. `before` is what its predecessor said last of what it had counted."""
        told = decode(before) if before else None
        if isinstance(told, Told) and isinstance(told.answer, Books):
            add(self._house.ledger, told.answer)
        self._tell(Joined(self.part.number))

    def probed(self, told: Round) -> None:
        """A round of probes is over here."""
        self._rounds[told.backend] = told
        self._tell(told)

    def sensed(self, readings: Readings) -> None:
        """The sensors were read here."""
        self._tell(Sensed(readings))

    def chosen(self, mode: str) -> None:
        """A person chose an efficiency mode here."""
        self._mode = mode
        self._tell(Chosen(mode))

    def located(self, backend: str, endpoint: str | None, reason: str, *, loading: bool) -> None:
        """A backend that is supervised here listens there now."""
        told = self._located[backend] = Located(backend, endpoint, reason, loading)
        self._tell(told)

    def forgotten(self, id_: str, owner: str) -> None:
        """A response was deleted here."""
        self._tell(Forgotten(owner, id_))

    def _tell(self, message: Message) -> None:
        """All others hear this, but what this one has just heard itself."""
        if not self._hearing:
            self._post(frame_of(message))

    # Questions --------------------------------------------------------------------------------------------------------

    def ask(self, question: Question, exchange: Exchange) -> bool:
        """Asks all others; the gateway's `ready` yields the exchange when they have answered. False where there is
        nobody to ask."""
        if not self._present:
            return False
        self._asked += 1
        self._pending[self._asked] = _Pending(exchange, set(self._present))
        self._tell(Ask(self.part.number, self._asked, question))
        return True

    def answers(self, exchange: Exchange) -> list[Answer]:
        """What was answered to this exchange's question up to now. It waits no longer."""
        for number, pending in self._pending.items():
            if pending.exchange is exchange:
                del self._pending[number]
                return pending.answers
        return []

    def together(self, make: Callable[[Any], Exchange]) -> Exchange:
        """The exchange that tells of all workers: `make` gets the gateway with the figures of the others added."""
        return Consulting(self, (BOOKS,), lambda answers, at: make(self._together(answers)), patience=FOR_FIGURES)

    def when_heard(self, exchange: Exchange) -> Exchange:
        """This exchange, when all others have heard what was said before."""
        return Consulting(self, (HEARD,), lambda answers, at: exchange)

    def fetched(self, id_: str, owner: str, then: Callable[[float], Exchange]) -> Exchange:
        """What `then` makes, when a response that another one may keep is here, if there is one."""
        return self._fetching((Wanted(owner, id=id_),), id_, owner, then)

    def going_on(self, body: bytes, owner: str, then: Callable[[], Exchange]) -> Exchange:
        """What `then` makes, when the responses that a request names are here, if there are any."""
        id_, items = named_elsewhere(body, owner, self._house.stored)
        questions = [*((Wanted(owner, id=id_),) if id_ else ()), *(Wanted(owner, item=item) for item in items)]
        return self._fetching(questions, id_, owner, lambda at: then()) if questions else then()

    def _fetching(
        self, questions: Sequence[Question], id_: str, owner: str, then: Callable[[float], Exchange]
    ) -> Exchange:
        def found(answers: Sequence[Answer], now: float) -> Exchange:
            self._adopt(answers, id_, owner, now)
            return then(now)

        return Consulting(self, questions, found)

    def _together(self, answers: Sequence[Answer]) -> Together:
        """Of one that did not answer, the figures that it told last."""
        found = [answer for answer in answers if isinstance(answer, Books)]
        heard = {books.worker for books in found}
        found += [books for worker, books in self._last.items() if worker not in heard]
        return Together(self._house, self._config, self.part.number, found)

    def _adopt(self, answers: Sequence[Answer], id_: str, owner: str, now: float) -> None:
        """Keeps here, too, what others keep of this owner."""
        stored = self._house.stored
        for answer in answers:
            if isinstance(answer, Stored):
                if answer.kept is not None:
                    stored.adopt(answer.kept, now)
                if answer.behind:
                    stored.remember(id_, owner, answer.behind)

    # What it hears ----------------------------------------------------------------------------------------------------

    def hear(self, payload: bytes, now: float) -> None:
        """A message of another worker, or of who carries them."""
        message = decode(payload)
        self._hearing = True
        try:
            if message is not None:
                self._hear(message, now)
        finally:
            self._hearing = False

    def _hear(self, message: Message, now: float) -> None:
        match message:
            case Joined(sender):
                self._met(sender)
                self._welcome(sender)
            case Present(sender):
                self._met(sender)
            case Left(worker):
                self._present.discard(worker)
                for pending in list(self._pending.values()):
                    self._answered(pending, worker)
            case Ask(sender, number, question):
                self._met(sender)
                answer = self._found(question, now)
                told = Told(self.part.number, number, answer)
                self._post(frame_of(told, sender, kept=isinstance(answer, Books)))
            case Told(sender, number, answer):
                if isinstance(answer, Books):
                    self._last[sender] = answer
                asked = self._pending.get(number)
                if asked is not None:
                    asked.answers.append(answer)
                    self._answered(asked, sender)
            case Round():
                self._rounds[message.backend] = message
                self._house.heard(message, now)
            case Sensed(readings):
                self._house.sensed(readings, now)
            case Chosen(mode):
                self._house.choose_efficiency(mode)
            case Located(backend, endpoint, reason, loading):
                self._house.locate(backend, endpoint, reason, loading=loading)
            case Forgotten(owner, id_):
                self._house.stored.forget(id_, owner)

    def _met(self, worker: int) -> None:
        if 0 <= worker < self.part.of and worker != self.part.number:
            self._present.add(worker)

    def _welcome(self, newcomer: int) -> None:
        """Tells one that begins that this one is there, and, if no other one does, what all know."""
        self._post(frame_of(Present(self.part.number), newcomer))
        others = self._present - {newcomer}
        if not others or self.part.number < min(others):
            mode = (Chosen(self._mode),) if self._mode else ()
            known: tuple[Message, ...] = (*self._located.values(), *self._rounds.values(), *mode)
            for message in known:
                self._post(frame_of(message, newcomer))

    def _found(self, question: Question, now: float) -> Answer:
        if question == HEARD:
            return HEARD
        if not isinstance(question, Wanted):
            return books_of(self._house, self.part.number)
        kept, owner = self._house.stored, question.owner
        if question.item:
            return Stored(kept.holder(question.item, owner))
        return Stored(kept.find(question.id, owner, now), kept.behind(question.id, owner))

    def _answered(self, pending: _Pending, worker: int) -> None:
        if worker in pending.missing:
            pending.missing.discard(worker)
            if not pending.missing:
                self._house.resume(pending.exchange)

    def _post(self, frame: bytes) -> None:
        if self.post is not None:
            self.post(frame)
