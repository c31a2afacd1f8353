"""What is hot and simple about Ollama's chats, compiled where it can be: reading a plain one, and the figures and time
stamps of answers.

Rules: without the compiled module nothing is read quickly, and what is written is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.clock import Clock

__all__ = ("ending", "metrics", "read_plain", "stamp")

_TOLD = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)

if TYPE_CHECKING:
    from ollamux.formats.ollama._plain import ending, metrics, read_plain, stamp
else:
    try:
        from ollamux.formats.ollama._plain import ending, metrics, read_plain, stamp
    except ImportError:
        _at_the_epoch = Clock()

        def read_plain(body: bytes) -> None:
            """Nothing is read quickly."""

        def metrics(*numbers: int) -> bytes:
            """The members of an answer that tell how long it took, in nanoseconds, and what it cost, in tokens: total,
            load, prompt tokens, their time, answer tokens, their time. What is not above zero is left out."""
            told = zip(_TOLD, numbers, strict=True)
            return "".join([f',"{name}":{number}' for name, number in told if number > 0]).encode()

        def stamp(unix: float) -> bytes:
            """A moment in seconds since the epoch, as `Clock.stamp` writes it."""
            return _at_the_epoch.stamp(unix).encode()

        def ending(before: bytes, unix: float, between: bytes, said: bytes, *numbers: int) -> bytes:
            """An answer that is done: `before`, the time stamp, `between`, `said`, and the figures of `metrics`."""
            return before + stamp(unix) + between + said + metrics(*numbers) + b"}"
