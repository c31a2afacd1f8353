"""All stations and standings, and the names by which requests ask for them."""

from __future__ import annotations

import pytest
from tests.support.fleets import backend, field_of, standing_of

from ollamux.errors import InvalidRequest
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import TYPICAL, Fleet, Typical, is_ours


def test_what_nobody_tells_follows_from_the_hardware() -> None:
    fleet = Fleet()
    station = fleet.add(backend("n", hardware="npu"))
    assert Typical(station.watts, station.guess_first_ms) == TYPICAL["npu"]
    station = fleet.add(backend("m", hardware="npu", watts=5.0, first_ms=90.0, tokens_s=20.0))
    assert (station.watts, station.guess_first_ms, station.guess_token_ms) == (5.0, 90.0, 50.0)
    cloud = fleet.add(backend("c", type="openai"))
    assert (cloud.local, cloud.watts, cloud.number) == (False, 0.0, 2)


@pytest.mark.parametrize(
    ("told", "local"),
    [
        ({"endpoint": "http://127.0.0.1:8080"}, True),
        ({"endpoint": "http://[::1]:8080"}, True),
        ({"endpoint": "http://192.168.1.7:11434"}, True),
        ({"endpoint": "localhost:11434"}, True),
        ({"endpoint": "http://workstation.lan"}, True),
        ({"endpoint": "http://gpu"}, True),
        ({"endpoint": "https://api.openai.com"}, False),
        ({"endpoint": "http://8.8.8.8"}, False),
        ({"endpoint": "http://[broken"}, False),
        ({"endpoint": "http://127.0.0.1:1", "hardware": "cloud"}, False),
        ({"endpoint": "https://gpu.example.com", "hardware": "nvidia"}, True),
        ({"endpoint": "http://127.0.0.1:1", "hardware": "custom"}, True),
        ({"type": "openai"}, False),
        ({"type": "gguf"}, True),
    ],
)
def test_a_backend_is_of_ours_by_its_hardware_else_by_its_address(told: dict[str, str], local: bool) -> None:
    assert is_ours(backend("b", **told)) is local


def test_a_field_is_kept_until_the_catalog_has_other_offers_and_what_was_measured_outlives_it() -> None:
    fleet = Fleet()
    configs = [backend("a"), backend("b")]
    field = field_of(fleet, configs)
    assert fleet.field(field.offers) is field
    standing = field.standings[0]
    standing.began(0.0)
    standing.first_token(0.2, 0.2)
    field.turn = 3.0
    fresh = field_of(fleet, configs, capabilities=("completion", "vision"))
    assert fresh is not field
    assert fresh.turn == 3.0
    assert fresh.standings[0] is standing
    assert standing.offer is fresh.offers[0]
    assert standing.able == fleet.mask(("completion", "vision"))
    assert standing.first_ms == pytest.approx(200.0)
    assert standing.running == 1


def test_a_field_is_known_by_the_very_offers_it_was_made_for() -> None:
    fleet = Fleet()
    field = field_of(fleet, [backend("a"), backend("b")])
    assert fleet.known(field.offers) is field
    assert fleet.known(field.offers[:1]) is None


def test_standings_that_nobody_asks_for_are_dropped_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollamux.routing.fleet._STANDINGS", 10)
    monkeypatch.setattr("ollamux.routing.fleet._FIELDS", 10)
    fleet = Fleet()
    config = backend("a")
    for number in range(50):
        field_of(fleet, [config], f"m{number}")
    assert len(fleet.stations["a"].standings) == 10


def test_what_is_in_memory_is_told_by_the_names_upstream() -> None:
    fleet = Fleet()
    configs = [backend("a")]
    small, large = (field_of(fleet, configs, name, upstream=name.upper()).standings[0] for name in ("small", "large"))
    fleet.loaded("a", ["SMALL"], 1.0)
    assert (small.cold, large.cold) == (False, True)


def test_a_preferred_model_and_the_vendors_own_are_marked() -> None:
    fleet = Fleet(vendors=lambda name: ("openai",) if name.startswith("gpt") else ())
    configs = [backend("o", type="openai"), backend("r", type="openrouter", preferred=["gpt-*"], priority=10.0)]
    field = field_of(fleet, configs, "gpt-5")
    home, other = standing_of(field, "o"), standing_of(field, "r")
    assert (home.home, home.merit) == (True, 500.0)
    assert (other.home, other.merit) == (False, 300.0)


def test_requests_without_wishes_share_what_they_ask() -> None:
    fleet = Fleet()
    needs = frozenset({"tools"})
    assert fleet.ask(needs=needs) is fleet.ask(needs=needs)
    assert fleet.ask(needs=needs) is not fleet.ask(needs=needs, format_="ollama")
    assert fleet.ask(needs=needs, tokens_in=10).tokens_in == 10
    assert fleet.ask(needs=needs).tokens_in == 500


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Constraints(target="tpu"), "X-Target-Backend: 'tpu' is not known; there is: cloud, gpu"),
        (Constraints(provider="acme"), "X-Provider: 'acme' is not known; there is: google, ollama"),
        (Constraints(region="mars"), "X-Region: 'mars' is not known; there is: eu"),
        (
            Constraints(target="gpu", provider="cloud"),
            "X-Provider: 'cloud' is another backend than X-Target-Backend: 'gpu'",
        ),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_ones(wishes: Constraints, told: str) -> None:
    fleet = Fleet()
    fleet.add(backend("gpu", region="EU"))
    fleet.add(backend("cloud", type="google"))
    with pytest.raises(InvalidRequest) as raised:
        fleet.ask(wishes)
    assert raised.value.message == told


def test_a_provider_may_be_called_by_the_names_that_people_use() -> None:
    fleet = Fleet()
    fleet.add(backend("gpu"))
    fleet.add(backend("cloud", type="google"))
    assert fleet.ask(Constraints(provider="Gemini")).provider == 1
    assert fleet.ask(Constraints(provider="cloud")).target == 1


def test_what_has_passed_of_a_deadline_is_taken_off() -> None:
    assert Fleet().ask(Constraints(deadline_ms=500), elapsed_ms=120).deadline_ms == 380


def test_wishes_lean_the_score() -> None:
    fleet = Fleet()
    assert not fleet.ask(Constraints(max_watts=3)).leaning
    for wishes in (Constraints(latency_critical=True), Constraints(media="realtime"), Constraints(media="audio")):
        assert (fleet.ask(wishes).latency, fleet.ask(wishes).power) == (4.0, 0.0)
    assert fleet.ask(Constraints(power_efficient=True)).power == 40.0
    assert fleet.ask(Constraints(power_efficient=True, latency_critical=True)).latency == 2.0


def test_more_names_than_there_are_bits_are_still_told_apart_where_it_matters_first() -> None:
    fleet = Fleet()
    bits = [fleet.mask((f"c{number}",)) for number in range(80)]
    assert len(set(bits)) == 61
    assert max(bits) < 2**63


def test_who_says_nothing_leans_as_the_fleet_does_and_who_says_something_as_he_says() -> None:
    fleet = Fleet()
    before = fleet.ask()
    fleet.lean((0.25, 40.0, 1.0))
    told = fleet.ask()
    assert (told.latency, told.power, told.price, told.leaning) == (0.25, 40.0, 1.0, True)
    assert fleet.ask() is told and told is not before and not before.leaning
    assert fleet.ask(tokens_in=5000).power == 40.0
    assert fleet.ask(Constraints(latency_critical=True)).power == 0.0
    fleet.lean(None)
    assert not fleet.ask().leaning
