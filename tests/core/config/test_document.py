"""Files and `.env`, from text to data."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.config.document import Layer, includes_of, parse_document, parse_dotenv, parse_value
from ollamux.errors import ConfigError


def _data(text: str, source: str = "ollamux.yaml") -> Any:
    return parse_document(text.encode(), source).data


def _problem(text: str | bytes, source: str = "ollamux.yaml") -> str:
    with pytest.raises(ConfigError) as caught:
        parse_document(text.encode() if isinstance(text, str) else text, source)
    (line,) = caught.value.problems
    return line


def test_yaml_gives_nested_data() -> None:
    assert _data("server: {port: 80}\nbackends:\n  - id: a\n    models: [x, 'y']\n") == {
        "server": {"port": 80},
        "backends": [{"id": "a", "models": ["x", "y"]}],
    }


def test_the_word_on_is_a_key_and_a_date_is_text() -> None:
    assert _data("retry: {on: [429]}\nday: 2025-04-01\nquoted: '12'\n") == {
        "retry": {"on": [429]},
        "day": "2025-04-01",
        "quoted": "12",
    }


def test_json_is_read_by_its_ending_and_by_its_content() -> None:
    assert _data('{"server":\t{"port": 80, "host": null}}', "a.json") == {"server": {"port": 80, "host": None}}
    assert _data('{"server":\t{"port": 80}}', "a.conf") == {"server": {"port": 80}}


def test_yaml_in_braces_is_yaml() -> None:
    assert _data("{server: {port: 80}} # ok") == {"server": {"port": 80}}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff", "null"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert _data(text) == {}


def test_anchors_and_merges_work() -> None:
    assert _data("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4, x: 9}]}\n") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2, "z": 4},
    }


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [\n", "line 3"),
        ("a: 1\nb: x: y\n", "line 2"),
        ("a: 1\n\na: 2\n", "line 3: the key 'a' stands twice"),
        ("a: 1\nb: !hush\n", "line 2: a tag means nothing here; a text that begins with `!`"),
        ("a: 1\nb: !h!ush x\n", "line 2: a tag means nothing here"),
        ("- a\n", "line 1: expected a mapping"),
        ("a: *hush\n", "line 1: an alias that nothing defines; a text that begins with `*`"),
        ("a: 1\n? [x]\n: y\n", "line 2: a key must be a word"),
        ("a: 1\nb: {<<: 3}\n", "line 2: `<<`"),
        ("a: &a [*a]\n", "line 1"),
        ("a: 1\nb: \x00\n", "line 2: a character"),
        ("a: 1\n---\nb: 1\n", "line 2"),
    ],
)
def test_an_error_names_the_file_and_the_line(text: str, line: str) -> None:
    problem = _problem(text)
    assert problem.startswith(f"ollamux.yaml: {line}")
    assert "ush" not in problem


def test_an_error_in_json_names_the_file_and_the_line() -> None:
    assert _problem('{"a": 1,\n "b": }', "a.json").startswith("a.json: line 2: ")
    assert "stands twice" in _problem('{"a": 1, "a": 2}', "a.json")
    assert "nested too deeply" in _problem('{"a": ' + "[" * 100_000, "a.json")


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    assert _problem(b"a: 1\nb: \xff\n") == "ollamux.yaml: line 2: this is not UTF-8"


def test_deep_nesting_is_refused() -> None:
    assert "nested too deeply" in _problem("a: " + "[" * 40 + "]" * 40)
    assert "nested too deeply" in _problem("a: " + "[" * 5000)


@given(st.binary(max_size=200) | st.text(alphabet="ab:[]{}-&*!|>'\"#\n \t,?%@`$~0", max_size=60).map(str.encode))
def test_no_bytes_do_more_than_raise_a_config_error(text: bytes) -> None:
    try:
        parse_document(text, "x.yaml")
    except ConfigError as error:
        assert error.problems[0].startswith("x.yaml: ")


def test_a_layer_does_not_show_what_it_holds() -> None:
    assert "hush" not in repr(Layer("a", {"server": {"keys": [{"key": "hush"}]}}))


def test_a_value_is_yaml_and_else_text() -> None:
    assert parse_value("[a, 2]", "X") == ["a", 2]
    assert parse_value("{a: b}", "X") == {"a": "b"}
    assert parse_value("none", "X") == "none"
    assert parse_value("[a", "X") == "[a"
    assert parse_value("@x", "X") == "@x"


def test_includes_are_listed() -> None:
    assert includes_of(Layer("a", {"include": ["b", "c"]})) == ("b", "c")
    assert includes_of(Layer("a", {"include": "b"})) == ("b",)
    assert includes_of(Layer("a", {})) == ()
    for wrong in ([1], {"a": 1}, [""], 5):
        with pytest.raises(ConfigError, match="a: include: expected a list of files"):
            includes_of(Layer("a", {"include": wrong}))


def test_a_dotenv_is_read_line_by_line() -> None:
    text = (
        "\ufeffA=1\r\n# no\n\nexport B = two words # said\nC='as $it \\n stands' # x\n"
        'D="a\\nb \\"q\\""\nE=\nF=a#b\nG="over\nlines"\nH= # only a remark\nA=2\n'
    )
    assert parse_dotenv(text) == {
        "A": "2",
        "B": "two words",
        "C": "as $it \\n stands",
        "D": 'a\nb "q"',
        "E": "",
        "F": "a#b",
        "G": "over\nlines",
        "H": "",
    }


@pytest.mark.parametrize("text", ["A=1\nhush hush\n", "A=1\n=hush\n", 'A=1\nB="hush\n', "A=1\nB='x' hush\n"])
def test_a_line_that_is_no_variable_is_refused_by_its_number_alone(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_dotenv(text)
    (line,) = caught.value.problems
    assert line.startswith(".env: line 2: ")
    assert "hush" not in line
