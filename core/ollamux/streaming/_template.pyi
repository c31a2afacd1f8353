"""The compiled template converter, as type checkers see it; _template.pyx says what it does."""

from ollamux.clock import Clock
from ollamux.conversation import Finish, StreamFault, Usage
from ollamux.streaming.convert import Relay
from ollamux.streaming.translator import Translator

__all__ = ("TemplateConverter",)

class TemplateConverter:
    """Converts as `general` does, and faster. Meets `Converter`."""

    fault: StreamFault | None
    usage: Usage | None

    def __init__(
        self,
        general: Translator | Relay,
        clock: Clock | None,
        markers: tuple[bytes, ...],
        ignored: tuple[bytes, ...] = (),
        counted: tuple[bytes, ...] = (),
        *,
        limit: int = 65536,
    ) -> None: ...
    @property
    def finish(self) -> Finish | None: ...
    @property
    def complete(self) -> bool: ...
    def copied(self, data: bytes, now: float) -> bytes | None: ...
    def feed(self, data: bytes, now: float) -> bytes: ...
    def close(self, now: float) -> bytes: ...
