"""Where a key goes."""

from __future__ import annotations

import pytest

from ollamux.contract import HeaderPairs
from ollamux.credentials.placing import key_headers, key_query, with_query


@pytest.mark.parametrize(
    ("auth", "headers", "query"),
    [
        ("bearer", (("Authorization", "Bearer k&1"),), ""),
        ("token", (("Authorization", "token k&1"),), ""),
        ("header:X-Key", (("X-Key", "k&1"),), ""),
        ("query:api key", (), "api%20key=k%261"),
        ("oauth2", (), ""),
        ("sigv4", (), ""),
        ("none", (), ""),
    ],
)
def test_each_kind_puts_the_key_in_its_place_and_in_no_other(auth: str, headers: HeaderPairs, query: str) -> None:
    assert key_headers(auth, "k&1") == headers and key_query(auth, "k&1") == query
    assert key_headers(auth, "") == () and key_query(auth, "") == ""


def test_a_query_is_added_behind_what_stands_there() -> None:
    assert with_query("http://h/p", "k=1") == "http://h/p?k=1"
    assert with_query("http://h/p?a=b", "k=1") == "http://h/p?a=b&k=1"
    assert with_query("http://h/p", "") == "http://h/p"
