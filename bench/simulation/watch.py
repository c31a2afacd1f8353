"""Asks all invariants, each at its time.

Strategy: four tables, by when they look: at each want (`AT_EACH_WANT`), after each step (`AFTER_EACH_STEP`), at the end
of each request whose client stayed (`AT_EACH_END`), and when all is over and calm (`AT_REST`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bench.simulation import invariants, verdicts
from bench.simulation.heard import Heard
from bench.simulation.pump import Asked
from ollamux.contract import Want

if TYPE_CHECKING:
    from bench.simulation.world import World

__all__ = ("AFTER_EACH_STEP", "AT_EACH_END", "AT_EACH_WANT", "AT_REST", "Watch")

OfWant = Callable[["World", Asked, Want, str], str | None]
OfStep = Callable[["World"], str | None]
OfEnd = Callable[["World", Asked, Heard | str], str | None]

AT_EACH_WANT: tuple[OfWant, ...] = (
    invariants.nothing_follows_the_end,
    invariants.who_left_is_told_nothing,
    invariants.a_head_comes_once_and_first,
    invariants.attempts_have_numbers_of_their_own,
    invariants.a_wake_is_never_in_the_past,
    invariants.nobody_is_woken_in_vain,
    invariants.keepalives_are_for_streams_and_after_a_silence,
    invariants.attempts_are_bounded,
    invariants.a_target_is_kept,
    invariants.no_call_begins_after_the_deadline,
    invariants.rates_are_kept,
    invariants.who_asks_to_be_left_alone_is,
    invariants.repeats_stay_within_their_budget,
    invariants.secrets_stay_here,
)
AFTER_EACH_STEP: tuple[OfStep, ...] = (
    invariants.no_attempt_outlives_its_exchange,
    invariants.places_are_bounded,
    invariants.places_are_counted,
    invariants.the_queue_is_bounded,
    invariants.who_waits_has_a_wake,
    invariants.nobody_waits_longer_than_is_configured,
)
AT_EACH_END: tuple[OfEnd, ...] = (
    verdicts.the_answer_is_in_the_clients_format,
    verdicts.the_answer_is_of_one_attempt,
    verdicts.nobody_fails_who_could_have_been_served,
    verdicts.what_is_refused_for_now_says_when,
)
AT_REST: tuple[OfStep, ...] = (
    verdicts.nothing_is_kept_at_rest,
    verdicts.all_works_again_after_the_storm,
    verdicts.quotas_are_free_at_rest,
    verdicts.shares_follow_weights,
    verdicts.who_recovers_is_used_again,
)


class Watch:
    """Asks the invariants. `repeats` are the moments of all calls that cost a token of the retry budget."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.repeats: list[float] = []

    def wanted(self, asked: Asked, want: Want, cause: str) -> None:
        """Before a want is carried out."""
        for holds in AT_EACH_WANT:
            text = holds(self._world, asked, want, cause)
            if text is not None:
                self._world.broken(holds.__name__, asked, text)

    def stepped(self) -> None:
        """After a step."""
        for holds in AFTER_EACH_STEP:
            text = holds(self._world)
            if text is not None:
                self._world.broken(holds.__name__, None, text)

    def ended(self, asked: Asked) -> None:
        """A request is over."""
        if asked.gone:
            return
        heard = verdicts.heard_by(asked)
        for holds in AT_EACH_END:
            text = holds(self._world, asked, heard)
            if text is not None:
                self._world.broken(holds.__name__, asked, text)

    def rested(self) -> None:
        """All requests are over."""
        for holds in AT_REST:
            text = holds(self._world)
            if text is not None:
                self._world.broken(holds.__name__, None, text)
