"""The compiled reader of plain chunks, as type checkers see it; _chunk.pyx says what it does."""

from ollamux.conversation import Timings, Usage

__all__ = ("PlainChunk", "read_chunk")

class PlainChunk:
    """What a chunk says."""

    id: str
    model: str
    role: str
    text: str
    thought: str
    finish: str
    kind: str | None
    created: int | None
    usage: Usage | None
    timings: Timings | None
    chosen: bool
    delta: bool
    named: bool
    spent: bool

def read_chunk(payload: bytes) -> PlainChunk | None: ...
