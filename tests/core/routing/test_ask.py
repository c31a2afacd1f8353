"""What one request asks, and who is left out by it."""

from __future__ import annotations

import pytest
from tests.support.fleets import backend, field_of

from ollamux.routing.ask import AVAILABILITY, CAPABILITIES, FILTERS, LOAD, Ask
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet

NAMES = [name for name in Ask.__slots__ if not name.startswith("_")]

FLEET = Fleet(formats=lambda offer: ("ollama",))
CONFIGS = [
    backend("home", watts=55.0, first_ms=150.0, region="eu", max_concurrent_requests=1),
    backend("away", type="openai", watts=0.0, first_ms=500.0, region="us"),
]


def left_out(wishes: Constraints | None, *, needs: frozenset[str] = frozenset(), told: bool = True) -> dict[str, str]:
    field = field_of(FLEET, CONFIGS, told=told)
    ask = FLEET.ask(wishes, needs=needs)
    return {standing.station.id: FILTERS[ask.filtered(standing, ask.needs)] for standing in field.standings}


@pytest.mark.parametrize(
    ("wishes", "home", "away"),
    [
        (None, "", ""),
        (Constraints(target="home"), "", "X-Target-Backend"),
        (Constraints(provider="openai"), "X-Provider", ""),
        (Constraints(provider="home"), "", "X-Target-Backend"),
        (Constraints(region="us"), "X-Region", ""),
        (Constraints(media="image"), "X-Media-Type", "X-Media-Type"),
        (Constraints(max_watts=10), "X-Max-Power-Watts", ""),
        (Constraints(max_latency_ms=200), "", "X-Max-Latency-Ms"),
        (Constraints(deadline_ms=100), "X-Deadline-Ms", "X-Deadline-Ms"),
    ],
)
def test_every_constraint_leaves_out_those_that_do_not_meet_it_and_has_its_name(
    wishes: Constraints | None, home: str, away: str
) -> None:
    assert left_out(wishes) == {"home": home, "away": away}


def test_who_lacks_a_capability_is_left_out_unless_it_speaks_the_clients_own_format() -> None:
    field = field_of(FLEET, CONFIGS)
    needs = frozenset({"vision"})
    assert set(left_out(None, needs=needs).values()) == {"capabilities"}
    ask = FLEET.ask(needs=needs, format_="ollama")
    assert [ask.filtered(standing, ask.needs) for standing in field.standings] == [0, 0]
    ask = FLEET.ask(needs=needs, format_="anthropic")
    assert [ask.filtered(standing, ask.needs) for standing in field.standings] == [CAPABILITIES] * 2


def test_a_medium_leaves_out_nobody_whose_abilities_nobody_told() -> None:
    assert left_out(Constraints(media="image"), told=False) == {"home": "", "away": ""}


def test_who_cannot_be_had_now_is_left_out_after_everything_that_says_never() -> None:
    field = field_of(FLEET, CONFIGS)
    home = field.standings[0]
    home.station.allow(False, "no key")
    home.station.exclude("thermal")
    assert left_out(None)["home"] == FILTERS[AVAILABILITY]
    home.station.allow(True)
    assert left_out(None)["home"] == "exclusion"
    assert left_out(Constraints(target="away"))["home"] == "X-Target-Backend"
    home.station.exclude("")
    home.station.busy_ms = 60_000.0
    home.began(0.0)
    assert left_out(Constraints(max_latency_ms=1000))["home"] == FILTERS[LOAD]
    assert left_out(None)["home"] == ""
    home.left()


def test_who_is_in_a_region_that_the_configuration_leaves_out_is_left_out() -> None:
    fleet = Fleet(regions=["US"])
    ask = fleet.ask()
    named = {one.station.id: FILTERS[ask.filtered(one, 0)] for one in field_of(fleet, CONFIGS).standings}
    assert named == {"home": "routing.regions", "away": ""}


def test_a_long_prompt_counts_against_a_limit_of_time() -> None:
    field = field_of(FLEET, CONFIGS)
    home = field.standings[0]
    short, long = (Ask(tokens_in=tokens) for tokens in (500, 5000))
    for ask in (short, long):
        ask.restrict(max_latency_ms=300.0)
    assert home.read_ms > 0
    assert (short.filtered(home, 0), FILTERS[long.filtered(home, 0)]) == (0, "X-Max-Latency-Ms")


def test_an_ask_for_a_prompt_of_another_length_differs_in_nothing_else() -> None:
    ask = Ask(3, 4)
    ask.lean(2.0, 3.0, 4.0)
    sized, made = ask.sized(1234.0), Ask(3, 4, tokens_in=1234.0)
    made.lean(2.0, 3.0, 4.0)
    assert [getattr(sized, name) for name in NAMES] == [getattr(made, name) for name in NAMES]
    assert (ask.tokens_in, ask.extra) == (500.0, 0.0)
