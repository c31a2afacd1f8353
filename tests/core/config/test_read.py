"""Walking a tree by its description."""

from __future__ import annotations

from typing import Any

from ollamux.config.document import Layer
from ollamux.config.kinds import count, secret, text
from ollamux.config.read import UNREAD, Items, Section, Spec, Table, read, suggestion
from ollamux.config.tree import Problems, layer_tree

PERSON = Section(dict, {"name": text, "age": count, "pass": secret}, needed=("name",))


def _read(spec: Spec, data: dict[str, Any], env: dict[str, str] | None = None) -> tuple[Any, list[str]]:
    problems = Problems()
    found = read(spec, layer_tree(Layer("f", data), env or {}, problems), problems)
    return found, problems.lines


def test_a_section_is_made_of_the_keys_that_are_there() -> None:
    assert _read(PERSON, {"name": "a"}) == ({"name": "a"}, [])


def test_every_problem_is_found_in_one_walk() -> None:
    spec = Section(dict, {"one": PERSON, "all": Items(PERSON), "by": Table(count, str.islower, "a small word")})
    found, problems = _read(
        spec, {"one": {"nam": "a", "age": -1}, "all": [{"name": 5}, {"name": "b", "x": 1}, 3], "by": {"A": 1, "b": "x"}}
    )
    assert found == {"all": ({"name": "b"},), "by": {"A": 1}}
    assert problems == [
        "f: one.nam: unknown key; did you mean `name`?",
        "f: one.age: expected a whole number, 0 or more, got -1",
        "f: one: needs `name`",
        "f: all[0].name: expected text (a number or a word such as true is put in quotes), got 5",
        "f: all[1].x: unknown key; expected one of age, name, pass",
        "f: all[2]: expected a mapping of keys, got a number",
        "f: by.A: expected a small word",
        "f: by.b: expected a whole number, 0 or more, got 'x'",
    ]


def test_the_wrong_shape_is_told() -> None:
    for spec, data, problem in (
        (Items(count), {"x": {}}, "expected a list, got a mapping"),
        (Table(count), {"x": [1]}, "expected a mapping, got a list"),
        (PERSON, {"x": True}, "expected a mapping of keys, got a truth value"),
        (PERSON, {"x": "hush"}, "expected a mapping of keys, got text"),
    ):
        found, problems = _read(Section(dict, {"x": spec}), data)
        assert (found, problems) == ({}, [f"f: x: {problem}"])


def test_an_error_never_repeats_what_could_be_a_secret() -> None:
    _, problems = _read(PERSON, {"name": "a", "pass": "hush\n\x00", "age": "${S}"}, {"S": "hush"})
    assert len(problems) == 2
    assert "hush" not in "".join(problems)


def test_an_error_does_not_repeat_what_is_long() -> None:
    _, problems = _read(PERSON, {"name": "a", "age": "x" * 100})
    assert problems == ["f: age: expected a whole number, 0 or more"]


def test_what_could_not_be_read_counts_as_nothing() -> None:
    assert not UNREAD


def test_a_hint_names_the_nearest_key_whatever_its_case() -> None:
    assert suggestion("endpont", ("endpoint", "enabled")) == "; did you mean `endpoint`?"
    assert suggestion("KEY", ("key",)) == "; did you mean `key`?"
    assert suggestion("zzz", ("key",)) == ""
