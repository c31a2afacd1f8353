"""The values that come out."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from ollamux.config.schema import BackendConfig, Config, KeyConfig, Secret, ServerConfig


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
