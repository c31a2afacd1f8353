from ollamux.formats.asking import Incoming
from ollamux.formats.ollama.ask import Ask

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
def passed(incoming: Incoming, upstream: str, body: bytes, chat: bool) -> bytes | None: ...
def read_plain(ask: Ask) -> bool: ...
def stamp(unix: float) -> bytes: ...
