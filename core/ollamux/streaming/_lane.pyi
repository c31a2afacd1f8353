"""The lanes of the compiled converter, as type checkers see them: Python code makes none; _lane.pyx says what they do."""

__all__: tuple[str, ...] = ()
