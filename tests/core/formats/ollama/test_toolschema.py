"""A tool's parameters are checked as far as Ollama reads them, in the same way twice."""

from __future__ import annotations

import msgspec
import pytest

from ollamux.formats.ollama.goscan import GoJSONError, scan
from ollamux.formats.ollama.gotypes import run
from ollamux.formats.ollama.toolschema import PARAMETERS, check_parameters

_RIGHT = (
    b"{}",
    b'{"type":"object","required":["a"],"properties":{"a":{"type":"string","description":"d","enum":["x",1,null]}}}',
    b'{"type":"object","properties":{"a":{"type":["string","null"],"items":{"type":5},"default":5,"title":"T"}}}',
    b'{"properties":{"a":{"anyOf":[{"type":"string"},{"properties":{"b":{"required":["c"]}}}]}},"$defs":{"x":1}}',
    b'{"properties":null,"required":null,"items":[1],"additionalProperties":false}',
)
_WRONG = (
    (b'{"type":5}', "number into Go struct field ToolFunctionParameters.type of type string"),
    (b'{"required":"a"}', "string into Go struct field ToolFunctionParameters.required of type []string"),
    (
        b'{"properties":{"a":5}}',
        "number into Go struct field ToolFunctionParameters.properties of type api.ToolProperty",
    ),
    (
        b'{"properties":{"a":{"type":5}}}',
        "number into Go struct field ToolFunctionParameters.properties.type of type []string",
    ),
    (
        b'{"properties":{"a":{"properties":{"b":{"description":[]}}}}}',
        "array into Go struct field ToolFunctionParameters.properties.properties.description of type string",
    ),
    (
        b'{"properties":{"a":{"anyOf":[{"enum":{}}]}}}',
        "object into Go struct field ToolFunctionParameters.properties.anyOf.enum of type []interface {}",
    ),
    (b'{"items":1e999}', "number 1e999 into Go struct field ToolFunctionParameters.items of type float64"),
)


@pytest.mark.parametrize("body", _RIGHT)
def test_parameters_that_ollama_takes_pass_both_ways(body: bytes) -> None:
    check_parameters(body)
    run(body, scan(body), PARAMETERS)


@pytest.mark.parametrize(("body", "message"), _WRONG)
def test_parameters_that_ollama_refuses_pass_neither_way(body: bytes, message: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        check_parameters(body)
    with pytest.raises(GoJSONError) as caught:
        run(body, scan(body), PARAMETERS)
    assert str(caught.value) == f"json: cannot unmarshal {message}"


def test_properties_that_are_no_object_are_refused() -> None:
    body = b'{"properties":[]}'
    with pytest.raises(GoJSONError, match="Value looks like object, but can't find closing '}' symbol"):
        run(body, scan(body), PARAMETERS)


@pytest.mark.parametrize("key", [b"Type", b"PROPERTIES", b"unheardOf"])
def test_a_key_that_is_not_known_is_left_to_the_slow_way(key: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        check_parameters(b'{"%b":"x"}' % key)
