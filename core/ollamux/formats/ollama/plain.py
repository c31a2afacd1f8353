"""What is hot and simple about Ollama's chats, compiled where it can be: reading a plain one, letting an answer pass,
and the figures and time stamps of answers.

Rules: without the compiled module nothing is read quickly, and what is written is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ollamux.clock import Clock

__all__ = ("new_figures", "passed", "read_plain", "stamp")

_TOLD = (
    ("total_duration", "total"),
    ("load_duration", "load"),
    ("prompt_eval_count", "read"),
    ("prompt_eval_duration", "prompt"),
    ("eval_count", "written"),
    ("eval_duration", "output"),
)

if TYPE_CHECKING:
    from ollamux.formats.ollama._plain import Figures, passed, read_plain, stamp
else:
    try:
        from ollamux.formats.ollama._plain import Figures, passed, read_plain, stamp
    except ImportError:
        _at_the_epoch = Clock()

        def read_plain(body: bytes) -> None:
            """Nothing is read quickly."""

        def passed(body: bytes, name: str | None, chat: bool) -> None:
            """Nothing passes quickly."""

        def stamp(unix: float) -> bytes:
            """A moment in seconds since the epoch, as `Clock.stamp` writes it."""
            return _at_the_epoch.stamp(unix).encode()

        class Figures:
            """How long an answer took, in nanoseconds, and what it cost, in tokens; what is not above zero is not told:
            in all, loading, tokens read and their time, tokens written and theirs."""

            __slots__ = ("load", "output", "prompt", "read", "total", "written")

            def __init__(self) -> None:
                self.total = self.load = self.read = self.prompt = self.written = self.output = 0

            def members(self) -> bytes:
                """As members of an answer."""
                told = [(name, getattr(self, field)) for name, field in _TOLD]
                return "".join([f',"{name}":{number}' for name, number in told if number > 0]).encode()

            def ending(self, before: bytes, unix: float, between: bytes, said: bytes, behind: bytes) -> bytes:
                """An answer that is done: `before`, the time stamp, `between`, `said`, `behind`, and these figures."""
                return before + stamp(unix) + between + said + behind + self.members() + b"}"


new_figures: Callable[[], Figures] = Figures
"""None of them told yet. Compiled code knows the type by its module, and has to get them from here."""
