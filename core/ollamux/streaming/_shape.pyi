"""The shapes of JSON that comes again, as type checkers see them: no Python code makes one. See _shape.pyx."""

__all__: tuple[str, ...] = ()
