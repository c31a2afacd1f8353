"""Syntax is read as Go's scanner reads it, and its errors are Go's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama.goscan import GoJSONError, Node, scan

_VALUE = "looking for beginning of value"
_KEY = "looking for beginning of object key string"
_ERRORS = (
    (b"", "missing request body"),
    (b" \t\r\n", "missing request body"),
    (b'{"model":', "unexpected EOF"),
    (b'{"model', "unexpected EOF"),
    (b"tru", "unexpected EOF"),
    (b"-", "unexpected EOF"),
    (b"1.", "unexpected EOF"),
    (b"[1", "unexpected EOF"),
    (b'{"a"', "unexpected EOF"),
    (b'"\\', "unexpected EOF"),
    (b'"\\u12', "unexpected EOF"),
    (b"{model:1}", f"invalid character 'm' {_KEY}"),
    (b'{"a":1,}', f"invalid character '}}' {_KEY}"),
    (b"hello", f"invalid character 'h' {_VALUE}"),
    (b"\xef\xbb\xbf{}", f"invalid character 'ï' {_VALUE}"),
    (b"\xff", f"invalid character 'ÿ' {_VALUE}"),
    (b"\x80", f"invalid character '\\u0080' {_VALUE}"),
    (b"'a'", f"invalid character '\\'' {_VALUE}"),
    (b"\\", f"invalid character '\\\\' {_VALUE}"),
    (b"[1,]", f"invalid character ']' {_VALUE}"),
    (b'{"a":}', f"invalid character '}}' {_VALUE}"),
    (b"+1", f"invalid character '+' {_VALUE}"),
    (b'{"a":1 "b"', "invalid character '\"' after object key:value pair"),
    (b'{"a":1x}', "invalid character 'x' after object key:value pair"),
    (b'{"a":1]', "invalid character ']' after object key:value pair"),
    (b'{"a" 1}', "invalid character '1' after object key"),
    (b"[1 2]", "invalid character '2' after array element"),
    (b"[01]", "invalid character '1' after array element"),
    (b"[1}", "invalid character '}' after array element"),
    (b'"a\nb"', "invalid character '\\n' in string literal"),
    (b'"\x00"', "invalid character '\\x00' in string literal"),
    (b'{"\x1f":1}', "invalid character '\\x1f' in string literal"),
    (b'"\\x"', "invalid character 'x' in string escape code"),
    (b'"\\u00zz"', "invalid character 'z' in \\u hexadecimal character escape"),
    (b'{"\\u0":1}', "invalid character '\"' in \\u hexadecimal character escape"),
    (b"tax", "invalid character 'a' in literal true (expecting 'r')"),
    (b"trUe", "invalid character 'U' in literal true (expecting 'u')"),
    (b"[falsy]", "invalid character 'y' in literal false (expecting 'e')"),
    (b"nil", "invalid character 'i' in literal null (expecting 'u')"),
    (b"[-x]", "invalid character 'x' in numeric literal"),
    (b"[1.x]", "invalid character 'x' after decimal point in numeric literal"),
    (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
    (b"[1e]", "invalid character ']' in exponent of numeric literal"),
    (b"1.5E+x", "invalid character 'x' in exponent of numeric literal"),
    (b"[1.2.3]", "invalid character '.' after array element"),
    (b"[" * 10001, "invalid character '[' exceeded max depth"),
    (b'{"a":' * 10001, "invalid character '{' exceeded max depth"),
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(("body", "message"), _ERRORS)
def test_what_is_no_json_is_refused_in_go_s_words(body: bytes, message: str) -> None:
    with pytest.raises(GoJSONError) as caught:
        scan(body)
    assert str(caught.value) == message


@pytest.mark.parametrize("body", [b"1x", b"{}x", b"[] ]", b'""""', b"true1", b"null null", b"0 1", b"1e5e", b"1.5."])
def test_what_follows_the_first_value_is_not_looked_at(body: bytes) -> None:
    scan(body)


def test_ten_thousand_levels_are_allowed() -> None:
    assert scan(b"[" * 10000 + b"]" * 10000)[:3] == ("array", 0, 20000)


def _rebuilt(body: bytes, node: Node) -> object:
    kind, start, end, children = node
    if children is None:
        return json.loads(body[start:end])
    if kind == "array":
        return [_rebuilt(body, child) for child in children]
    pairs = zip(children[::2], children[1::2], strict=True)
    return {json.loads(body[key[1] : key[2]]): _rebuilt(body, value) for key, value in pairs}


@given(_JSON, st.sampled_from([None, 1]), st.booleans())
def test_the_spans_of_a_tree_give_the_document_back(value: object, indent: int | None, plain: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=plain).encode("utf-8", "surrogatepass")
    node = scan(b" \n" + body + b" ")
    assert (node[1], node[2]) == (2, 2 + len(body))
    assert _rebuilt(b" \n" + body, node) == value


@given(st.lists(st.sampled_from([*b'{}[],:"\\u1.eE+-0tfn \x00\xff'])))
def test_any_bytes_are_a_value_or_an_error(codes: list[int]) -> None:
    try:
        scan(bytes(codes))
    except GoJSONError as error:
        assert str(error)
