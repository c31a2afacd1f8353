"""The lanes of the compiled converter, as type checkers see them: no Python code makes one. See _lane.pyx."""

__all__: tuple[str, ...] = ()
