"""Other formats' signatures in `encrypted_content`."""

from __future__ import annotations

import pytest

from ollamux.conversation import Opaque
from ollamux.formats.openai_responses.signatures import Carried, carry, uncarry


@pytest.mark.parametrize("kind", ["signature", "redacted", "call"])
@pytest.mark.parametrize("value", ["", "c2ln==", "é\U0001f600\n"])
def test_what_another_format_signed_comes_back_as_it_went(kind: str, value: str) -> None:
    opaque = Opaque("anthropic", value, "claude")
    text = carry(opaque, kind, "call_1")  # type: ignore[arg-type]
    assert text.startswith("ollamux.") and uncarry(text) == Carried(kind, opaque, "call_1")  # type: ignore[arg-type]


def test_what_this_format_made_goes_as_it_is() -> None:
    opaque = Opaque("openai_responses", "gAAAA")
    assert carry(opaque) == carry(opaque, "redacted") == "gAAAA"
    assert uncarry("gAAAA") == Carried("signature", opaque)


@pytest.mark.parametrize("text", ["ollamux.", "ollamux.!!", "ollamux.e30=", "ollamux.WzFd", "ollamux.é"])
def test_what_carries_the_mark_and_cannot_be_read_is_nothing(text: str) -> None:
    assert uncarry(text) is None
