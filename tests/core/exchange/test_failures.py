"""How failures on the way to a backend are told."""

from __future__ import annotations

from typing import get_args

import pytest

from ollamux.contract import FailureKind
from ollamux.errors import BackendTimeout, BackendUnavailable
from ollamux.exchange.failures import failure_of, stream_broken


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
