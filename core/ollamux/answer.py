"""A backend's whole answer in the neutral model.

Strategy: who reads an answer may leave its text undecoded, for whoever writes it again most often needs no more than
another spelling of it: `told` gives that, and what has to be decoded (`parts`, `id`, `model`) is decoded when somebody
asks for it.

Rules: immutable once built, whatever of it was asked for; two answers that say the same are equal. It stands below
`conversation`, whose types its fields have: `parts` is a list of Part, `finish` a FinishReason.
"""

from __future__ import annotations

from typing import Any

from ollamux.usage import Usage

__all__ = ("Answer",)


class Answer:
    """What a backend said. `finish` None means that it named no reason; `native` is its own word for it."""

    __slots__ = (
        "_created",
        "_id",
        "_model",
        "_parts",
        "finish",
        "logprobs",
        "native",
        "stop_sequence",
        "timings",
        "usage",
    )

    def __init__(
        self,
        parts: list[Any],
        finish: Any = None,
        usage: Usage | None = None,
        timings: Any = None,
        logprobs: tuple[Any, ...] | None = None,
        id: str = "",
        model: str = "",
        created: int = 0,
        native: str = "",
        stop_sequence: str | None = None,
    ) -> None:
        self._parts: list[Any] | None = parts
        self._id = id
        self._model = model
        self.finish = finish
        self.usage = usage
        self.timings = timings
        self.logprobs = logprobs
        self._created = created
        self.native = native
        self.stop_sequence = stop_sequence

    @property
    def parts(self) -> list[Any]:
        """What it consists of, in its order."""
        if self._parts is None:
            self._open()
        return self._parts or []

    @property
    def id(self) -> str:
        """Its id."""
        if self._parts is None:
            self._open()
        return self._id

    @property
    def model(self) -> str:
        """The model's name as the backend has it."""
        if self._parts is None:
            self._open()
        return self._model

    @property
    def created(self) -> int:
        """When it was made, in seconds since the epoch; zero where that is not told."""
        if self._parts is None:
            self._open()
        return self._created

    def _open(self) -> None:
        """Decodes what is not decoded yet."""

    def told(self, html: bool) -> bytes | None:
        """The text as a JSON string, signs of HTML as escapes if `html`, where text is all that it consists of and that
        needs no decoding; None where it has to be put together from the parts."""
        return None

    def having(self, parts: list[Any], usage: Usage | None) -> Answer:
        """The same answer but for these."""
        return Answer(
            parts,
            self.finish,
            usage,
            self.timings,
            self.logprobs,
            self.id,
            self.model,
            self.created,
            self.native,
            self.stop_sequence,
        )

    def _values(self) -> tuple[object, ...]:
        return (
            self.parts,
            self.finish,
            self.usage,
            self.timings,
            self.logprobs,
            self.id,
            self.model,
            self.created,
            self.native,
            self.stop_sequence,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Answer) and self._values() == other._values()

    __hash__ = None  # type: ignore[assignment]  # its parts are a list

    def __repr__(self) -> str:
        return f"Answer{self._values()!r}"
