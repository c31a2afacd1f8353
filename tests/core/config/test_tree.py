"""Trees of layers and their merge."""

from __future__ import annotations

from typing import Any

from ollamux.config.document import Layer
from ollamux.config.kinds import anything
from ollamux.config.tree import Node, Problems, branch, empty, layer_tree, merge


def _tree(data: dict[str, Any], env: dict[str, str] | None = None, source: str = "a.yaml") -> tuple[Node, list[str]]:
    problems = Problems()
    return layer_tree(Layer(source, data), env or {}, problems), problems.lines


def _at(node: Node, *path: str) -> Node:
    for key in path:
        assert node.branch is not None
        node = node.branch[key]
    return node


def test_every_node_knows_its_place() -> None:
    tree, _ = _tree({"server": {"keys": [{"name": "a"}]}, "models": {"qwen3:8b": {"backend": "x"}}})
    keys = _at(tree, "server", "keys").items
    assert keys is not None
    assert _at(keys[0], "name").place == "a.yaml: server.keys[0].name"
    assert _at(tree, "models", "qwen3:8b", "backend").place == 'a.yaml: models["qwen3:8b"].backend'


def test_null_is_absent() -> None:
    tree, _ = _tree({"server": {"host": None, "port": 1}, "backends": None})
    assert anything(tree) == {"server": {"port": 1}}


def test_backends_become_a_mapping_by_id_and_keep_their_places() -> None:
    tree, problems = _tree({"backends": [{"id": "b", "type": "x"}, {"id": "a"}]})
    assert list(_at(tree, "backends").branch or ()) == ["b", "a"]
    assert _at(tree, "backends", "a").place == "a.yaml: backends[1]"
    assert problems == []


def test_an_id_that_is_missing_bad_or_taken_is_told_and_the_rest_is_kept() -> None:
    tree, problems = _tree({"backends": [{}, {"id": "-x"}, {"id": 5}, {"id": "a"}, {"id": "a"}, "b"]})
    assert problems == [
        "a.yaml: backends[0]: every backend needs an `id`",
        "a.yaml: backends[1].id: an id is letters, digits, `.`, `_` and `-`, the first a letter or a digit",
        "a.yaml: backends[2].id: an id is letters, digits, `.`, `_` and `-`, the first a letter or a digit",
        "a.yaml: backends[4].id: the id a is taken by backends[3]",
        "a.yaml: backends[5]: expected a mapping of keys, such as `id:` and `type:`",
    ]
    assert len(_at(tree, "backends").branch or ()) == 5


def test_a_mapping_of_backends_has_its_ids_for_keys() -> None:
    _, problems = _tree({"backends": {"a": {"id": "a"}, "b": {"id": "c"}, "d e": {}}})
    assert problems == [
        "a.yaml: backends.b.id: the backend is called b already",
        'a.yaml: backends["d e"]: an id is letters, digits, `.`, `_` and `-`, the first a letter or a digit',
    ]


def test_other_spellings_of_a_key_become_the_one() -> None:
    tree, problems = _tree(
        {"backends": [{"id": "a", "base_url": "x"}, {"id": "b", "url": "y"}], "models": {"m": {"model": "z"}}}
    )
    assert anything(_at(tree, "backends")) == {"a": {"endpoint": "x"}, "b": {"endpoint": "y"}}
    assert _at(tree, "backends", "a", "endpoint").path == "backends[0].base_url"
    assert anything(_at(tree, "models")) == {"m": {"api_model": "z"}}
    assert problems == []


def test_two_spellings_of_one_key_are_a_problem() -> None:
    _, problems = _tree({"backends": [{"id": "a", "url": "x", "endpoint": "y"}]})
    assert problems == ["a.yaml: backends[0].url: backends[0].endpoint says the same; only one of them can be meant"]


def test_two_ways_to_tell_a_key_are_a_problem() -> None:
    _, problems = _tree({"backends": [{"id": "a", "api_key": "x", "api_key_env": "Y"}]})
    assert problems == ["a.yaml: backends[0]: only one of api_key and api_key_env can be meant"]


def test_mappings_merge_and_the_rest_replaces() -> None:
    weak, _ = _tree({"a": {"x": 1, "y": [1]}, "b": 1}, source="weak")
    strong, _ = _tree({"a": {"y": [2, 3], "z": 4}, "c": 2}, source="strong")
    both = merge(weak, strong)
    assert anything(both) == {"a": {"x": 1, "y": [2, 3], "z": 4}, "b": 1, "c": 2}
    assert _at(both, "a", "x").source == "weak"
    assert _at(both, "a", "z").source == "strong"
    assert anything(weak) == {"a": {"x": 1, "y": [1]}, "b": 1}


def test_a_later_file_adds_backends_and_refines_those_with_the_same_id() -> None:
    weak, _ = _tree({"backends": [{"id": "a", "type": "ollama", "priority": 1}]})
    strong, _ = _tree({"backends": {"b": {"type": "demo"}, "a": {"priority": 2}}})
    assert anything(_at(merge(weak, strong), "backends")) == {
        "a": {"type": "ollama", "priority": 2},
        "b": {"type": "demo"},
    }


def test_a_stronger_way_to_tell_a_key_removes_the_weaker_one() -> None:
    weak, _ = _tree({"backends": {"a": {"api_key_env": "X", "type": "ollama"}}})
    strong = branch("OLLAMA_API_KEY", ("backends", "a", "api_key"), "k", "k")
    assert anything(_at(merge(weak, strong), "backends", "a")) == {"type": "ollama", "api_key": "k"}


def test_the_tree_of_one_key_knows_its_place_at_every_level() -> None:
    node = branch("PORT", ("server", "port"), 80, "80")
    assert (node.path, _at(node, "server").path, _at(node, "server", "port").place) == (
        "",
        "server",
        "PORT: server.port",
    )
    assert merge(empty(), node).source == "PORT"


def test_references_are_put_in_and_read_as_yaml_would() -> None:
    tree, problems = _tree({"a": "${P}", "b": "x${P}", "c": "${E:-}", "d": ["${P}"]}, {"P": "80"})
    assert anything(tree) == {"a": 80, "b": "x80", "d": [80]}
    assert _at(tree, "a").word == "80"
    assert _at(tree, "a").hidden
    assert problems == []


def test_a_reference_that_fails_is_told_with_its_place() -> None:
    _, problems = _tree({"server": {"host": "${H}"}})
    assert problems == ["a.yaml: server.host: H is not set in the environment, and ${H} has no default"]


def test_what_no_file_can_hold_is_refused() -> None:
    _, problems = _tree({"a": b"x"})
    assert problems == ["a.yaml: a: a configuration holds no bytes"]


def test_endless_nesting_is_refused() -> None:
    data: dict[str, Any] = {}
    data["a"] = data
    _, problems = _tree(data)
    assert len(problems) == 1
    assert problems[0].endswith("nested too deeply")


def test_a_problem_is_told_once() -> None:
    problems = Problems()
    node = Node(value=1, source="a", path="b")
    problems.add(node, "wrong")
    problems.add(node, "wrong")
    assert problems.lines == ["a: b: wrong"]
