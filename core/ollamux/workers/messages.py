"""What workers tell one another, and how it travels: a tagged value as MessagePack, in a frame with its length.

Strategy: a frame names its addressee in front, so that whoever carries it forwards bytes and reads none. `kept` marks
what the carrier holds on to for the sender's successor, should the sender end without a word.

Rules: the carrier is trusted, it is the process that started all of them; a message that cannot be read is dropped, not
an error, since the one that sent it may be of another mind; no message holds a key.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from ollamux.formats.openai_responses.store import Kept
from ollamux.hardware.readings import Readings
from ollamux.resilience.health import Kind
from ollamux.workers.books import Books

__all__ = (
    "BOOKS",
    "EVERYONE",
    "HEARD",
    "LARGEST",
    "Answer",
    "Ask",
    "Chosen",
    "Forgotten",
    "Frame",
    "Frames",
    "Joined",
    "Left",
    "Located",
    "Message",
    "Present",
    "Question",
    "Round",
    "Sensed",
    "Stored",
    "Told",
    "Wanted",
    "decode",
    "frame_of",
    "left",
)

EVERYONE = 0xFFFF
"""The addressee who is all the others."""

LARGEST = 256 * 1024 * 1024
"""Bytes of one frame; a length above it is no frame."""

_HEAD = struct.Struct("!IHB")


class Wanted(msgspec.Struct, frozen=True, tag="wanted"):
    """Whether a response of this owner is kept there, by its own id or that of one of its items."""

    owner: str
    id: str = ""
    item: str = ""


class _Books(msgspec.Struct, frozen=True, tag="books"):
    """What has been counted there."""


class _Heard(msgspec.Struct, frozen=True, tag="heard"):
    """Whether everything has been heard that was said before; and that it has."""


BOOKS = _Books()
HEARD = _Heard()

Question: TypeAlias = Wanted | _Books | _Heard


class Stored(msgspec.Struct, frozen=True, tag="stored"):
    """A response that is kept there, or None; `behind` is the model whose backend keeps it, empty for none."""

    kept: Kept | None
    behind: str = ""


Answer: TypeAlias = Stored | Books | _Heard


class Joined(msgspec.Struct, frozen=True, tag="joined"):
    """This worker serves now, and knows nothing yet."""

    sender: int


class Present(msgspec.Struct, frozen=True, tag="present"):
    """This one has served before."""

    sender: int


class Left(msgspec.Struct, frozen=True, tag="left"):
    """This one is gone; said by the carrier."""

    worker: int


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A question, by a number of the sender's."""

    sender: int
    number: int
    question: Question


class Told(msgspec.Struct, frozen=True, tag="told"):
    """Its answer."""

    sender: int
    number: int
    answer: Answer


class Round(msgspec.Struct, frozen=True, tag="round"):
    """A round of probes of a backend is over: status and body by path, or why the first of them was not answered, how,
    and how many seconds that took, negative where nothing came. The whole round lasted so many seconds."""

    backend: str
    answers: dict[str, tuple[int, bytes]]
    failed: str
    kind: Kind
    took: float
    lasted: float


class Sensed(msgspec.Struct, frozen=True, tag="sensed"):
    """The sensors of the machine were read."""

    readings: Readings


class Chosen(msgspec.Struct, frozen=True, tag="chosen"):
    """A person chose this efficiency mode."""

    mode: str


class Located(msgspec.Struct, frozen=True, tag="located"):
    """A supervised backend listens here now, or is down."""

    backend: str
    endpoint: str | None
    reason: str = ""
    loading: bool = False


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten"):
    """A response of this owner was deleted."""

    owner: str
    id: str


Message: TypeAlias = Joined | Present | Left | Ask | Told | Round | Sensed | Chosen | Located | Forgotten

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(Message).decode


def decode(payload: bytes) -> Message | None:
    """The message; None where it is none."""
    try:
        return _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def frame_of(message: Message, target: int = EVERYONE, *, kept: bool = False) -> bytes:
    """A message for one worker, or for all others."""
    payload = _encode(message)
    return _HEAD.pack(len(payload), target, kept) + payload


def left(worker: int) -> bytes:
    """What the carrier tells each of the others when one has ended."""
    return frame_of(Left(worker))


class Frame(NamedTuple):
    """A frame as it arrived: for whom, whether the carrier keeps it, the message's bytes, and all of it."""

    target: int
    kept: bool
    payload: bytes
    whole: bytes


class Frames:
    """Finds the frames in a stream of bytes, cut anywhere. ValueError where it is no such stream."""

    __slots__ = ("_data",)

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now."""
        held = self._data
        held += data
        at = 0
        try:
            while len(held) - at >= _HEAD.size:
                length, target, kept = _HEAD.unpack_from(held, at)
                if length > LARGEST:
                    raise ValueError("what arrives is no frame")
                end = at + _HEAD.size + length
                if len(held) < end:
                    break
                whole = bytes(held[at:end])
                at = end
                yield Frame(target, bool(kept), whole[_HEAD.size :], whole)
        finally:
            del held[:at]
