"""Clients that ask for different contexts and stays share one loaded model."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from ollamux.hardware.keeping import Keeping, Terms
from ollamux.models import Inventory, Loaded, ModelInfo

FAR = 4e9


def loaded(context: int | None, expires: float | None = FAR, name: str = "tiny") -> Inventory:
    return Inventory(
        models=(ModelInfo(name="tiny"), ModelInfo(name="other")),
        loaded=(Loaded(name=name, context_length=context, expires=expires),),
    )


EMPTY = Inventory(models=(ModelInfo(name="tiny"), ModelInfo(name="other")))


def ask(
    keeping: Keeping, num_ctx: int | None = None, keep_alive: float | None = None, now: float = 0.0, model: str = "tiny"
) -> Terms:
    """A request that is over at once."""
    terms = keeping.begin("o", model, num_ctx, keep_alive, now)
    keeping.end("o", model, now)
    return terms


def test_a_request_for_a_model_that_is_not_loaded_is_sent_as_it_asks() -> None:
    assert ask(Keeping(), 2048, 60.0) == Terms(2048, 60.0)
    assert ask(Keeping()) == Terms(None, None)


def test_a_request_for_less_context_is_sent_with_what_is_loaded() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192))
    assert ask(keeping, 2048).num_ctx == 8192


def test_a_request_for_more_context_is_sent_as_it_asks_and_then_that_is_what_is_loaded() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192))
    assert ask(keeping, 16384).num_ctx == 16384
    assert ask(keeping, 8192).num_ctx == 16384


def test_a_request_that_names_no_context_is_left_alone_while_the_default_is_not_known() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192))
    assert ask(keeping).num_ctx is None


def test_the_default_context_is_learned_from_a_request_that_names_none() -> None:
    keeping = Keeping()
    ask(keeping)
    keeping.told("o", loaded(4096))
    ask(keeping, 16384)
    keeping.told("o", loaded(16384))
    assert ask(keeping).num_ctx == 16384


def test_a_request_that_names_no_context_never_gets_less_than_the_default() -> None:
    keeping = Keeping()
    ask(keeping)
    keeping.told("o", loaded(32768))
    keeping.told("o", EMPTY)
    ask(keeping, 2048)
    keeping.told("o", loaded(2048))
    assert ask(keeping).num_ctx is None


def test_nothing_is_learned_while_a_request_is_under_way() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(2048))
    keeping.begin("o", "tiny", None, None, 0.0)
    keeping.told("o", loaded(2048))  # the old one, which is about to go
    keeping.end("o", "tiny", 1.0)
    keeping.told("o", loaded(4096))
    ask(keeping, 8192)
    assert ask(keeping).num_ctx == 8192


def test_a_model_that_left_the_memory_binds_nobody() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192))
    ask(keeping, None, 3600.0)
    keeping.told("o", EMPTY)
    assert ask(keeping, 2048, 10.0, now=1.0) == Terms(2048, 10.0)


def test_a_request_never_shortens_the_stay_that_another_asked_for() -> None:
    keeping = Keeping()
    assert ask(keeping, None, 3600.0, now=0.0).keep_alive == 3600.0
    assert ask(keeping, None, 60.0, now=600.0).keep_alive == 3000.0
    assert ask(keeping, None, None, now=1200.0).keep_alive == 2400.0
    assert ask(keeping, None, 7200.0, now=1200.0).keep_alive == 7200.0


def test_a_request_that_names_no_stay_counts_for_five_minutes() -> None:
    keeping = Keeping()
    assert ask(keeping, now=0.0).keep_alive is None
    assert ask(keeping, None, 10.0, now=100.0).keep_alive == 200.0
    assert ask(keeping, now=200.0).keep_alive is None


def test_a_stay_of_zero_is_obeyed_and_ends_what_others_asked_for() -> None:
    keeping = Keeping()
    ask(keeping, None, math.inf)
    assert ask(keeping, None, 0.0, now=1.0).keep_alive == 0.0
    assert ask(keeping, None, 60.0, now=2.0).keep_alive == 60.0


def test_a_stay_without_end_is_obeyed_until_somebody_says_zero() -> None:
    keeping = Keeping()
    assert ask(keeping, None, math.inf).keep_alive == math.inf
    assert ask(keeping, None, 60.0, now=9e6).keep_alive == math.inf
    assert ask(keeping, now=9e6).keep_alive == math.inf
    assert keeping.use("o", "tiny").forever


def test_a_model_that_somebody_else_keeps_for_ever_is_kept_for_ever() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192, expires=None))
    assert ask(keeping, None, 60.0).keep_alive == math.inf


def test_a_model_that_was_released_is_asked_for_anew() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192, expires=None))
    keeping.released("o", "tiny")
    keeping.released("o", "nobody knows")
    assert ask(keeping, 2048, 60.0) == Terms(2048, 60.0)


def test_a_model_on_its_way_in_is_not_forgotten_by_a_probe_that_came_too_early() -> None:
    keeping = Keeping()
    keeping.begin("o", "tiny", 8192, 3600.0, 0.0)
    keeping.told("o", EMPTY)
    assert ask(keeping, 2048, 60.0, now=600.0) == Terms(8192, 3000.0)


def test_backends_and_models_are_kept_apart() -> None:
    keeping = Keeping()
    keeping.told("o", loaded(8192, expires=None))
    assert keeping.begin("p", "tiny", 2048, 60.0, 0.0) == Terms(2048, 60.0)
    assert ask(keeping, 2048, 60.0, model="other") == Terms(2048, 60.0)


def test_a_model_that_a_backend_no_longer_has_takes_no_memory_here() -> None:
    keeping = Keeping()
    ask(keeping, 2048, math.inf)
    keeping.told("o", Inventory(models=(ModelInfo(name="other"),)))
    assert not keeping.use("o", "tiny").forever


def test_requests_under_way_are_counted() -> None:
    keeping = Keeping()
    keeping.begin("o", "tiny", None, None, 1.0)
    keeping.begin("o", "tiny", None, None, 2.0)
    keeping.end("o", "tiny", 3.0)
    keeping.end("o", "unheard of", 3.0)
    use = keeping.use("o", "tiny")
    assert (use.running, use.used_at) == (1, 3.0)
    keeping.end("o", "tiny", 4.0)
    keeping.end("o", "tiny", 5.0)
    assert (use.running, use.used_at) == (0, 4.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, 1024, 2048, 4096, 8192]),
            st.sampled_from([None, 1.0, 300.0, 3600.0, math.inf]),
            st.floats(0.0, 500.0),
        )
    )
)
def test_no_request_gets_less_than_it_asks_for_and_the_context_only_grows(
    asked: list[tuple[int | None, float | None, float]],
) -> None:
    keeping = Keeping()
    now, largest, until = 0.0, 0, -math.inf
    for num_ctx, keep_alive, passed in asked:
        now += passed
        terms = ask(keeping, num_ctx, keep_alive, now)
        if num_ctx is not None:
            largest = max(largest, num_ctx)
            assert terms.num_ctx == largest
        if keep_alive is not None:
            until = max(until, now + keep_alive)
            assert terms.keep_alive is not None and terms.keep_alive >= keep_alive
            assert now + terms.keep_alive >= until - 1e-6


def test_a_model_is_busy_as_long_as_requests_for_it_are_under_way() -> None:
    keeping = Keeping()
    assert not keeping.busy("up", "m")
    keeping.begin("up", "m", None, None, 1.0)
    keeping.begin("up", "m", None, None, 1.0)
    keeping.end("up", "m", 2.0)
    assert keeping.busy("up", "m") and not keeping.busy("up", "other")
    keeping.end("up", "m", 3.0)
    assert not keeping.busy("up", "m")
