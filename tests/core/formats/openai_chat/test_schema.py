"""What servers answer, decoded loosely."""

from __future__ import annotations

from ollamux.formats.openai_chat import schema


def test_null_and_absent_are_the_same() -> None:
    reply = schema.decode_reply(b'{"choices":null,"usage":null,"timings":null,"id":null}')
    assert (reply.choices, reply.usage, reply.timings, reply.id) == (None, None, None, None)


def test_unknown_fields_are_skipped() -> None:
    reply = schema.decode_reply(b'{"choices":[{"delta":{"content":"a","x":[1]},"y":{}}],"obfuscation":"abc"}')
    assert reply.choices is not None
    assert reply.choices[0].delta is not None
    assert reply.choices[0].delta.content == "a"
