from ollamux.usage import Usage

class PlainAsk:
    model: str
    messages: bytes
    stream: bool
    options: bytes | None

def ending(
    before: bytes,
    unix: float,
    between: bytes,
    said: bytes,
    behind: bytes,
    total: int,
    load: int,
    read: int,
    prompt: int,
    written: int,
    output: int,
) -> bytes: ...
def figures(total: int, load: int, read: int, prompt: int, written: int, output: int) -> bytes: ...
def passed(body: bytes, name: str | None, chat: bool) -> tuple[bytes, Usage] | None: ...
def read_plain(body: bytes) -> PlainAsk | None: ...
def stamp(unix: float) -> bytes: ...
