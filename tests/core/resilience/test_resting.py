"""The order of those who wait for a rate."""

from __future__ import annotations

from ollamux.resilience.resting import Line


def order(line: Line, *who: str) -> list[str]:
    """By how much is taken before each."""
    return sorted(who, key=lambda one: line.ahead(one, 0, ""))


def test_who_came_first_goes_first() -> None:
    line = Line()
    for who in ("a", "b", "c"):
        line.join(who, 1, "", 1.0, 10.0)
    assert order(line, "c", "b", "a") == ["a", "b", "c"]
    assert line.ahead("c", 1, "") == (2.0, 20.0)
    line.leave("a")
    assert line.ahead("c", 1, "") == (1.0, 10.0)


def test_priorities_go_first_where_they_count() -> None:
    for prioritise, expected in ((True, ["high", "low"]), (False, ["low", "high"])):
        line = Line(prioritise=prioritise)
        line.join("low", 0, "", 1.0, 0.0)
        line.join("high", 3, "", 1.0, 0.0)
        assert order(line, "low", "high") == expected


def test_clients_take_turns() -> None:
    line = Line()
    for place in range(3):
        line.join(f"many{place}", 1, "many", 1.0, 0.0)
    line.join("one", 1, "one", 1.0, 0.0)
    assert order(line, "many0", "many1", "many2", "one") == ["many0", "one", "many1", "many2"]
    line.leave("many0", served=True)
    line.join("new", 1, "new", 1.0, 0.0)
    assert order(line, "many1", "many2", "one", "new") == ["one", "many1", "new", "many2"]


def test_who_has_not_joined_is_behind_those_who_have() -> None:
    line = Line()
    assert not line and line.ahead("x", 1, "") == (0.0, 0.0)
    line.join("a", 1, "", 2.0, 5.0)
    assert line and line.ahead("x", 1, "other") == (2.0, 5.0) and line.ahead("x", 2, "other") == (0.0, 0.0)


def test_to_join_and_to_leave_again_changes_nothing() -> None:
    line = Line()
    line.join("a", 1, "", 1.0, 0.0)
    line.join("b", 1, "", 1.0, 0.0)
    line.join("a", 3, "", 9.0, 0.0)
    assert order(line, "b", "a") == ["a", "b"]
    for who in ("a", "a", "b"):
        line.leave(who)
    assert not line
