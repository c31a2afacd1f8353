"""What a backend may say, through `load`."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ollamux.config import (
    BackendConfig,
    BackendLimits,
    BackendTls,
    Characteristics,
    ConfigError,
    Layer,
    OAuth2Config,
    Pool,
    Secret,
    Timeouts,
    load,
)
from ollamux.config.backends import TYPES, type_called
from ollamux.resilience.limits import Rate


def _load(*backends: Any) -> tuple[BackendConfig, ...]:
    found = load([Layer("f", {"backends": list(backends)})], {}).backends
    assert found is not None
    return found


def _problems(*backends: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        _load(*backends)
    return caught.value.problems


def test_a_backend_is_read_with_all_its_keys() -> None:
    (backend,) = _load(
        {
            "id": "far",
            "type": "custom",
            "name": "Far away",
            "enabled": True,
            "base_url": "https://models.example/v1/",
            "api_key": "k",
            "auth": "header:X-Key",
            "headers": {"X-Title": "mine", "X-Number": 5},
            "hardware": "cloud",
            "model_prefix": "far/",
            "priority": 60,
            "timeout": 300,
            "timeouts": {"idle": "10s"},
            "connect_timeout": 2,
            "pool": {"size": 5, "idle": "1m"},
            "max_concurrent_requests": 4,
            "models": ["a", "b"],
            "options": {"temperature": 0.5},
            "tls": {"verify": False, "ca": "ca.pem"},
            "proxy": "http://127.0.0.1:3128",
        }
    )
    assert backend == BackendConfig(
        id="far",
        type="openai_compatible",
        name="Far away",
        endpoint="https://models.example/v1",
        api_key=Secret("k"),
        auth="header:X-Key",
        headers={"X-Title": "mine", "X-Number": "5"},
        hardware="cloud",
        model_prefix="far/",
        priority=60.0,
        timeout=300.0,
        timeouts=Timeouts(connect=2.0, first_byte=300.0, idle=10.0),
        pool=Pool(size=5, idle=60.0),
        max_concurrent_requests=4,
        models=("a", "b"),
        options={"temperature": 0.5},
        tls=BackendTls(verify=False, ca="ca.pem"),
        proxy="http://127.0.0.1:3128",
        source="f: backends[0]",
    )


def test_a_backend_that_says_little_has_the_defaults() -> None:
    assert _load({"id": "a", "type": "ollama"}) == (
        BackendConfig(id="a", type="ollama", name="a", source="f: backends[0]"),
    )


def test_no_backends_is_not_the_same_as_backends_that_are_none() -> None:
    assert _load() == ()
    assert load([Layer("f", {"backends": None})], {}).backends is None


def test_a_mapping_from_ids_is_the_same_as_a_list() -> None:
    found = load([Layer("f", {"backends": {"a": {"type": "ollama", "url": "http://h:1"}}})], {}).backends
    assert found == (BackendConfig(id="a", type="ollama", name="a", endpoint="http://h:1", source="f: backends.a"),)


def test_timeouts_win_over_their_short_forms() -> None:
    (backend,) = _load(
        {"id": "a", "type": "demo", "timeout": 300, "connect_timeout": 2, "timeouts": {"connect": 1, "first_byte": 9}}
    )
    assert backend.timeouts == Timeouts(connect=1.0, first_byte=9.0)
    assert backend.timeout == 300


NEEDS_MORE = ("azure", "gguf", "openai_compatible", "vertex")


@pytest.mark.parametrize("name", [*(name for name in TYPES if name not in NEEDS_MORE), "llama.cpp"])
def test_a_type_may_be_left_out_where_the_id_is_one(name: str) -> None:
    (backend,) = _load({"id": name})
    assert backend.type == type_called(name)


@pytest.mark.parametrize(
    ("keys", "type_"),
    [
        ({"id": "openai-gpt4"}, "openai"),
        ({"id": "Llama-cpp.local"}, "llama_cpp"),
        ({"id": "claude-main"}, "anthropic"),
        ({"id": "mine", "endpoint": "https://a.openai.azure.com"}, "azure"),
        ({"id": "mine", "endpoint": "https://openrouter.ai/api/v1"}, "openrouter"),
        ({"id": "openai-like", "endpoint": "api.groq.com"}, "groq"),
        ({"id": "openai_compatible-x", "endpoint": "http://h"}, "openai_compatible"),
    ],
)
def test_a_type_may_be_left_out_where_the_id_begins_with_one_or_the_endpoint_is_a_vendors(
    keys: dict[str, Any], type_: str
) -> None:
    (backend,) = _load(keys)
    assert backend.type == type_


def test_every_way_to_show_a_key_is_read() -> None:
    for auth in ("bearer", "token", "header:X-Key", "query:key", "sigv4", "none"):
        (backend,) = _load({"id": "ollama", "auth": auth})
        assert backend.auth == auth


@pytest.mark.parametrize("nested", [True, False])
def test_oauth2_is_read_beside_auth_or_below_it(nested: bool) -> None:
    told = {"token_url": "https://h/token", "client_id": "me", "client_secret_env": "SECRET", "scope": "a b"}
    keys = {"auth": {"oauth2": told}} if nested else {"auth": "oauth2", "oauth2": told}
    (backend,) = _load({"id": "ollama", **keys})
    assert backend.auth == "oauth2"
    assert backend.oauth2 == OAuth2Config(
        token_url="https://h/token", client_id="me", client_secret_env="SECRET", scope="a b"
    )


def test_several_keys_are_a_list_and_empty_ones_are_left_out() -> None:
    (backend,) = _load({"id": "openai", "api_keys": ["a", "", "b"]})
    assert backend.api_keys == (Secret("a"), Secret("b"))


def test_characteristics_give_the_priority_where_there_is_no_other() -> None:
    first, second = _load(
        {"id": "ollama", "characteristics": {"priority": 8, "power_watts": 3}},
        {"id": "openai", "characteristics": {"priority": 8}, "priority": 9},
    )
    assert (first.priority, second.priority) == (8, 9)
    assert first.characteristics == Characteristics(priority=8, power_watts=3)


def test_a_type_that_cannot_be_told_is_an_error_that_lists_the_types() -> None:
    assert _problems({"id": "a"}) == (f"f: backends[0]: needs a `type`, one of {', '.join(TYPES)}",)


def test_a_type_that_is_none_is_told_with_those_that_are() -> None:
    assert _problems({"id": "a", "type": "olama"}) == (
        f"f: backends[0].type: expected one of {', '.join(TYPES)}, got 'olama'",
    )


@pytest.mark.parametrize(("written", "name"), [("gemini", "google"), ("claude", "anthropic"), ("hf", "huggingface")])
def test_a_type_goes_by_other_names_too(written: str, name: str) -> None:
    (backend,) = _load({"id": "a", "type": written})
    assert backend.type == name


def test_a_backend_that_is_off_may_ask_for_what_does_not_exist_yet_but_is_read_as_strictly() -> None:
    (backend,) = _load({"id": "a", "type": "ollama", "enabled": False, "weight": 3})
    assert (backend.type, backend.enabled) == ("ollama", False)
    assert _problems({"id": "a", "type": "ollama", "enabled": False, "endpont": "x"}) == (
        "f: backends[0].endpont: unknown key; did you mean `endpoint`?",
    )


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"type": "openai_compatible"}, ": a backend of type openai_compatible needs an `endpoint`"),
        ({"type": "gguf"}, ": a backend of type gguf needs a `file`, the path of the model"),
        ({"type": "gguf", "file": "a", "url": "b"}, ".url: a backend of type gguf has no endpoint of its own"),
        ({"type": "ollama", "file": "a"}, ".file: only a backend of type gguf has a file"),
        ({"type": "ollama", "auth": "key"}, ".auth: expected bearer, token, header:NAME, query:NAME, oauth2, sigv4 or "
         "none, got 'key'"),
        ({"type": "ollama", "auth": "query:"}, ".auth: expected bearer, token, header:NAME, query:NAME, oauth2, sigv4 "
         "or none, got 'query:'"),
        ({"type": "ollama", "auth": {"oauth2": {"token_url": "http://h"}}}, ".auth.oauth2: needs `client_id`"),
        ({"type": "ollama", "auth": "oauth2"}, ": `auth: oauth2` and the keys of `oauth2` belong together"),
        ({"type": "ollama", "api_key": "hush", "api_keys": ["hush"]}, ": only one of api_key and api_keys can be "
         "meant"),
        ({"type": "ollama", "api_keys": [5]}, ".api_keys: expected text (a key that is all digits is put in quotes)"),
        ({"type": "azure"}, ": a backend of type azure needs an `endpoint`"),
        ({"type": "ollama", "auth": ["bearer"]}, ".auth: expected text (a number or a word such as true is put in"
         " quotes), got a list"),
        ({"type": "ollama", "hardware": "gpu"}, ".hardware: expected one of npu, igpu, nvidia, amd, cpu, cloud, "
         "custom, got 'gpu'"),
        ({"type": "ollama", "weight": 0}, ".weight: expected a number above 0, got 0"),
        ({"type": "ollama", "rate_limit": {"requests": 5}}, ".rate_limit.requests: expected a rate (5/s, 600/min, "
         "1000/h, or 0 for no limit), got 5"),
        ({"type": "ollama", "rate_limit": "5/s"}, ".rate_limit: expected a mapping of keys, got text"),
        ({"type": "ollama", "retry": {"budget": 1}}, ".retry.budget: unknown key; expected one of attempts, base, "
         "factor, jitter, max, on"),
        ({"type": "ollama", "enabled": "perhaps"}, ".enabled: expected true or false, got 'perhaps'"),
        ({"type": "ollama", "endpoint": "http://u:hush@h"}, ".endpoint: expected a URL without a name and a password "
         "in it (`api_key` and `headers` carry those)"),
        ({"type": "ollama", "headers": {"Host": "x"}}, ".headers.Host: expected a header's name that a backend can be "
         "sent"),
        ({"type": "ollama", "headers": {"X": "hush\r\n"}}, ".headers.X: expected a line of ASCII text"),
        ({"type": "ollama", "tls": {"cert": "x"}}, ".tls.cert: unknown key; expected one of ca, verify"),
        ({"type": "ollama", "max_concurrent_requests": 0}, ".max_concurrent_requests: expected a whole number, 1 or "
         "more, got 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_place(keys: dict[str, Any], problem: str) -> None:
    assert _problems({"id": "a", **keys}) == (f"f: backends[0]{problem}",)


def test_backends_that_are_no_list_are_refused() -> None:
    for wrong in ("ollama", 5, True):
        with pytest.raises(ConfigError, match="expected a list of backends, or a mapping from their ids"):
            load([Layer("f", {"backends": wrong})], {})
    with pytest.raises(ConfigError, match=r"f: backends\.a: expected a mapping of keys"):
        load([Layer("f", {"backends": {"a": "ollama"}})], {})


def test_a_backend_has_its_share_of_a_rotation_and_limits_of_its_own() -> None:
    up, other = _load(
        {"id": "up", "type": "ollama", "weight": 3, "rate_limit": {"requests": "500/min"}},
        {"id": "b", "type": "ollama"},
    )
    assert (up.weight, other.weight) == (3.0, 1.0)
    assert up.rate_limit == BackendLimits(requests=Rate(500, 60.0))
    assert other.rate_limit == BackendLimits()


def test_what_a_backends_retry_leaves_out_is_as_for_all() -> None:
    data = {
        "retry": {"attempts": 5, "base": "2s", "budget": 0.5},
        "backends": [{"id": "a", "type": "ollama", "retry": {"on": ["5xx"]}}, {"id": "b", "type": "ollama"}],
    }
    config = load([Layer("f", data)], {})
    assert config.backends is not None
    assert config.backends[0].retry == replace(config.retry, on=frozenset(range(500, 600)))
    assert config.backends[1].retry is None
