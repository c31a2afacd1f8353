"""What a single value may be."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config import kinds
from ollamux.config.kinds import Kind
from ollamux.config.schema import Secret
from ollamux.config.tree import Node
from ollamux.config.values import scalar
from ollamux.resilience.limits import Rate


def _file(value: Any) -> Node:
    if isinstance(value, list):
        value = [_file(item) for item in value]
    return Node(value=value, source="f", path="p")


def _variable(text: str) -> Node:
    return Node(value=scalar(text), raw=text, source="V", path="p")


@pytest.mark.parametrize(
    ("kind", "value", "result"),
    [
        (kinds.text, "a", "a"),
        (kinds.loose_text, "", ""),
        (kinds.loose_text, "a/", "a/"),
        (kinds.texts, ["a", "b"], ("a", "b")),
        (kinds.texts, "a, b", ("a, b",)),
        (kinds.flag, True, True),
        (kinds.flag, "off", False),
        (kinds.number, 5, 5.0),
        (kinds.number, -0.5, -0.5),
        (kinds.count, 0, 0),
        (kinds.positive, 1, 1),
        (kinds.port, 0, 0),
        (kinds.duration, "5s", 5.0),
        (kinds.size, "1KiB", 1024),
        (kinds.rate, "60/min", Rate(60, 60)),
        (kinds.share, 1, 1.0),
        (kinds.factor, 1, 1.0),
        (kinds.weight, 0.5, 0.5),
        (kinds.percentile, 99.9, 99.9),
        (kinds.period, "1s", 1.0),
        (kinds.level, "WARN", "warning"),
        (kinds.host, "[::1]", "::1"),
        (kinds.host, "models.lan", "models.lan"),
        (kinds.hosts, ["A.lan"], ("a.lan",)),
        (kinds.origins, ["https://a", "*"], ("https://a", "*")),
        (kinds.url, "http://a:1/v1/", "http://a:1/v1"),
        (kinds.url, "a:8080", "http://a:8080"),
        (kinds.url, "http://[::1]:5", "http://[::1]:5"),
        (kinds.proxy, "environment", "environment"),
        (kinds.proxy, "http://u:p@a:1", "http://u:p@a:1"),
        (kinds.secret, " k ", Secret("k")),
        (kinds.sha256, "A" * 64, "a" * 64),
        (kinds.variable, "MY_KEY", "MY_KEY"),
        (kinds.auth, "bearer", "bearer"),
        (kinds.auth, "header:X-Key", "header:X-Key"),
        (kinds.header_value, 5, "5"),
        (kinds.statuses, [429, "5xx"], frozenset({429, *range(500, 600)})),
        (kinds.statuses, [], frozenset()),
        (kinds.keep_alive, "1h30m", "1h30m"),
        (kinds.keep_alive, -1, -1.0),
        (kinds.keep_alive, "300", 300.0),
        (kinds.choice("a", "b"), "b", "b"),
        (kinds.choices("a", "b"), ["b"], ("b",)),
    ],
)
def test_a_value_is_read(kind: Kind, value: Any, result: Any) -> None:
    assert kind(_file(value)) == result


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (kinds.text, 5),
        (kinds.text, ""),
        (kinds.text, True),
        (kinds.texts, [1]),
        (kinds.flag, 1),
        (kinds.flag, "maybe"),
        (kinds.number, "5"),
        (kinds.number, True),
        (kinds.count, -1),
        (kinds.count, 1.5),
        (kinds.count, True),
        (kinds.positive, 0),
        (kinds.port, 65536),
        (kinds.port, "80"),
        (kinds.port, True),
        (kinds.level, "loud"),
        (kinds.host, "http://a"),
        (kinds.host, "a:80"),
        (kinds.host, "a b"),
        (kinds.origins, ["app.example"]),
        (kinds.url, "ftp://a"),
        (kinds.url, "http://"),
        (kinds.url, "http://a:99999"),
        (kinds.url, "http://u:hush@a"),
        (kinds.url, "http://a?x=1"),
        (kinds.url, "http://a b"),
        (kinds.url, "http://a\r\nX: y"),
        (kinds.proxy, "socks5://a"),
        (kinds.secret, 12345),
        (kinds.secret, "hush\nhush"),
        (kinds.secret, "hüsh"),
        (kinds.secret, " "),
        (kinds.sha256, "abc"),
        (kinds.variable, "sk-hush"),
        (kinds.auth, "header:"),
        (kinds.auth, "header:a b"),
        (kinds.auth, "basic"),
        (kinds.header_value, "a\r\nb"),
        (kinds.header_value, ["a"]),
        (kinds.statuses, [99]),
        (kinds.statuses, ["6xx"]),
        (kinds.statuses, [True]),
        (kinds.keep_alive, "5 minutes"),
        (kinds.keep_alive, ["5m"]),
        (kinds.choice("a", "b"), "c"),
        (kinds.choice("a", "b"), ["a"]),
        (kinds.choices("a", "b"), ["a", "c"]),
        (kinds.anything, float("inf")),
    ],
)
def test_a_value_that_is_none_is_refused_without_repeating_it(kind: Kind, value: Any) -> None:
    with pytest.raises(ValueError) as caught:
        kind(_file(value))
    assert "hush" not in str(caught.value)
    assert str(caught.value)


@pytest.mark.parametrize(
    ("kind", "text", "result"),
    [
        (kinds.text, "123", "123"),
        (kinds.text, "none", "none"),
        (kinds.secret, "0123", Secret("0123")),
        (kinds.texts, "a, b,,c", ("a", "b", "c")),
        (kinds.flag, "1", True),
        (kinds.flag, "No", False),
        (kinds.port, "80", 80),
        (kinds.number, "7", 7.0),
        (kinds.duration, "60", 60.0),
        (kinds.choice("none"), "none", "none"),
        (kinds.keep_alive, "5m", "5m"),
    ],
)
def test_a_variables_text_is_a_number_where_one_is_wanted_and_text_where_text_is(
    kind: Kind, text: str, result: Any
) -> None:
    assert kind(_variable(text)) == result


def test_anything_gives_what_a_file_can_hold() -> None:
    node = Node(value={"a": _file([1, "x"])}, source="f", path="p")
    assert kinds.anything(node) == {"a": [1, "x"]}


@pytest.mark.parametrize(
    ("name", "sent"), [("X-Title", True), ("a b", False), ("Host", False), ("content-length", False), ("", False)]
)
def test_a_header_is_sent_where_the_connection_does_not_need_it_itself(name: str, sent: bool) -> None:
    assert kinds.is_header_name(name) is sent
