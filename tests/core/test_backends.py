"""One backend at run time: where it is, how it is called, how it is."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.backends import Backend
from ollamux.config.schema import BackendConfig, Secret, Timeouts
from ollamux.formats.base import Outgoing
from ollamux.providers import provider
from ollamux.resilience.health import Health


def backend(type_: str = "vllm", **settings: Any) -> Backend:
    config = BackendConfig(id="b", type=type_, **settings)
    return Backend(config, provider(type_), Health(unhealthy_after=3, healthy_after=1), "me")


def headers(**settings: Any) -> dict[str, str]:
    return dict(backend(**settings).headers)


def test_a_call_is_a_post_below_the_base_with_the_backends_headers() -> None:
    made = backend(endpoint="http://h:1", timeouts=Timeouts(connect=2.5))
    call = made.call(3, Outgoing("/chat/completions", b"{}"))
    assert (call.attempt, call.backend, call.method, call.url) == (3, "b", "POST", "http://h:1/v1/chat/completions")
    assert (call.body, call.connect_timeout) == (b"{}", 2.5)
    assert call.headers is made.headers


def test_every_call_says_what_comes_and_which_gateway_it_went_through() -> None:
    assert headers() == {"Content-Type": "application/json", "User-Agent": "ollamux", "X-Ollamux-Via": "me"}


@pytest.mark.parametrize(
    ("auth", "name", "value"),
    [(None, "Authorization", "Bearer k"), ("bearer", "Authorization", "Bearer k"), ("header:X-Key", "X-Key", "k")],
)
def test_the_key_goes_where_the_configuration_says(auth: str | None, name: str, value: str) -> None:
    assert headers(api_key=Secret("k"), auth=auth)[name] == value


def test_with_auth_none_the_key_goes_nowhere() -> None:
    assert "k" not in headers(api_key=Secret("k"), auth="none").values()


def test_configured_headers_replace_ours_whatever_their_case() -> None:
    pairs = backend(api_key=Secret("k"), headers={"authorization": "Basic x", "X-A": "1"}).headers
    assert [value for name, value in pairs if name.lower() == "authorization"] == ["Basic x"]
    assert ("X-A", "1") in pairs


def test_without_an_endpoint_it_is_where_such_servers_are() -> None:
    assert (backend("ollama").root, backend("ollama").base) == ("http://127.0.0.1:11434", "http://127.0.0.1:11434")
    assert backend("llama_cpp").base == "http://127.0.0.1:8080/v1"


def test_one_that_is_nowhere_cannot_be_called_until_it_is_told_where() -> None:
    made = backend("gguf", file="x")
    assert not made.callable and made.trouble == "it is not running"
    made.move("http://127.0.0.1:9")
    assert made.callable and made.trouble == "" and made.base == "http://127.0.0.1:9/v1"
    made.move(None)
    assert not made.callable and made.endpoint is None


def test_one_that_is_misconfigured_or_refused_cannot_be_called_and_says_why() -> None:
    made = backend()
    made.misconfigured = "no key"
    assert not made.callable and made.trouble == "no key"
    made = backend()
    made.health.refuse("it is me")
    assert not made.callable and made.trouble == "it is me"


def test_one_that_is_unhealthy_may_be_called_all_the_same() -> None:
    made = backend()
    made.health.bad("gone")
    assert made.callable and made.trouble == "gone"


def test_one_that_answers_itself_needs_no_endpoint_and_no_format() -> None:
    made = backend("demo")
    assert made.callable and made.calling is None and made.answers_itself is not None
