"""Names of functions as Gemini takes them."""

from __future__ import annotations

from ollamux.chat import ChatRequest
from ollamux.conversation import Message, Tool, ToolCall
from ollamux.formats.gemini.functions import function_names


def test_a_name_that_fits_stays_and_one_that_does_not_gets_an_alias_that_leads_back() -> None:
    history = [Message("assistant", [ToolCall("1", "an old/one", "{}")])]
    request = ChatRequest("m", history, tools=(Tool("get_weather"), Tool("a.b:c-d"), Tool("x" * 80), Tool("9 lives")))
    names = function_names(request)
    for fits in ("get_weather", "a.b:c-d"):
        assert names.out(fits) == fits
    for odd in ("x" * 80, "9 lives", "an old/one"):
        alias = names.out(odd)
        assert alias != odd and len(alias) <= 64 and names.back(alias) == odd
        assert function_names(request).out(odd) == alias
