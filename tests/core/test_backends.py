"""One backend at run time: where it is, how it is called, how it is."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.backends import Backend
from ollamux.clock import Clock
from ollamux.config.schema import BackendConfig, Secret, Timeouts
from ollamux.errors import BackendError
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
    [
        (None, "Authorization", "Bearer k"),
        ("bearer", "Authorization", "Bearer k"),
        ("token", "Authorization", "token k"),
        ("header:X-Key", "X-Key", "k"),
    ],
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


def test_a_provider_says_how_it_wants_its_key_unless_the_configuration_does() -> None:
    azure: dict[str, Any] = {"endpoint": "https://a.openai.azure.com", "api_key": Secret("k")}
    assert dict(backend("azure", **azure).headers)["api-key"] == "k"
    assert dict(backend("azure", **azure, auth="bearer").headers)["Authorization"] == "Bearer k"
    assert "k" not in dict(backend("azure", **azure, auth="bearer").headers).values()


def test_with_one_key_the_headers_are_one_tuple_for_every_call() -> None:
    made = backend(endpoint="http://h:1", api_key=Secret("k"))
    calls = [made.call(n, Outgoing("/x", b""), "m", made.choose_key(0.0), 0.0) for n in (1, 2)]
    assert calls[0].headers is calls[1].headers is made.headers and not made.watched


def test_a_key_in_the_query_is_in_every_address_and_in_no_header() -> None:
    made = backend(endpoint="http://h:1", api_key=Secret("k&"), auth="query:key")
    assert made.call(1, Outgoing("/x", b"")).url == "http://h:1/v1/x?key=k%26"
    assert made.call(1, Outgoing("/x?a=b", b"")).url == "http://h:1/v1/x?a=b&key=k%26"
    assert made.probe("/models", 0.0).url == "http://h:1/v1/models?key=k%26"
    assert "k&" not in dict(made.headers).values()


def test_several_keys_share_the_calls_and_one_that_is_limited_rests() -> None:
    made = backend(endpoint="http://h:1", api_keys=(Secret("a"), Secret("b")))

    def called(now: float) -> tuple[int, str]:
        key = made.choose_key(now)
        return key, dict(made.call(1, Outgoing("/x", b""), "m", key, now).headers)["Authorization"]

    assert made.watched
    assert [called(0.0) for _ in range(3)] == [(0, "Bearer a"), (1, "Bearer b"), (0, "Bearer a")]
    made.answered(1, 429, [("retry-after", "60")], 0.0)
    assert made.another_key(1, 429, 0.0) and not made.another_key(0, 429, 0.0)
    assert not made.another_key(1, 500, 0.0)
    assert [called(1.0)[0] for _ in range(2)] == [0, 0]
    assert {called(61.0)[0] for _ in range(2)} == {0, 1}


def test_a_call_of_awss_is_signed_with_the_clocks_time() -> None:
    clock = Clock()
    clock.set(1_767_322_800.0, 0, 100.0)
    keys: dict[str, Any] = {"access_key": Secret("AK"), "secret_key": Secret("SK"), "auth": "sigv4"}
    config = BackendConfig(id="b", type="vllm", endpoint="http://h:1", region="eu-west-1", **keys)
    made = Backend(config, provider("vllm"), Health(unhealthy_after=3, healthy_after=1), "me", clock=clock)
    found = dict(made.call(1, Outgoing("/x", b"{}"), "m", 0, 160.0).headers)
    assert found["X-Amz-Date"] == "20260102T030100Z"
    assert found["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=AK/20260102/eu-west-1/bedrock/aws4_request")
    assert "SK" not in repr(found)


def test_the_headers_of_one_request_stand_behind_those_of_every_call() -> None:
    made = backend(endpoint="http://h:1")
    call = made.call(1, Outgoing("/x", b"", headers=(("X-Beta", "1"),)))
    assert call.headers == (*made.headers, ("X-Beta", "1"))


def test_the_headers_of_one_request_replace_those_of_the_same_name_in_any_case() -> None:
    made = backend("anthropic", api_key=Secret("k"))
    outgoing = Outgoing("/x", b"", headers=(("Anthropic-Version", "2026-10-01"),))
    first, second = (made.call(n, outgoing) for n in (1, 2))
    versions = [value for name, value in first.headers if name.lower() == "anthropic-version"]
    assert versions == ["2026-10-01"] and ("x-api-key", "k") in first.headers
    assert second.headers is first.headers  # a client keeps its encoded form
    assert dict(made.call(3, Outgoing("/x", b"")).headers)["anthropic-version"] == "2023-06-01"


def test_with_several_keys_a_requests_headers_stand_beside_the_key_in_turn() -> None:
    made = backend(endpoint="http://h:1", api_keys=(Secret("a"), Secret("b")), headers={"X-Beta": "0"})
    for key, value in ((0, "Bearer a"), (1, "Bearer b")):
        call = made.call(1, Outgoing("/x", b"", headers=(("x-beta", "1"),)), "m", key)
        assert dict(call.headers)["Authorization"] == value
        assert [told for name, told in call.headers if name.lower() == "x-beta"] == ["1"]


def test_a_dialect_may_depend_on_the_model_and_on_what_the_vendor_calls_it() -> None:
    config, health = BackendConfig(id="b", type="openai"), Health(unhealthy_after=3, healthy_after=1)
    made = Backend(config, provider("openai"), health, "me", named={"five": "gpt-5"})
    assert made.dialect_for("gpt-5").max_tokens == made.dialect_for("five").max_tokens == "max_completion_tokens"
    assert made.dialect_for("gpt-4o").max_tokens == "max_tokens"
    assert backend().dialect_for("gpt-5") is provider("vllm").dialect


def test_what_a_backend_says_is_told_without_its_credentials() -> None:
    key, token = Secret("sk-one-of-ours"), Secret("short")
    made = backend(api_keys=(key, Secret("sk-another-one")))
    assert made.hiding().whole(b"no sk-one-of-ours, no sk-another-one") == b"no " + b"*" * 14 + b", no " + b"*" * 14
    assert not backend(api_key=token).hiding()
    error = BackendError("sk-one-of-ours \ud800", status=401, body='{"error":"sk-another-one"}')
    made.cover(error)
    assert (str(error), error.message, error.body) == (
        "*" * 14 + " \ud800",
        "*" * 14 + " \ud800",
        '{"error":"**************"}',
    )
