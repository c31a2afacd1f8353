"""Which error an answer becomes."""

from __future__ import annotations

import pytest

from ollamux_aiohttp.library.failing import (
    BackendConnectionError,
    BackendError,
    BackendTimeoutError,
    ModelNotFoundError,
    may_go_on,
    raised,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BackendError),
        (404, ModelNotFoundError),
        (408, BackendTimeoutError),
        (429, BackendError),
        (502, BackendConnectionError),
        (503, BackendError),
        (504, BackendTimeoutError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[BackendError]) -> None:
    error = raised({"error": "it is so"}, status, "a")
    assert type(error) is kind and isinstance(error, BackendError)
    assert (str(error), error.message, error.status, error.backend_id) == ("[a] it is so", "it is so", status, "a")


def test_an_answer_without_words_has_its_status_for_a_text() -> None:
    assert str(raised({}, 503, "")) == "it answered with status 503"


def test_another_backend_may_answer_what_was_no_mistake_of_the_request() -> None:
    assert [status for status in (400, 401, 404, 413, 429, 500, 503) if may_go_on(raised({}, status, ""))] == [
        401,
        404,
        429,
        500,
        503,
    ]
