"""What is hot and simple about Ollama's chats, compiled where it can be: reading a plain one, letting an answer pass,
and the figures and time stamps of answers.

Rules: without the compiled module nothing is read quickly, and what is written is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.clock import Clock

__all__ = ("ending", "figures", "passed", "read_plain", "stamp")

_TOLD = (
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)

if TYPE_CHECKING:
    from ollamux.formats.asking import Incoming
    from ollamux.formats.ollama._plain import ending, figures, passed, read_plain, stamp
    from ollamux.formats.ollama.ask import Ask
else:
    try:
        from ollamux.formats.ollama._plain import ending, figures, passed, read_plain, stamp
    except ImportError:
        _at_the_epoch = Clock()

        def read_plain(ask: Ask) -> bool:
            """Nothing is read quickly."""
            return False

        def passed(incoming: Incoming, upstream: str, body: bytes, chat: bool) -> None:
            """Nothing passes quickly."""

        def stamp(unix: float) -> bytes:
            """A moment in seconds since the epoch, as `Clock.stamp` writes it."""
            return _at_the_epoch.stamp(unix).encode()

        def figures(total: int, load: int, read: int, prompt: int, written: int, output: int) -> bytes:
            """How long an answer took, in nanoseconds, and what it cost, in tokens, as members of it: in all, loading,
            tokens read and their time, tokens written and theirs. What is not above zero is not told."""
            told = zip(_TOLD, (total, load, read, prompt, written, output), strict=True)
            return "".join([f',"{name}":{number}' for name, number in told if number > 0]).encode()

        def ending(before: bytes, unix: float, between: bytes, said: bytes, behind: bytes, *numbers: int) -> bytes:
            """An answer that is done: `before`, the time stamp, `between`, `said`, `behind`, and the figures."""
            return before + stamp(unix) + between + said + behind + figures(*numbers) + b"}"
