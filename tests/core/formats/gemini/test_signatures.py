"""Signatures, and those of other origins in their place."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import Opaque
from ollamux.formats.gemini.signatures import Carried, carry, opened, plain_base64

PLAIN = st.text(st.characters(codec="utf-8"))


def test_geminis_own_go_out_and_come_back_as_they_are() -> None:
    assert carry(Opaque("gemini", "c2ln+/8=")) == "c2ln+/8="
    assert opened("c2ln-_8=") == Carried(Opaque("gemini", "c2ln-_8="))


@given(PLAIN, PLAIN, st.booleans())
def test_another_origins_signature_survives_a_client_that_keeps_bytes(value: str, family: str, redacted: bool) -> None:
    text = carry(Opaque("anthropic", value, family), redacted=redacted)
    kept = base64.b64decode(text, validate=True)
    for given_back in (
        text,
        base64.urlsafe_b64encode(kept).decode(),
        base64.urlsafe_b64encode(kept).decode().strip("="),
    ):
        assert opened(given_back) == Carried(Opaque("anthropic", value, family), redacted)


@pytest.mark.parametrize("text", ["x", "not base64!", "b2xsYW11eDo=", "b2xsYW11eDpbMV0=", "ü"])
def test_what_does_not_open_as_ours_is_geminis(text: str) -> None:
    assert opened(text) == Carried(Opaque("gemini", text))


def test_base64_for_urls_becomes_the_common_one() -> None:
    assert plain_base64("__4-Pj8_") == "//4+Pj8/"
    assert plain_base64("YQ") == "YQ==" and plain_base64("YW\r\nI=") == "YWI="
