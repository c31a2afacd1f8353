"""The values that come out."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from ollamux.config.schema import BackendConfig, Config, KeyConfig, Secret, ServerConfig, Timeouts


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hush")
    assert secret.reveal() == "hush"
    assert "hush" not in f"{secret!r} {secret} {[secret]}"
    assert secret == Secret("hush")
    assert secret != Secret("other")
    assert secret != "hush"
    assert len({secret, Secret("hush")}) == 1
    with pytest.raises(TypeError):
        msgspec.json.encode(secret)


def test_no_secret_stands_in_the_repr_of_a_configuration() -> None:
    backend = BackendConfig(
        id="a", type="ollama", api_key=Secret("hush"), headers={"X": "hush"}, proxy="http://u:hush@p:1"
    )
    config = Config(server=ServerConfig(keys=(KeyConfig(name="k", key=Secret("hush")),)), backends=(backend,))
    assert "hush" not in repr(config)
    assert "'a'" in repr(config)


def test_a_configuration_can_be_sent_to_another_process() -> None:
    config = Config(backends=(BackendConfig(id="a", type="demo", api_key=Secret("k")),))
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_call_that_is_not_streamed_also_ends_after_the_backends_timeout() -> None:
    backend = BackendConfig(id="a", type="demo", timeout=300, timeouts=Timeouts(first_byte=300))
    assert backend.timeouts_for(streamed=True).total == 0
    assert backend.timeouts_for(streamed=False) == Timeouts(first_byte=300, total=300)


def test_the_shorter_of_two_limits_counts() -> None:
    for total, result in ((100.0, 100.0), (500.0, 300.0)):
        backend = BackendConfig(id="a", type="demo", timeout=300, timeouts=Timeouts(total=total))
        assert backend.timeouts_for(streamed=False).total == result
        assert backend.timeouts_for(streamed=True).total == total


def test_no_timeout_and_a_timeout_of_0_are_no_limit() -> None:
    for timeout in (None, 0.0):
        assert BackendConfig(id="a", type="demo", timeout=timeout).timeouts_for(streamed=False) == Timeouts()
