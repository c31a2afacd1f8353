"""Who waits for a place: priorities, turns, deadlines, and what happens under a load that is too high."""

from __future__ import annotations

from collections import Counter
from heapq import heappop, heappush
from math import inf
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ollamux.resilience.admission import Admission
from ollamux.resilience.queue import HIGHEST, NORMAL

LOW = 0


class Guest:
    def __init__(self, *wanted: str, client: str = "", priority: int = NORMAL, deadline: float = inf) -> None:
        self.wanted = wanted or ("a",)
        self.client = client
        self.priority = priority
        self.deadline = deadline

    def waits(self, admission: Admission, now: float = 0.0) -> bool:
        return admission.wait(self, now, self.priority, self.client, self.deadline)


def full(**changed: int) -> Admission:
    """A place on a, and somebody who has it."""
    admission = Admission(**changed)  # type: ignore[arg-type]
    admission.limit("a", 1)
    assert admission.take("a")
    return admission


def served(admission: Admission, now: float = 0.0) -> Guest:
    """The next one who is served when the place on a comes free."""
    admission.give_back("a", now)
    (guest,) = admission.admitted(now)
    assert isinstance(guest, Guest) and admission.take("a", guest)
    admission.served(guest)
    return guest


def test_priorities_go_first_and_clients_take_turns() -> None:
    admission = full(yield_every=0)
    guests = [Guest(client="x"), Guest(client="x"), Guest(client="y"), Guest(priority=HIGHEST), Guest(priority=LOW)]
    assert all(guest.waits(admission) for guest in guests)
    order = [guests.index(served(admission)) for _ in guests]
    assert order == [3, 0, 2, 1, 4]


def test_without_priorities_it_is_first_come_first_served() -> None:
    admission = full(prioritise=False)
    guests = [Guest(priority=LOW, client="x"), Guest(priority=HIGHEST), Guest(client="x"), Guest(client="y")]
    assert all(guest.waits(admission) for guest in guests)
    assert [guests.index(served(admission)) for _ in guests] == [0, 1, 2, 3]


def test_a_low_priority_is_served_in_the_end_however_many_high_ones_come() -> None:
    admission = full(yield_every=10)
    low = [Guest(priority=LOW) for _ in range(3)]
    assert all(guest.waits(admission) for guest in low)
    turns = []
    for turn in range(1, 41):
        assert Guest(priority=HIGHEST).waits(admission)
        assert Guest(priority=HIGHEST).waits(admission)
        if served(admission) in low:
            turns.append(turn)
    assert turns == [10, 20, 30]


def test_turns_are_counted_for_each_backend() -> None:
    admission = full(yield_every=2)
    admission.limit("b", 1)
    assert admission.take("b")
    low = Guest("a", priority=LOW)
    assert low.waits(admission)
    for _ in range(10):
        assert Guest("a", priority=HIGHEST).waits(admission) and Guest("b", priority=HIGHEST).waits(admission)
    for backend in "abab":
        admission.give_back(backend)
        (guest,) = admission.admitted()
        assert admission.take(backend, guest)
        admission.served(guest)
        if guest is low:
            return
    pytest.fail("the low one was passed over")


def test_a_newcomer_does_not_go_before_those_who_wait() -> None:
    admission = full()
    first, late = Guest(), Guest()
    assert first.waits(admission)
    admission.give_back("a")
    assert not admission.take("a", late) and late.waits(admission)
    assert admission.has_room() and admission.admitted() == [first]
    assert not admission.take("a", late) and admission.take("a", first)
    admission.served(first)


def test_a_newcomer_takes_a_place_that_nobody_waits_for() -> None:
    admission = full()
    assert Guest("a").waits(admission)
    assert admission.take("b", Guest("b"))


def test_a_place_that_was_kept_for_one_who_took_another_is_the_next_ones() -> None:
    admission = full()
    admission.limit("b", 1)
    assert admission.take("b")
    either, other = Guest("b", "a"), Guest("a", "b")
    assert either.waits(admission) and other.waits(admission)
    admission.give_back("b")
    assert admission.admitted() == [either]
    admission.give_back("a")
    assert admission.take("a", either)
    admission.served(either)
    assert admission.has_room() and admission.admitted() == [other] and admission.take("b", other)


def test_a_better_one_displaces_the_worst_when_the_queue_is_full() -> None:
    admission = full(queue_size=2)
    low, normal, critical = Guest(priority=LOW), Guest(), Guest(priority=HIGHEST)
    assert low.waits(admission) and normal.waits(admission) and critical.waits(admission)
    assert admission.waiting == 2 and admission.has_room() and admission.admitted() == [low]
    assert not low.waits(admission)
    assert admission.refusal is not None and admission.refusal.why == "full"
    assert not Guest(priority=LOW).waits(admission) and not Guest().waits(admission)
    assert served(admission) is critical and served(admission) is normal


def test_a_client_that_fills_the_queue_gives_way_to_others() -> None:
    admission = full(queue_size=4)
    greedy = [Guest(client="x") for _ in range(4)]
    assert all(guest.waits(admission) for guest in greedy)
    assert not Guest(client="x").waits(admission)
    modest = [Guest(client="y"), Guest(client="y")]
    assert modest[0].waits(admission) and modest[1].waits(admission) and not Guest(client="y").waits(admission)
    assert admission.admitted() == greedy[:1:-1]
    assert [served(admission) for _ in range(4)] == [greedy[0], modest[0], greedy[1], modest[1]]


def test_one_that_was_turned_away_may_find_a_place_all_the_same() -> None:
    admission = full(queue_size=1)
    low, critical = Guest(priority=LOW), Guest(priority=HIGHEST)
    assert low.waits(admission) and critical.waits(admission)
    admission.limit("a", 2)
    assert admission.take("a")
    admission.served(low)
    assert low not in admission.admitted() and low.waits(admission) is False


def test_one_that_was_turned_away_and_went_is_forgotten() -> None:
    admission = full(queue_size=1)
    low = Guest(priority=LOW)
    assert low.waits(admission) and Guest(priority=HIGHEST).waits(admission)
    admission.leave(low)
    assert admission.admitted() == []
    assert not low.waits(admission) and admission.waiting == 1, "it comes anew, and the queue is full"


def paced(admission: Admission, now: float = 0.0, *, every: float = 1.0) -> float:
    """Lets it learn that a place comes free every second; the time after that."""
    for _ in range(20):
        assert Guest().waits(admission, now)
    for _ in range(20):
        now += every
        served(admission, now)
    return now


def test_who_cannot_make_his_deadline_is_not_let_in() -> None:
    admission = full()
    now = paced(admission)
    assert all(Guest().waits(admission, now) for _ in range(5))
    assert not Guest(deadline=now + 4.0).waits(admission, now)
    assert admission.refusal is not None and admission.refusal.why == "late"
    assert admission.refusal.retry_after == pytest.approx(6.0)
    assert Guest(deadline=now + 7.0).waits(admission, now)
    assert Guest(deadline=now + 2.0, priority=HIGHEST).waits(admission, now)
    assert not Guest(deadline=now - 1.0, priority=HIGHEST).waits(admission, now)


def test_who_missed_his_deadline_is_not_served() -> None:
    admission = full()
    late, other = Guest(deadline=5.0), Guest()
    assert late.waits(admission, 0.0) and other.waits(admission, 0.0)
    admission.give_back("a", 6.0)
    assert admission.admitted(6.0) == [other, late]
    assert not late.waits(admission, 6.0)
    assert admission.refusal is not None and admission.refusal.why == "late"


def test_one_who_waits_is_told_his_place_and_about_how_long() -> None:
    admission = full()
    assert admission.expected(Guest()) == 0.0 and admission.position(Guest()) == 0
    now = paced(admission, every=2.0)
    guests = [Guest() for _ in range(3)]
    assert all(guest.waits(admission, now) for guest in guests)
    assert [admission.position(guest) for guest in guests] == [1, 2, 3]
    assert [admission.expected(guest) for guest in guests] == [pytest.approx(2.0 * place) for place in (1, 2, 3)]
    admission.give_back("a", now)
    assert admission.admitted(now) == guests[:1] and admission.position(guests[0]) == 0
    assert admission.waiting_for("a") == 3 and admission.waiting_for("b") == 0


def test_before_any_place_came_free_nothing_is_foretold() -> None:
    admission = full(queue_size=1)
    first = Guest(deadline=1e-9)
    assert first.waits(admission) and admission.expected(first) is None
    assert not Guest().waits(admission)
    assert admission.refusal is not None and admission.refusal.retry_after == 5.0


def test_two_backends_share_the_work_of_those_who_want_either() -> None:
    admission = full()
    admission.limit("b", 1)
    assert admission.take("b")
    assert all(Guest("a", "b").waits(admission, 0.0) for _ in range(40))
    for second in range(1, 11):
        for backend in ("a", "b"):
            admission.give_back(backend, float(second))
            (guest,) = admission.admitted(float(second))
            assert admission.take(backend, guest)
            admission.served(guest)
    last = Guest("a", "b", client="last")
    assert last.waits(admission, 10.0)
    assert admission.expected(last) == pytest.approx(admission.position(last) * 0.5)


def test_the_limit_over_all_has_its_own_pace() -> None:
    admission = Admission(concurrency=1)
    assert admission.take("a")
    assert Guest("a").waits(admission, 0.0) and Guest("b").waits(admission, 0.0)
    admission.give_back("a", 3.0)
    (guest,) = admission.admitted(3.0)
    assert admission.take("a", guest)
    admission.served(guest)
    third = Guest("b")
    assert third.waits(admission, 3.0) and admission.expected(third) == pytest.approx(6.0)


# Under load ---------------------------------------------------------------------------------------------------------


def goodput(load: float, *, seed: int = 1, places: int = 10, seconds: float = 120.0, patience: float = 5.0) -> float:
    """Answers in time for each second, in virtual time, where `load` times as many come as can be served. A call takes
    half a second to a second and a half; clients of all priorities want theirs to begin within their patience, and
    those that are sent away come once more when they are told to."""
    random, admission = Random(seed), Admission(queue_size=512)
    admission.limit("a", places)
    events: list[tuple[float, int, str, Guest | None, float]] = []
    count, at, in_time = 0, 0.0, 0

    def later(when: float, what: str, guest: Guest | None, deadline: float = 0.0) -> None:
        nonlocal count
        count += 1
        heappush(events, (when, count, what, guest, deadline))

    def comes(guest: Guest, now: float, *, again: bool) -> None:
        if admission.take("a", guest):
            admission.served(guest)
            later(now + random.uniform(0.5, 1.5), "done", guest, guest.deadline)
        elif not guest.waits(admission, now) and not again:
            assert admission.refusal is not None
            later(now + admission.refusal.retry_after, "again", guest)

    while at < seconds:
        at += random.expovariate(load * places)
        client, priority = f"client {random.randrange(20)}", random.randrange(HIGHEST + 1)
        later(at, "comes", Guest(client=client, priority=priority, deadline=at + patience))
    while events:
        now, _, what, guest, deadline = heappop(events)
        assert guest is not None
        if what == "done":
            admission.give_back("a", now)
            in_time += now <= min(deadline + 1.5, seconds)
        else:
            if what == "again":
                guest.deadline = now + patience
            comes(guest, now, again=what == "again")
        while admission.has_room():
            for called in admission.admitted(now):
                assert isinstance(called, Guest)
                comes(called, now, again=False)
        assert admission.waiting <= 512 and admission.running("a") <= places
    assert admission.waiting == 0
    return in_time / seconds


def test_three_times_as_much_as_can_be_served_does_not_bring_down_what_is() -> None:
    loads = {load: goodput(load) for load in (0.6, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0)}
    peak = max(loads.values())
    assert peak > 9.0
    assert min(loads[load] for load in (1.2, 1.5, 2.0, 3.0)) >= 0.9 * peak, loads


# In any order -------------------------------------------------------------------------------------------------------

BACKENDS = ("a", "b", "c")


class AnyOrder(RuleBasedStateMachine):
    """Guests come, are served, leave and are turned away in any order: each ends once, nothing is lost, nobody waits
    where there is room."""

    @initialize(
        concurrency=st.sampled_from([0, 1, 3]),
        size=st.integers(0, 6),
        prioritise=st.booleans(),
        limits=st.tuples(*[st.sampled_from([None, 1, 2])] * 3),
    )
    def begins(self, concurrency: int, size: int, prioritise: bool, limits: tuple[int | None, ...]) -> None:
        self.admission = Admission(concurrency=concurrency, queue_size=size, prioritise=prioritise, yield_every=3)
        self.concurrency, self.size = concurrency, size
        self.limits: dict[str, int | None] = dict(zip(BACKENDS, limits, strict=True))
        for backend, places in self.limits.items():
            self.admission.limit(backend, places)
        self.now = 0.0
        self.running: list[tuple[Guest, str]] = []
        self.waiting: list[Guest] = []
        self.ended: Counter[Guest] = Counter()

    def tries(self, guest: Guest) -> None:
        """What an exchange does: takes a place, or waits, or is refused."""
        for backend in guest.wanted:
            if self.admission.take(backend, guest):
                self.admission.served(guest)
                self.running.append((guest, backend))
                if guest in self.waiting:
                    self.waiting.remove(guest)
                return
        if guest.waits(self.admission, self.now):
            if guest not in self.waiting:
                self.waiting.append(guest)
        else:
            assert self.admission.refusal is not None
            self.ended[guest] += 1
            if guest in self.waiting:
                self.waiting.remove(guest)

    def drain(self) -> None:
        """What the pump does once a turn."""
        turns = 0
        while self.admission.has_room():
            for guest in self.admission.admitted(self.now):
                assert isinstance(guest, Guest)
                self.tries(guest)
            turns += 1
            assert turns < 100, "it calls somebody again and again"

    def room(self, backend: str) -> bool:
        places = self.limits[backend]
        return places is None or self.admission.running(backend) < places

    @rule(
        wanted=st.lists(st.sampled_from(BACKENDS), min_size=1, max_size=3, unique=True),
        client=st.sampled_from("xyz"),
        priority=st.integers(0, HIGHEST),
        patience=st.sampled_from([inf, inf, 0.5, 3.0]),
        settle=st.booleans(),
    )
    def one_comes(self, wanted: list[str], client: str, priority: int, patience: float, settle: bool) -> None:
        self.tries(Guest(*wanted, client=client, priority=priority, deadline=self.now + patience))
        if settle:
            self.drain()

    @precondition(lambda self: self.running)
    @rule(which=st.integers(0, 100), settle=st.booleans(), seconds=st.floats(0.0, 2.0))
    def one_is_done(self, which: int, settle: bool, seconds: float) -> None:
        self.now += seconds
        guest, backend = self.running.pop(which % len(self.running))
        self.ended[guest] += 1
        self.admission.give_back(backend, self.now)
        if settle:
            self.drain()

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 100))
    def one_leaves(self, which: int) -> None:
        guest = self.waiting.pop(which % len(self.waiting))
        self.admission.leave(guest)
        self.ended[guest] += 1

    @rule(backend=st.sampled_from(BACKENDS), places=st.sampled_from([None, 1, 3]))
    def a_limit_changes(self, backend: str, places: int | None) -> None:
        self.limits[backend] = places
        self.admission.limit(backend, places)

    @rule()
    def the_pump_turns(self) -> None:
        self.drain()
        assert self.admission.waiting == len(self.waiting), "who is turned away is told so"
        if self.concurrency and len(self.running) >= self.concurrency:
            return
        for guest in self.waiting:
            assert not any(self.room(backend) for backend in guest.wanted), "a place is free and somebody waits for it"

    @invariant()
    def the_counts_are_right(self) -> None:
        if not hasattr(self, "admission"):
            return
        places = Counter(backend for _, backend in self.running)
        assert all(self.admission.running(backend) == places[backend] for backend in BACKENDS)
        assert not self.concurrency or len(self.running) <= self.concurrency
        assert self.admission.waiting <= len(self.waiting) and self.admission.waiting <= self.size
        assert all(times == 1 for times in self.ended.values())
        for guest in self.waiting:
            assert self.admission.position(guest) >= 0
            expected = self.admission.expected(guest)
            assert expected is None or 0.0 <= expected < inf

    def teardown(self) -> None:
        if not hasattr(self, "admission"):
            return
        for backend in BACKENDS:
            self.admission.limit(backend, 1)
        self.drain()
        while self.running:
            guest, backend = self.running.pop()
            self.ended[guest] += 1
            self.admission.give_back(backend, self.now)
            self.drain()
        assert self.waiting == [] and self.admission.waiting == 0
        assert all(times == 1 for times in self.ended.values())
        assert all(self.admission.waiting_for(backend) == 0 for backend in BACKENDS)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=40, stateful_step_count=40)
