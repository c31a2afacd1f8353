"""What every request of a client is, where its format says nothing else."""

from __future__ import annotations

import pytest

from ollamux.errors import ModelNotFound, NotSupported
from ollamux.formats.asking import Incoming
from ollamux.formats.base import Served

SERVED = Served("m", "m", frozenset())


class Asking(Incoming):
    """A request of a format that says nothing of its own."""

    __slots__ = ()

    def __init__(self) -> None:
        self.model = "m"


def test_a_model_that_nobody_serves_is_told_by_its_name() -> None:
    found = Asking().not_found()
    assert isinstance(found, ModelNotFound) and "m" in str(found)


def test_any_model_will_do() -> None:
    Asking().check(SERVED)


def test_a_request_that_has_no_neutral_form_is_refused() -> None:
    with pytest.raises(NotSupported, match="another format"):
        Asking().neutral(SERVED, {})
