"""Under which word an error is counted."""

from __future__ import annotations

from ollamux.accounting.kinds import kind_of
from ollamux.errors import BackendError, BackendTimeout, BackendUnavailable, Busy, InvalidRequest


def test_our_own_errors_have_their_kind() -> None:
    errors = (InvalidRequest("x"), Busy("x"), BackendTimeout("x"), BackendUnavailable("x"))
    assert [kind_of(error) for error in errors] == ["bad_request", "overloaded", "timeout", "upstream_bad"]


def test_what_a_backend_answers_is_counted_by_its_status_and_what_has_no_word_as_its_fault() -> None:
    found = {status: kind_of(BackendError("x", status=status)) for status in (401, 404, 418, 429, 500, 503, 529)}
    assert found == {
        401: "auth",
        404: "not_found",
        418: "upstream_bad",
        429: "rate_limit",
        500: "upstream_bad",
        503: "overloaded",
        529: "overloaded",
    }
