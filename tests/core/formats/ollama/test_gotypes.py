"""What holds other values is decoded as Go decodes it: order, paths, repeated keys, scopes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollamux.formats.ollama.goleaves import ANY, BOOL, INT, KEEP_ALIVE, STRING, THINK
from ollamux.formats.ollama.goscan import GoJSONError, scan
from ollamux.formats.ollama.gotypes import GoType, Map, Ordered, Own, Slice, Struct, Verbatim, raw_of, run, text_of


class Inner(msgspec.Struct):
    count: int | None = None
    name: str | None = None


class Outer(msgspec.Struct):
    inner: Inner | None = None
    items: list[Inner | None] | None = None
    numbers: list[int] | None = None
    options: dict[str, Any] | None = None
    arguments: msgspec.Raw | None = None
    checked: msgspec.Raw | None = None
    think: bool | str | None = None
    hidden: bool | None = msgspec.field(default=None, name="_hidden")


_INNER = Struct("Inner", {"count": INT, "name": STRING}, Inner)
_OUTER = Struct(
    "Outer",
    {
        "inner": _INNER,
        "items": Slice(Own(Struct("Alias", {"count": INT, "name": STRING}, Inner), "Item")),
        "numbers": Slice(INT),
        "options": Map(ANY),
        "arguments": Ordered(ANY, "api.Arguments"),
        "checked": Verbatim(Struct("Checked", {"count": INT, "name": STRING})),
        "think": THINK,
        "keep_alive": KEEP_ALIVE,
        "_hidden": BOOL,
    },
    Outer,
)


def _decode(body: bytes, type_: GoType = _OUTER) -> Any:
    return run(body, scan(body), type_)


def _error(body: bytes, type_: GoType = _OUTER) -> str:
    with pytest.raises(GoJSONError) as caught:
        _decode(body, type_)
    return str(caught.value)


def test_keys_are_found_in_any_case() -> None:
    assert _decode(b'{"INNER":{"Count":1,"\\u006eame":"x"},"_HIDDEN":true}') == Outer(inner=Inner(1, "x"), hidden=True)
    assert _decode('{"inner":{"name":"x"},"optionſ":{}}'.encode()) == Outer(inner=Inner(name="x"), options={})
    assert _decode('{"optionß":{},"öptions":{}}'.encode()) == Outer()


def test_unknown_fields_are_not_looked_at() -> None:
    assert _decode(b'{"other":[1e999],"keep_alive":5}') == Outer()


def test_the_last_of_a_repeated_key_wins_and_null_does_not() -> None:
    assert _decode(b'{"inner":{"name":"a","name":"b","name":null}}') == Outer(inner=Inner(name="b"))
    assert _decode(b'{"numbers":[1],"numbers":null}') == Outer()


def test_a_repeated_container_adds_to_the_one_before() -> None:
    assert _decode(b'{"inner":{"name":"a"},"inner":{"count":1}}') == Outer(inner=Inner(1, "a"))
    assert _decode(b'{"options":{"a":1},"options":{"b":2}}') == Outer(options={"a": 1, "b": 2})
    assert _decode(b'{"numbers":[1,2],"numbers":[null]}') == Outer(numbers=[1])


def test_null_in_a_list_is_the_zero_of_its_type() -> None:
    assert _decode(b'{"items":[null,{"count":2}],"numbers":[null]}') == Outer(items=[Inner(), Inner(2)], numbers=[0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "array into Go value of type api.Outer"),
        (b'"x"', "string into Go value of type api.Outer"),
        (b'{"inner":5}', "number into Go struct field Outer.inner of type api.Inner"),
        (b'{"inner":{"count":"x"}}', "string into Go struct field Inner.inner.count of type int"),
        (b'{"items":{}}', "object into Go struct field Outer.items of type []api.Item"),
        (b'{"items":["x"]}', "string into Go struct field Outer.items of type api.Alias"),
        (b'{"items":[{},{"name":5}]}', "number into Go struct field Outer.items.name of type string"),
        (b'{"numbers":[1,"a"]}', "string into Go struct field Outer.numbers of type int"),
        (b'{"options":[]}', "array into Go struct field Outer.options of type map[string]interface {}"),
        (b'{"arguments":{"a":[1e999]}}', "number 1e999 into Go struct field Outer.arguments of type float64"),
        (b'{"checked":{"COUNT":true}}', "bool into Go struct field Checked.checked.count of type int"),
        (b'{"checked":7}', "number into Go struct field Outer.checked of type api.Checked"),
    ],
)
def test_an_error_gives_the_path_and_the_type(body: bytes, message: str) -> None:
    assert _error(body) == f"json: cannot unmarshal {message}"


def test_the_first_wrong_value_is_reported_at_the_end() -> None:
    assert _error(b'{"numbers":"a","inner":5}').endswith("Outer.numbers of type []int")


def test_the_error_of_a_type_s_own_decoder_wins_over_what_came_before() -> None:
    assert _error(b'{"numbers":"a","think":"huge","inner":5}').startswith("invalid think value")
    assert _error(b'{"inner":5,"items":[{"name":1}],"think":"huge"}').endswith("Outer.items.name of type string")


@pytest.mark.parametrize("body", [b'"{}"', b"[]", b"5", b"true"])
def test_arguments_that_are_no_object_are_refused(body: bytes) -> None:
    assert _error(b'{"arguments":%b}' % body) == "Value looks like object, but can't find closing '}' symbol"


def test_keys_of_arguments_have_rules_of_their_own() -> None:
    assert _error(b'{"arguments":{"a\\ud800":1}}') == "Encountered an invalid escape sequence in a string"
    assert _error(b'{"arguments":{"a\\ud800\\u0041":1}}') == "Encountered an invalid escape sequence in a string"
    assert _error(b'{"arguments":{"\\u00e9\xff":1}}') == "not a valid UTF-8 string (at position 2): é\ufffd"
    assert _decode(b'{"arguments":{"\\ud83d\\ude00\\"":1}}').arguments is not None


def test_text_that_is_kept_is_kept_byte_for_byte() -> None:
    decoded = _decode(b'{"arguments": { "a" : 1.50 } ,"checked":{"x": [ ]}}')
    assert bytes(decoded.arguments) == b'{ "a" : 1.50 }'
    assert bytes(decoded.checked) == b'{"x": [ ]}'
    assert _decode(b'{"arguments":null,"checked":null}') == Outer()


def test_what_no_json_reader_takes_is_replaced() -> None:
    body = b'"\xff\\ud800"'
    assert text_of(body, scan(body)) == "\ufffd\ufffd"
    assert bytes(raw_of(body, scan(body))) == b'"\xef\xbf\xbd\\ufffd"'


def test_no_depth_exhausts_the_stack() -> None:
    nested = Struct("Nested", {"type": INT})
    nested.add("anyOf", Slice(nested))
    nested.add("properties", Ordered(nested, "api.Map"))
    deep = b'{"properties":{"a":' * 3000 + b'{"anyOf":[{"type":"x"}]}' + b"}}" * 3000
    path = ".".join(["properties"] * 3000)
    assert _error(deep, nested) == (
        f"json: cannot unmarshal string into Go struct field Nested.{path}.anyOf.type of type int"
    )
