"""The compiled reader of plain chunks, as type checkers see it; _chunk.pyx says what it does."""

from ollamux.conversation import Timings, Usage

__all__ = ("PlainChunk", "read_chunk", "speaks")

class PlainChunk:
    """What a chunk says."""

    @property
    def id(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def thought(self) -> str: ...
    @property
    def finish(self) -> str: ...
    @property
    def kind(self) -> str | None: ...
    @property
    def created(self) -> int | None: ...
    usage: Usage | None
    timings: Timings | None
    chosen: bool
    delta: bool
    named: bool
    identified: bool
    spoken: bool
    ended: bool
    spent: bool

def read_chunk(payload: bytes) -> PlainChunk | None: ...
def speaks(payload: bytes) -> bool | None: ...
