"""Where the configuration is read from, and which source is the stronger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ollamux.config import ConfigError, Secret
from ollamux_aiohttp.settings import Settings, read_settings


def read(folder: Path, named: str | None = None, flags: dict[str, Any] | None = None, **env: str) -> Settings:
    return read_settings(named, flags, environ={"HOME": str(folder / "home"), **env}, directory=folder)


def port(folder: Path, named: str | None = None, flags: dict[str, Any] | None = None, **env: str) -> int:
    return read(folder, named, flags, **env).config.server.port


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_at_all_is_the_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings.files == ()
    assert settings.config.backends is None
    assert settings.config.server.port_given is False


@pytest.mark.parametrize("name", ["ollamux.yaml", "ollamux.yml", "ollamux.json"])
def test_a_file_in_the_working_directory_is_found(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, '{"server": {"port": 1111}}')
    settings = read(tmp_path)
    assert settings.config.server.port == 1111
    assert settings.files == (name,)


def test_the_file_of_the_user_is_read_where_there_is_none_here(tmp_path: Path) -> None:
    write(tmp_path / "home/.config/ollamux/config.yaml", "server: {port: 2222}")
    assert port(tmp_path) == 2222
    write(tmp_path / "xdg/ollamux/config.yaml", "server: {port: 3333}")
    assert port(tmp_path, XDG_CONFIG_HOME=str(tmp_path / "xdg")) == 3333
    write(tmp_path / "ollamux.yaml", "server: {port: 1111}")
    assert port(tmp_path) == 1111


def test_each_source_is_stronger_than_the_one_before(tmp_path: Path) -> None:
    write(tmp_path / "ollamux.yaml", "server: {port: 1}")
    write(tmp_path / "named.yaml", "server: {port: 2}")
    assert port(tmp_path, OLLAMUX_CONFIG="named.yaml") == 2
    assert port(tmp_path, "ollamux.yaml", OLLAMUX_CONFIG="named.yaml") == 1
    write(tmp_path / ".env", "PORT=3\n")
    assert port(tmp_path) == 3
    assert port(tmp_path, PORT="4") == 4
    assert port(tmp_path, None, {"server.port": 5}, PORT="4") == 5


def test_a_file_is_stronger_than_what_it_includes(tmp_path: Path) -> None:
    write(tmp_path / "ollamux.yaml", "include: [more/base.yaml]\nserver: {port: 1}\n")
    write(tmp_path / "more/base.yaml", "include: deeper.yaml\nserver: {port: 2, host: 127.0.0.2}\n")
    write(tmp_path / "more/deeper.yaml", "server: {host: 127.0.0.3}\nlogging: {level: debug}\n")
    settings = read(tmp_path)
    server = settings.config.server
    assert (server.port, server.host, settings.config.logging.level) == (1, "127.0.0.2", "debug")
    assert settings.files == ("deeper.yaml", "more/base.yaml", "ollamux.yaml")


def test_a_circle_of_includes_is_an_error(tmp_path: Path) -> None:
    write(tmp_path / "ollamux.yaml", "include: other.yaml")
    write(tmp_path / "other.yaml", "include: ollamux.yaml")
    with pytest.raises(ConfigError, match="includes itself"):
        read(tmp_path)


def test_a_file_that_is_named_and_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: there is no such file$"):
        read(tmp_path, "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path, str(tmp_path))
    write(tmp_path / "ollamux.yaml", "include: gone.yaml")
    with pytest.raises(ConfigError, match=r"gone\.yaml: there is no such file \(included by"):
        read(tmp_path)


def test_a_file_of_models_is_read_beside_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "models.yaml", "models: {fast: {api_model: llama3.2}}")
    write(tmp_path / "ollamux.yaml", "server: {port: 1}")
    config = read(tmp_path, MODEL_CONFIG_PATH="models.yaml").config
    assert config.models["fast"].api_model == "llama3.2"
    assert config.server.port == 1


def test_keys_are_read_from_variables_and_files_beside_the_configuration(tmp_path: Path) -> None:
    write(tmp_path / "secret", "from-a-file\n")
    write(tmp_path / ".env", "MINE=from-dotenv")
    write(
        tmp_path / "ollamux.yaml",
        "server: {keys: [{name: a, key_file: secret}, {name: b, key_env: MINE}]}",
    )
    keys = read(tmp_path).config.server.keys
    assert [key.key for key in keys] == [Secret("from-a-file"), Secret("from-dotenv")]


def test_what_is_wrong_in_a_file_names_the_file(tmp_path: Path) -> None:
    write(tmp_path / "ollamux.yaml", "server: {prot: 1}")
    with pytest.raises(ConfigError, match=r"ollamux\.yaml: server\.prot"):
        read(tmp_path)
    write(tmp_path / ".env", "this is no assignment")
    with pytest.raises(ConfigError, match=r"\.env: line 1"):
        read(tmp_path)
    (tmp_path / ".env").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match=r"\.env: this is not UTF-8"):
        read(tmp_path)


def test_a_file_of_certificates_that_cannot_be_used_is_told_with_its_key_and_its_name(tmp_path: Path) -> None:
    broken = write(tmp_path / "broken.pem", "no certificate")
    backend = "  - {id: %s, type: vllm, enabled: %s, tls: {ca: '%s'}}\n"
    listed = (("a", "true", broken), ("b", "true", tmp_path / "gone.pem"), ("c", "false", broken))
    write(tmp_path / "ollamux.yaml", "backends:\n" + "".join(backend % row for row in listed))
    with pytest.raises(ConfigError) as caught:
        read(tmp_path)
    first, second = caught.value.problems
    assert first.startswith(f"ollamux.yaml: backends[0].tls.ca: {broken}: ")
    assert second.startswith(f"ollamux.yaml: backends[1].tls.ca: {tmp_path / 'gone.pem'}: ")
    assert second.endswith("No such file or directory")
