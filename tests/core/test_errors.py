"""The exceptions and what they suggest."""

from __future__ import annotations

import pytest

from ollamux import errors
from ollamux.errors import BackendError, ConfigError, InvalidRequest, ModelNotFound, OllamuxError


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("OllamuxError", 500, "internal"),
        ("InvalidRequest", 400, "bad_request"),
        ("Unauthorized", 401, "auth"),
        ("Forbidden", 403, "permission"),
        ("TooLarge", 413, "too_large"),
        ("LoopDetected", 508, "loop"),
        ("NotSupported", 501, "not_supported"),
        ("Busy", 503, "overloaded"),
        ("BackendUnavailable", 502, "upstream_bad"),
        ("BackendTimeout", 504, "timeout"),
    ],
)
def test_each_suggests_a_status_and_a_kind(name: str, status: int, kind: str) -> None:
    error = getattr(errors, name)("text")
    assert (error.status, error.kind, error.message, str(error)) == (status, kind, "text", "text")
    assert (error.retry_after, error.code, error.param) == (None, None, None)


def test_all_of_them_are_one_family() -> None:
    family = [getattr(errors, name) for name in errors.__all__]
    assert all(issubclass(one, OllamuxError) for one in family)


def test_details_may_be_told_with_it() -> None:
    error = InvalidRequest("no", status=422, code="c", param="p", retry_after=1.5)
    assert (error.status, error.code, error.param, error.retry_after) == (422, "c", "p", 1.5)
    assert InvalidRequest("no").status == 400


def test_a_model_that_is_not_found_is_named() -> None:
    error = ModelNotFound("x")
    assert (error.message, error.model) == ("model 'x' not found", "x")
    assert (error.status, error.code) == (404, "model_not_found")


def test_a_configuration_lists_every_problem() -> None:
    error = ConfigError("one", "two")
    assert error.problems == ("one", "two") and error.message == "one\ntwo"


def test_a_backends_own_answer_keeps_its_status_and_body() -> None:
    error = BackendError("full", status=429, body="{}", retry_after=2)
    assert (error.status, error.body, error.retry_after) == (429, "{}", 2)
