"""A request to a backend, in its own format."""

from __future__ import annotations

from ollamux.contract import HeaderPairs, Value

__all__ = ("Outgoing", "outgoing_of")


class Outgoing(Value):
    """A request to a backend: the path below its base URL, the body, what could not be carried, and the headers of this
    request alone (a version, a beta)."""

    __slots__ = __match_args__ = ("path", "body", "warnings", "headers")

    def __init__(self, path: str, body: bytes, warnings: tuple[str, ...] = (), headers: HeaderPairs = ()) -> None:
        self.path = path
        self.body = body
        self.warnings = warnings
        self.headers = headers

    def with_body(self, body: bytes) -> Outgoing:
        """The same with another body."""
        return Outgoing(self.path, body, self.warnings, self.headers)

    def warned(self, warnings: tuple[str, ...]) -> Outgoing:
        """The same with these warnings."""
        return Outgoing(self.path, self.body, warnings, self.headers)


def outgoing_of(path: str, body: bytes, warnings: tuple[str, ...]) -> Outgoing:
    """A request without headers: compiled, a call of a function costs a fraction of one of a type."""
    made = Outgoing.__new__(Outgoing)
    made.path = path
    made.body = body
    made.warnings = warnings
    made.headers = ()
    return made
