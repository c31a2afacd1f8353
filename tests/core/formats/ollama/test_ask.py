"""What a plain chat says, as it came."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux import _build
from ollamux.formats.ollama.ask import Ask
from ollamux.formats.ollama.plain import read_plain


@pytest.mark.skipif(not _build.compiled(("ollamux.formats.ollama._plain",)), reason="nothing is read quickly")
@pytest.mark.parametrize(
    ("more", "wishes", "stream"),
    [(b"", None, True), (b',"options": {"seed" : 1}', b'{"seed" : 1}', True), (b',"stream":false', None, False)],
)
def test_messages_and_options_are_kept_as_they_came(more: bytes, wishes: Any, stream: bool) -> None:
    ask = Ask()
    ask.body = b'{"model":"m", "messages": [ {"content":"\\n", "role":"user"} ]' + more + b"}"
    assert read_plain(ask)
    assert (ask.said, ask.wishes) == (b'[ {"content":"\\n", "role":"user"} ]', wishes)
    assert (ask.model, ask.stream) == ("m", stream)
