"""How endpoints and answers are read."""

from __future__ import annotations

import pytest

from ollamux.providers.base import as_object, as_rows, root_of

ROOT = "http://h:8080"


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://h:8080",
        "http://h:8080/",
        "h:8080",
        "http://h:8080/v1",
        "http://h:8080/v1/",
        "h:8080/v1",
        "http://h:8080//",
    ],
)
def test_where_the_version_is_fixed_it_is_added_once_however_the_endpoint_is_spelled(endpoint: str) -> None:
    assert root_of(endpoint, "/v1", fixed=True) == (ROOT, f"{ROOT}/v1")


def test_a_server_below_a_path_keeps_it() -> None:
    assert root_of("https://h/gpu/", "/v1", fixed=True) == ("https://h/gpu", "https://h/gpu/v1")
    assert root_of("https://h/gpu/v1", "/v1", fixed=True) == ("https://h/gpu", "https://h/gpu/v1")
    assert root_of("https://h/ollama/", "", fixed=True) == ("https://h/ollama", "https://h/ollama")


@pytest.mark.parametrize(
    ("endpoint", "base"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("h:8000", "http://h:8000/v1"),
        ("http://h:8000/v1/", "http://h:8000/v1"),
        ("https://api.example/openai/v4", "https://api.example/openai/v4"),
        ("https://api.example/api", "https://api.example/api"),
    ],
)
def test_elsewhere_the_endpoint_is_the_base_and_only_a_bare_host_gets_the_version(endpoint: str, base: str) -> None:
    assert root_of(endpoint, "/v1", fixed=False) == (base, base)


def test_addresses_of_the_sixth_version_keep_their_brackets() -> None:
    assert root_of("http://[::1]:8080", "/v1", fixed=True) == ("http://[::1]:8080", "http://[::1]:8080/v1")


def test_objects_are_taken_and_anything_else_is_an_empty_one() -> None:
    assert as_object({"a": 1}) == {"a": 1} and as_object([1]) == {} == as_object(None)


def test_rows_are_the_objects_of_a_list_and_no_list_is_an_error() -> None:
    assert as_rows([{"a": 1}, 7, None]) == [{"a": 1}] and as_rows(None) == []
    with pytest.raises(ValueError, match="not a list"):
        as_rows({"a": 1})
