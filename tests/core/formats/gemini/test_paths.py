"""Where a model's methods stand."""

from __future__ import annotations

import pytest

from ollamux.formats.gemini.paths import method_path, resource


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-flash", "/models/gemini-3-flash:generateContent"),
        ("models/gemini-3-flash", "/models/gemini-3-flash:generateContent"),
        ("tunedModels/my-1", "/tunedModels/my-1:generateContent"),
        ("a b/c?d:e", "/models/a%20b%2Fc%3Fd%3Ae:generateContent"),
    ],
)
def test_a_collection_keeps_its_slash_and_a_name_is_encoded(model: str, path: str) -> None:
    assert method_path(model, "generateContent") == path


def test_a_bare_name_is_one_of_the_models() -> None:
    assert (resource("x"), resource("models/x"), resource("tunedModels/x")) == ("models/x", "models/x", "tunedModels/x")
    assert resource("models/") == "models/models/"
