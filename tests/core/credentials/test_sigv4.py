"""Signatures as AWS's own library makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.credentials.sigv4 import SigV4

auth = pytest.importorskip("botocore.auth")
awsrequest = pytest.importorskip("botocore.awsrequest")
credentials = pytest.importorskip("botocore.credentials")

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
URL = "https://bedrock-runtime.eu-central-1.amazonaws.com/model/anthropic.claude-v1%3A0/converse"
LIST = "https://bedrock.us-east-1.amazonaws.com/foundation-models?byOutputModality=TEXT"
NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC).timestamp()
JSON = (("Content-Type", "application/json"),)


@contextmanager
def at(unix: float) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda *_: datetime.fromtimestamp(unix, UTC))
        yield


def theirs(
    method: str, url: str, headers: tuple[tuple[str, str], ...], body: bytes, unix: float, token: str, region: str
) -> dict[str, str]:
    """The headers that the reference makes, their names in lower case."""
    request: Any = awsrequest.AWSRequest(method=method, url=url, data=body)
    for name, value in headers:
        request.headers.add_header(name, value)
    with at(unix):
        auth.SigV4Auth(credentials.Credentials(KEY, SECRET, token or None), "bedrock", region).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


def ours(signer: SigV4, *asked: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in signer.sign(*asked)}


def test_a_request_is_signed_as_the_reference_signs_it_its_model_encoded_twice() -> None:
    signed = ours(SigV4(KEY, SECRET, "eu-central-1"), "POST", URL, JSON, b'{"messages":[]}', NOON)
    assert signed == theirs("POST", URL, JSON, b'{"messages":[]}', NOON, "", "eu-central-1")
    assert signed["x-amz-date"] == "20261121T120000Z"
    assert "SignedHeaders=content-type;host;x-amz-date, " in signed["authorization"]


def test_a_session_sends_its_token_and_signs_it() -> None:
    signed = ours(SigV4(KEY, SECRET, "us-east-1", session_token="tok/en=="), "POST", URL, JSON, b"{}", NOON)
    assert signed == theirs("POST", URL, JSON, b"{}", NOON, "tok/en==", "us-east-1")
    assert signed["x-amz-security-token"] == "tok/en==" and "x-amz-security-token" in signed["authorization"]


def test_a_new_day_has_a_new_key_and_an_old_one_comes_back() -> None:
    signer = SigV4(KEY, SECRET, "us-east-1")
    for unix in (NOON, NOON + 43200, NOON, NOON + 86400 * 30):
        expected = theirs(
            "GET", "https://bedrock.us-east-1.amazonaws.com/foundation-models", (), b"", unix, "", "us-east-1"
        )
        assert (
            ours(signer, "GET", "https://bedrock.us-east-1.amazonaws.com/foundation-models", (), b"", unix) == expected
        )


def test_headers_that_may_change_on_the_way_are_sent_but_not_signed() -> None:
    signer = SigV4(KEY, SECRET, "us-east-1")
    more = (("User-Agent", "ollamux"), ("X-Ollamux-Via", "a"), *JSON, ("Accept", "*/*"))
    signed = signer.sign("POST", URL, more, b"{}", NOON)
    assert signed[:4] == more
    assert dict(signed)["Authorization"] == dict(signer.sign("POST", URL, JSON, b"{}", NOON))["Authorization"]


def test_an_earlier_signature_is_replaced() -> None:
    signer = SigV4(KEY, SECRET, "us-east-1", session_token="t")
    once = signer.sign("POST", URL, JSON, b"{}", NOON)
    assert signer.sign("POST", URL, once, b"{}", NOON) == once
    assert len(signer.sign("POST", URL, (*once, ("authorization", "Bearer x")), b"{}", NOON + 1)) == len(once)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/model/m/converse",
        "https://Host.Example:443/a",
        "http://host:80/",
        "https://[::1]:9000/a",
        "https://host.example",
    ],
)
def test_the_host_is_signed_as_a_client_writes_it(url: str) -> None:
    assert ours(SigV4(KEY, SECRET, "r"), "POST", url, (), b"", NOON) == theirs("POST", url, (), b"", NOON, "", "r")


def test_a_host_that_is_given_is_the_one_that_is_signed() -> None:
    given_host = (("Host", "bedrock-runtime.us-east-1.amazonaws.com"),)
    signed = ours(SigV4(KEY, SECRET, "r"), "POST", "https://10.0.0.1/a", given_host, b"", NOON)
    assert signed == theirs("POST", "https://10.0.0.1/a", given_host, b"", NOON, "", "r")


def test_no_secret_shows() -> None:
    signer = SigV4(KEY, SECRET, "us-east-1", session_token="tok")
    assert SECRET not in repr(signer) and "tok" not in repr(signer)
    assert not any(SECRET in value for _, value in signer.sign("POST", URL, JSON, b"{}", NOON))


SIGNS = "abcXYZ019-._~%/:+!*'() "
segments = st.text(SIGNS.replace("/", "").replace(" ", ""), max_size=12)
paths = st.lists(st.one_of(segments, st.sampled_from([".", "..", "", "v1%3A0"])), max_size=6)
queries = st.lists(st.tuples(segments, segments), max_size=4)
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
spaced = st.lists(values, min_size=1, max_size=3).map("  ".join)
extra = st.dictionaries(st.sampled_from(["X-Amz-Meta", "x-amz-b", "X-AMZ-A", "content-type"]), spaced)


@given(
    method=st.sampled_from(["GET", "POST", "put"]),
    path=paths,
    query=queries,
    headers=extra,
    body=st.binary(max_size=200),
    unix=st.integers(0, 4_000_000_000),  # the reference rounds a fraction where ours cuts it off
    token=st.sampled_from(["", "token", "a b"]),
    region=st.sampled_from(["us-east-1", "eu-central-1"]),
)
def test_any_request_is_signed_as_the_reference_signs_it(
    method: str,
    path: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    unix: float,
    token: str,
    region: str,
) -> None:
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/" + "/".join(path)
    if query:
        url += "?" + "&".join(f"{name}={value}" for name, value in query)
    signer = SigV4(KEY, SECRET, region, session_token=token)
    pairs = tuple(headers.items())
    assert ours(signer, method, url, pairs, body, unix) == theirs(method, url, pairs, body, unix, token, region)
