"""What clients ask for in headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.errors import InvalidRequest
from ollamux.routing.constraints import HEADERS, Constraints


def test_without_any_of_the_headers_there_are_no_constraints() -> None:
    assert Constraints.read({"host": "x", "content-type": "application/json", "x-other": "1"}) is None
    assert Constraints.read({"x-priority": "  "}) is None


def test_every_header_is_read_into_its_field() -> None:
    found = Constraints.read(
        {
            "x-target-backend": " gpu ",
            "x-provider": "openai",
            "x-region": "EU-Central-1",
            "x-routing-strategy": "Round_Robin",
            "x-latency-critical": "yes",
            "x-power-efficient": "OFF",
            "x-max-latency-ms": "250.5",
            "x-max-power-watts": "30",
            "x-deadline-ms": "1e4",
            "x-media-type": "Code",
            "x-priority": "HIGH",
            "x-request-id": "r-1",
        }
    )
    assert found == Constraints(
        target="gpu",
        provider="openai",
        region="eu-central-1",
        strategy="round_robin",
        latency_critical=True,
        max_latency_ms=250.5,
        max_watts=30.0,
        deadline_ms=10_000.0,
        media="code",
        priority=2,
        request_id="r-1",
    )


@pytest.mark.parametrize("word", ["true", "1", "yes", "on", "TRUE", "On"])
def test_a_yes_has_many_spellings(word: str) -> None:
    found = Constraints.read({"x-latency-critical": word})
    assert found is not None
    assert found.latency_critical


@pytest.mark.parametrize("word", ["false", "0", "no", "off", "No"])
def test_a_no_has_as_many(word: str) -> None:
    found = Constraints.read({"x-power-efficient": word})
    assert found is not None
    assert not found.power_efficient


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("x-latency-critical", "perhaps", "X-Latency-Critical: expected true or false (also 1, yes, on, 0, no, off)"),
        ("x-max-latency-ms", "fast", "X-Max-Latency-Ms: expected a number, 0 or more"),
        ("x-max-latency-ms", "-1", "X-Max-Latency-Ms: expected a number, 0 or more"),
        ("x-max-power-watts", "nan", "X-Max-Power-Watts: expected a number, 0 or more"),
        ("x-deadline-ms", "inf", "X-Deadline-Ms: expected a number, 0 or more"),
        ("x-deadline-ms", "1_000", "X-Deadline-Ms: expected a number, 0 or more"),
        ("x-media-type", "smell", "X-Media-Type: expected one of text, code, image, audio, realtime, auto"),
        ("x-request-id", "a" * 300, "X-Request-ID: expected at most 200 visible characters"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_says_what_may_stand_there(name: str, value: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        Constraints.read({name: value})
    assert raised.value.message == told
    assert raised.value.param == told.partition(":")[0]
    assert raised.value.status == 400


@pytest.mark.parametrize(
    ("headers", "rank"),
    [
        ({"x-priority": "best-effort"}, 0),
        ({"x-priority": "low", "x-latency-critical": "1"}, 0),
        ({"x-priority": "realtime"}, 3),
        ({"x-latency-critical": "1"}, 3),
        ({"x-media-type": "realtime"}, 3),
        ({"x-media-type": "audio"}, 2),
        ({"x-media-type": "text"}, 1),
    ],
)
def test_a_request_has_its_place_among_those_that_wait(headers: dict[str, str], rank: int) -> None:
    found = Constraints.read(headers)
    assert found is not None
    assert found.rank == rank


@given(st.dictionaries(st.sampled_from(sorted(HEADERS)), st.text(max_size=30)))
def test_whatever_stands_in_the_headers_is_read_or_refused(headers: dict[str, str]) -> None:
    try:
        found = Constraints.read(headers)
    except InvalidRequest as error:
        assert error.param in {written for written, _, _ in HEADERS.values()}
    else:
        assert found is None or isinstance(found, Constraints)
