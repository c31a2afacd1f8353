"""The skeletons of the compiled converter, as type checkers see them; _skeleton.pyx says what they do."""

__all__ = ("Plan", "plan_of")

class Plan:
    """What is looked for in events, and what was found."""

def plan_of(markers: tuple[bytes, ...], ignored: tuple[bytes, ...], counted: tuple[bytes, ...], mirror: bool) -> Plan:
    """The plan for these names; the same one every time, with what was learned by it."""
