"""Places and the queue for them."""

from __future__ import annotations

from collections.abc import Callable

from ollamux.resilience.admission import Admission, Places


class Guest:
    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted


def test_without_limits_everybody_runs() -> None:
    admission = Admission()
    assert all(admission.take("a") for _ in range(1000))
    assert admission.running("a") == 1000


def test_whatever_changes_its_numbers_is_told() -> None:
    stale: set[str] = set()
    admission = Admission(stale=stale)
    guest = Guest("a")

    changes: list[Callable[[], object]] = [lambda: admission.wait(guest), lambda: admission.leave(guest)]
    for change in changes:
        change()
        assert "a" in stale
        stale.clear()
    assert admission.running("a") == admission.waiting_for("a") == 0 and not stale and not admission.moved


def test_a_backend_on_which_more_or_fewer_run_is_told_once_until_that_was_read() -> None:
    admission = Admission()
    changes: list[Callable[[], object]] = [lambda: admission.take("a"), lambda: admission.give_back("a")]
    for change in changes:
        change()
        (places,) = admission.moved
        assert (places.backend, places.running) == ("a", admission.running("a"))
        admission.take("a")
        admission.give_back("a")
        assert admission.moved == [places] and isinstance(places, Places)
        places.moved = False
        admission.moved.clear()


def test_a_backend_takes_no_more_than_its_limit() -> None:
    admission = Admission()
    admission.limit("a", 1)
    assert admission.take("a") and not admission.take("a")
    assert admission.take("b")
    admission.give_back("a")
    assert admission.take("a")


def test_the_limit_over_all_holds_whatever_the_backend() -> None:
    admission = Admission(concurrency=2)
    assert admission.take("a") and admission.take("b") and not admission.take("c")


def test_who_waits_is_admitted_in_order_and_only_where_a_wanted_place_is_free() -> None:
    admission = Admission()
    admission.limit("a", 1)
    admission.limit("b", 1)
    assert admission.take("a") and admission.take("b")
    first, second, third = Guest("a"), Guest("b"), Guest("b", "a")
    assert all(admission.wait(guest) for guest in (first, second, third))
    admission.give_back("b")
    assert admission.has_room()
    assert admission.admitted() == [second]
    assert not admission.has_room()
    assert admission.take("b")
    admission.give_back("a")
    assert admission.admitted() == [first]


def test_two_who_are_admitted_at_once_are_not_promised_the_same_place() -> None:
    admission = Admission()
    admission.limit("a", 1)
    admission.take("a")
    one, two = Guest("a"), Guest("a")
    admission.wait(one)
    admission.wait(two)
    admission.give_back("a")
    assert admission.admitted() == [one]


def test_the_queue_is_bounded_and_counts_only_those_who_wait() -> None:
    admission = Admission(queue_size=1)
    admission.limit("a", 1)
    admission.take("a")
    one = Guest("a")
    assert admission.wait(one) and not admission.wait(Guest("a"))
    admission.leave(one)
    assert admission.waiting == 0 and admission.wait(Guest("a"))


def test_a_limit_that_is_lifted_lets_the_queue_go_on() -> None:
    admission = Admission()
    admission.limit("a", 1)
    admission.take("a")
    guest = Guest("a")
    admission.wait(guest)
    admission.limit("a", None)
    assert admission.has_room() and admission.admitted() == [guest]


def test_who_is_called_and_leaves_passes_the_place_on() -> None:
    admission = Admission()
    admission.limit("a", 1)
    admission.take("a")
    one, two = Guest("a"), Guest("a")
    admission.wait(one)
    admission.wait(two)
    admission.give_back("a")
    assert admission.admitted() == [one] and admission.waiting == 2
    admission.leave(one)
    assert admission.has_room() and admission.admitted() == [two]
    admission.served(two)
    assert admission.waiting == 0


def test_who_is_called_in_vain_is_the_first_again_though_the_queue_is_full() -> None:
    admission = Admission(queue_size=2)
    admission.limit("a", 1)
    admission.take("a")
    one, two = Guest("a"), Guest("a")
    admission.wait(one)
    admission.wait(two)
    admission.give_back("a")
    assert admission.admitted() == [one]
    assert admission.take("a") and admission.wait(one) and not admission.wait(Guest("a"))
    admission.give_back("a")
    assert admission.admitted() == [one]
