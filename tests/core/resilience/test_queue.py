"""The order of those who wait."""

from __future__ import annotations

from ollamux.resilience.queue import HIGHEST, NORMAL, Entry, FairQueue

PRIORITIES = {"low": 0, "normal": NORMAL, "high": 2, "critical": HIGHEST}


class Guest:
    def __init__(self, name: str, *wanted: str) -> None:
        self.name = name
        self.wanted = wanted or ("a",)


def join(queue: FairQueue, names: str, priority: int = NORMAL, *wanted: str) -> list[Entry]:
    """One entry for each letter; the letter is the client."""
    return [queue.join(Guest(name, *wanted), priority, name) for name in names]


def drained(queue: FairQueue) -> str:
    """The clients in the order in which they are called."""
    called = ""
    while queue.lanes:
        firsts = [lane.best for lane in queue.lanes.values()]
        best = min((entry for entry in firsts if entry is not None), key=queue.rank)
        queue.call(best)
        called += best.client
    assert queue.live == 0
    return called


def test_those_of_one_priority_are_called_in_turn_over_the_clients() -> None:
    queue = FairQueue()
    join(queue, "xxxxyyz")
    assert drained(queue) == "xyzxyxx"


def test_a_client_that_comes_later_takes_its_turn_at_once() -> None:
    queue = FairQueue()
    join(queue, "xxxx")
    first = queue.lanes["", ("a",)].best
    assert first is not None
    queue.call(first)
    join(queue, "y")
    assert drained(queue) == "xyxx"


def test_a_higher_priority_is_called_first() -> None:
    queue = FairQueue()
    for word in ("low", "normal", "critical", "high"):
        join(queue, word[0], PRIORITIES[word])
    assert drained(queue) == "chnl"


def test_a_priority_beyond_the_highest_or_below_the_lowest_is_that_one() -> None:
    queue = FairQueue()
    join(queue, "b", -5)
    join(queue, "t", 99)
    assert [entry.priority for entry in (lane.best for lane in queue.lanes.values()) if entry] == [HIGHEST]
    assert drained(queue) == "tb"


def test_between_lanes_the_client_goes_first_who_was_served_longest_ago() -> None:
    queue = FairQueue()
    for model in ("a", "b", "c", "d"):
        join(queue, "x", NORMAL, model)
    join(queue, "y", NORMAL, "e")
    join(queue, "y", NORMAL, "f")
    assert drained(queue) == "xyxyxx"


def test_without_priorities_the_order_is_that_of_arrival() -> None:
    queue = FairQueue(prioritise=False)
    join(queue, "xx", PRIORITIES["low"])
    join(queue, "yz", PRIORITIES["critical"], "b")
    join(queue, "x", PRIORITIES["high"])
    assert drained(queue) == "xxyzx"
    assert queue.displaced_by(HIGHEST, "q") is None


def test_who_was_called_in_vain_is_the_first_of_all() -> None:
    queue = FairQueue()
    low = join(queue, "l", PRIORITIES["low"])[0]
    join(queue, "cc", HIGHEST)
    queue.call(low)
    queue.again(low)
    queue.call(low)
    queue.again(low)
    assert drained(queue) == "lcc"


def test_a_better_priority_displaces_the_last_of_the_lowest() -> None:
    queue = FairQueue()
    low = join(queue, "xyx", PRIORITIES["low"])
    join(queue, "z", NORMAL)
    assert queue.displaced_by(PRIORITIES["high"], "q") is low[2]
    assert queue.displaced_by(PRIORITIES["low"], "y") is None


def test_a_client_with_two_less_waiting_displaces_one_of_whom_has_most() -> None:
    queue = FairQueue()
    mine = join(queue, "xxxy")
    assert queue.displaced_by(NORMAL, "z") is mine[2]
    assert queue.displaced_by(NORMAL, "y") is mine[2]
    queue.leave(mine[2])
    assert queue.displaced_by(NORMAL, "y") is None and queue.displaced_by(NORMAL, "x") is None
    assert queue.displaced_by(NORMAL, "z") is mine[1]


def test_who_was_called_already_is_displaced_by_nobody() -> None:
    queue = FairQueue()
    entry = join(queue, "x", PRIORITIES["low"])[0]
    queue.call(entry)
    queue.again(entry)
    assert queue.displaced_by(HIGHEST, "q") is None


def test_a_client_gains_no_turns_by_leaving_and_coming_again() -> None:
    queue = FairQueue()
    entries = join(queue, "xxxy")
    queue.leave(entries[2])
    join(queue, "x")
    join(queue, "y")
    assert drained(queue) == "xyxyx"


def test_a_place_in_the_order_counts_those_who_want_the_same() -> None:
    queue = FairQueue()
    entries = join(queue, "xxy")
    other = join(queue, "z", NORMAL, "b")[0]
    assert [queue.position(entry) for entry in (*entries, other)] == [1, 3, 2, 1]


def test_what_would_be_called_before_a_newcomer_follows_from_priority_and_clients() -> None:
    queue = FairQueue()
    join(queue, "x" * 50 + "y")
    join(queue, "zz", HIGHEST)
    counts = [0, 51, 0, 2]
    assert queue.ahead(HIGHEST, "q", counts) == 1
    assert queue.ahead(NORMAL, "q", counts) == 2 + 2
    assert queue.ahead(NORMAL, "x", counts) == 51 + 2
    assert queue.ahead(0, "q", counts) == 51 + 2


def test_those_who_leave_are_swept_out_in_time() -> None:
    queue = FairQueue()
    join(queue, "s")
    for number in range(5000):
        queue.leave(queue.join(Guest("x"), NORMAL, f"client {number}"))
    lane = queue.lanes["", ("a",)]
    assert len(lane._best._items) < 40 and len(lane._eldest._items) < 40 and len(queue._worst._items) < 40
    assert len(lane.clients) == 1 and len(queue._clients[NORMAL]) == 1 and not queue._served
    assert drained(queue) == "s" and not queue._served and not queue.lanes
