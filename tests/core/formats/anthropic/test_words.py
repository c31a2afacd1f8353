"""Clients' words in headers."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.anthropic.incoming import read_route
from ollamux.formats.anthropic.passing import pass_on
from ollamux.formats.anthropic.words import listed, tame
from ollamux.formats.base import Dialect, Served


def test_words_are_listed_in_order_and_not_without_end() -> None:
    assert listed({"b", "a"}) == "a, b"
    assert listed(f"w{number:02}" for number in range(30)).endswith("w19, ...")


def test_a_word_is_never_more_than_a_line() -> None:
    assert tame("a\r\nSet-Cookie: x") == "a??Set-Cookie:?x" and tame("für") == "f?r" and len(tame("x" * 99)) == 64


@given(word=st.text(min_size=1, max_size=90))
def test_no_word_of_a_client_breaks_a_header(word: str) -> None:
    content = [{"type": "text", "text": "x"}, {"type": f"{word}_tool_result"}]
    asked = {
        "model": "m",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": content}],
        "tools": [{"type": f"{word}_2025", "name": "x"}],
        f"{word}_field": 1,
        "options": {f"{word}_option": 1},
    }
    incoming = read_route(json.dumps(asked).encode(), "chat", {})
    incoming.neutral(Served("m", "m", frozenset()), {})
    told = incoming.warnings + pass_on(incoming, "up", {}, Dialect()).warnings
    assert len(told) == 4 and all(text.isascii() and text.isprintable() for text in told)
