"""How failures on the way to a backend are told."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.support.driving import driven

from ollamux.contract import FailureKind
from ollamux.conversation import StreamFault
from ollamux.errors import BackendTimeout, BackendUnavailable, ModelNotFound
from ollamux.exchange.failures import (
    failure_of,
    long_wait,
    not_yet,
    of_answer,
    of_request,
    queue_full,
    reported,
    stream_broken,
    with_names,
)


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
    assert queue_full().message == "server busy, please try again.  maximum pending requests exceeded"
    assert (queue_full().retry_after, long_wait().retry_after, long_wait().status) == (5, 5, 503)


def test_that_nobody_has_a_model_comes_with_the_names_of_some() -> None:
    catalog = driven(a="vllm").gateway.catalog
    error = with_names(ModelNotFound("n"), catalog)
    assert isinstance(error, ModelNotFound) and error.near == ("m",)
    other = BackendUnavailable("x")
    assert with_names(other, catalog) is other
