"""Tokens for a client's id and secret."""

from __future__ import annotations

import base64
import json
import math
from typing import Any
from urllib.parse import parse_qs

import pytest

from ollamux.config import OAuth2Config, Secret
from ollamux.credentials.oauth2 import AccessToken, TokenRequest

CONFIG = OAuth2Config(
    token_url="https://h/token", client_id="me:1", client_secret=Secret("hush & hush"), scope="a b", audience="x"
)


def token(**told: Any) -> AccessToken:
    """One that was asked for at 100 and told this."""
    made = AccessToken(CONFIG)
    made.request()
    made.told(200, json.dumps(told).encode(), 100.0)
    return made


def fields(request: TokenRequest) -> dict[str, list[str]]:
    return parse_qs(request.body.decode())


def test_the_first_request_shows_the_secret_in_its_header_as_the_standard_says() -> None:
    made = AccessToken(CONFIG)
    assert made.due == -math.inf and made.value == ""
    request = made.request()
    assert request.url == "https://h/token" and made.due == math.inf
    assert fields(request) == {"grant_type": ["client_credentials"], "scope": ["a b"], "audience": ["x"]}
    scheme, _, text = dict(request.headers)["Authorization"].partition(" ")
    assert scheme == "Basic" and base64.b64decode(text) == b"me%3A1:hush%20%26%20hush"
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert "hush" not in repr(request) and text not in repr(request)


@pytest.mark.parametrize(
    ("life", "due"), [(3600, 3640.0), (100, 180.0), ("3600", 3640.0), (None, math.inf), ("soon", math.inf), (0, 101.0)]
)
def test_a_token_is_replaced_before_it_ends(life: object, due: float) -> None:
    made = token(access_token="t", expires_in=life, token_type="Bearer")
    assert (made.value, made.due, made.trouble) == ("t", due, "")


def test_an_endpoint_that_refuses_the_header_is_asked_with_the_secret_in_the_body_once() -> None:
    made = AccessToken(CONFIG)
    made.request()
    assert made.told(401, b'{"error":"invalid_client"}', 100.0) is False and made.due == 100.0
    request = made.request()
    assert "Authorization" not in dict(request.headers)
    assert (fields(request)["client_id"], fields(request)["client_secret"]) == (["me:1"], ["hush & hush"])
    assert made.told(401, b'{"error":"invalid_client","error_description":"hush & hush"}', 101.0) is False
    assert made.due == 103.0
    assert made.trouble == "the token endpoint refuses (status 401, invalid_client)"


def test_a_scope_that_is_refused_is_no_reason_to_show_the_secret_elsewhere() -> None:
    made = AccessToken(CONFIG)
    made.request()
    made.told(400, b'{"error":"invalid_scope"}', 100.0)
    assert "Authorization" in dict(made.request().headers)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\xff",
        b"{}",
        b'{"access_token":""}',
        b'{"access_token":"a\\nb"}',
        b'{"access_token":7}',
        b'{"access_token":"t","token_type":"mac"}',
    ],
)
def test_an_answer_without_a_token_that_can_be_sent_is_none(body: bytes) -> None:
    made = AccessToken(CONFIG)
    made.request()
    assert made.told(200, body, 100.0) is False
    assert (made.value, made.trouble) == ("", "the token endpoint's answer holds no token")


def test_pauses_grow_while_the_endpoint_cannot_be_reached() -> None:
    made, pauses, now = AccessToken(CONFIG), list[float](), 0.0
    for _ in range(7):
        made.request()
        made.failed("nothing listens there", now)
        pauses.append(made.due - now)
        now = made.due
    assert pauses == [2, 4, 8, 16, 32, 60, 60] and made.trouble == "the token endpoint: nothing listens there"


def test_a_token_serves_until_it_ends_though_the_next_one_cannot_be_had() -> None:
    made = token(access_token="t", expires_in=100)
    made.request()
    made.failed("gone", 180.0)
    assert made.value == "t"
    made.request()
    made.failed("gone", 200.0)
    assert made.value == ""


def test_a_token_that_the_backend_refused_is_replaced_at_once_and_asked_for_once() -> None:
    made = token(access_token="t")
    made.refused(150.0)
    assert made.due == 150.0
    made.request()
    made.refused(151.0)
    assert made.due == math.inf
