"""How failures on the way to a backend are told."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.support.driving import driven

from ollamux.contract import FailureKind
from ollamux.conversation import StreamFault
from ollamux.errors import BackendError, BackendTimeout, BackendUnavailable, ModelNotFound
from ollamux.exchange.failures import (
    failure_of,
    limited,
    long_wait,
    not_let_in,
    not_yet,
    of_answer,
    of_request,
    outcome,
    reported,
    silent,
    stream_broken,
    told_by,
    with_names,
)
from ollamux.resilience.admission import Refusal
from ollamux.resilience.fallback import Failure


@pytest.mark.parametrize("kind", get_args(FailureKind))
def test_every_kind_of_failure_is_told_in_words_that_name_the_backend(kind: FailureKind) -> None:
    error = failure_of("gpu-1", kind)
    assert error.message.startswith("backend 'gpu-1' ") and len(error.message) > 30
    assert (error.status, type(error)) == ((504, BackendTimeout) if kind == "timeout" else (502, BackendUnavailable))


def test_details_are_told_only_where_they_help() -> None:
    assert failure_of("a", "tls", "certificate has expired").message.endswith("(certificate has expired)")
    assert "x" not in failure_of("a", "refused", "x").message.removeprefix("backend 'a'")


def test_a_broken_stream_is_told_as_ollama_tells_it() -> None:
    assert stream_broken().message == "an error was encountered while running the model: unexpected EOF"


def test_an_error_inside_a_stream_keeps_its_status_and_words() -> None:
    error = reported(StreamFault("out of memory", status=507))
    assert (error.message, error.status) == ("out of memory", 507)


def test_what_is_nested_too_deeply_is_whose_fault_it_is() -> None:
    assert of_request(RecursionError()).status == 400
    assert [of_answer(RecursionError()).status, of_answer(RecursionError(), 500).status] == [502, 500]
    error = BackendUnavailable("x")
    assert of_request(error) is error is of_answer(error)


def test_a_backend_on_its_way_is_told_with_the_reason_and_when_to_come_back() -> None:
    error = not_yet("g", "the model is being loaded")
    assert error.message == "backend 'g' is not available yet: the model is being loaded"
    assert (error.status, error.retry_after) == (503, 5)


def test_a_full_queue_is_told_as_ollama_tells_it_and_both_it_and_a_long_wait_with_when_to_come_back() -> None:
    full, late = not_let_in(Refusal("full", 7.0)), not_let_in(Refusal("late", 9.0))
    assert full.message == "server busy, please try again.  maximum pending requests exceeded"
    assert (full.status, full.retry_after) == (503, 7.0)
    assert (late.message, late.status, late.retry_after) == (long_wait().message, 503, 9.0)
    assert not_let_in(None).retry_after == long_wait().retry_after == 5


def test_a_limit_of_all_backends_is_a_429_and_backends_that_answer_nobody_a_503_that_names_one() -> None:
    assert (limited(12.5).status, limited(12.5).retry_after) == (429, 12.5)
    backend = driven(a="vllm").gateway.backend("a")
    assert silent(backend, 0.0).message == "backend 'a' is not available: it did not answer"
    backend.health.bad("nothing listens there")
    error = silent(backend, 30.0)
    assert error.message == "backend 'a' is not available: nothing listens there"
    assert (error.status, error.retry_after, silent(backend, 0.0).retry_after) == (503, 30.0, 1.0)


def test_what_an_answers_error_says_of_its_backend() -> None:
    spent = BackendError("x", status=429, body='{"error": {"code": "insufficient_quota"}}', retry_after=3.0)
    assert told_by(spent) == Failure(status=429, retry_after=3.0, final=True)
    assert told_by(BackendUnavailable("HTML")) == Failure(kind="unreadable")


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(kind="refused"), "unreachable"),
        (Failure(kind="closed"), "broken"),
        (Failure(kind="silent"), "silent"),
        (Failure(kind="unreadable"), "error"),
        (Failure(kind="too_large"), None),
        (Failure(kind="configuration"), None),
        (Failure(status=500), "error"),
        (Failure(status=503, retry_after=5.0), None),
        (Failure(status=400), None),
        (Failure(status=429), None),
        (Failure(status=404), "missing"),
    ],
)
def test_what_a_failure_comes_to_for_the_circuits(failure: Failure, expected: str | None) -> None:
    assert outcome(failure) == expected


def test_that_nobody_has_a_model_comes_with_the_names_of_some() -> None:
    catalog = driven(a="vllm").gateway.catalog
    error = with_names(ModelNotFound("n"), catalog)
    assert isinstance(error, ModelNotFound) and error.near == ("m",)
    other = BackendUnavailable("x")
    assert with_names(other, catalog) is other
