def read_plain(body: bytes) -> tuple[str, bytes, bool, bytes | None] | None: ...
def metrics(total: int, load: int, read: int, prompt: int, written: int, output: int, /) -> bytes: ...
def stamp(unix: float, /) -> bytes: ...
def ending(
    before: bytes,
    unix: float,
    between: bytes,
    said: bytes,
    total: int,
    load: int,
    read: int,
    prompt: int,
    written: int,
    output: int,
    /,
) -> bytes: ...
