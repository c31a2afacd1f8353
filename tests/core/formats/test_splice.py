"""Values of a JSON object, changed in place."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.splice import members, replace

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), VALUES, max_size=6), st.sampled_from([None, 1]), st.booleans())
def test_every_member_is_found_where_it_stands(value: dict[str, object], indent: int | None, plain: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=not plain).encode("utf-8", "replace")
    found = {member.key: json.loads(body[member.start : member.end]) for member in members(body)}
    assert found == json.loads(body)


@given(st.dictionaries(st.text(), VALUES, max_size=6), VALUES)
def test_a_replaced_member_is_the_only_change(value: dict[str, object], new: object) -> None:
    try:
        body = json.dumps(value).encode()
        changed = json.loads(replace(body, {"model": json.dumps(new).encode()}))
    except UnicodeEncodeError:
        return
    assert changed == {**value, "model": new}


def test_everything_else_keeps_its_bytes() -> None:
    body = b'{ "a" : 1.50 ,"model":"x" , "b":[{"model":"x"}, "model"] , "big": 123456789012345678901234567890 } tail'
    assert replace(body, {"model": b'"y"'}) == body.replace(b'"model":"x" ,', b'"model":"y" ,')


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":22}',
        b'{"a":22,"b":3,"a":1}',
        b'{"a":{"a":1},"b":[],"a":{"a":1}}',
        b'{"b":1,"a":2,"a":2} ',
        rb'{"\u0061":1,"a":1}',
    ],
)
def test_every_one_of_several_equal_keys_is_found(body: bytes) -> None:
    pairs = json.loads(body, object_pairs_hook=list)
    assert len(members(body)) == len(pairs)
    assert [member.key for member in members(body)] == [key for key, _ in pairs]


def test_a_key_that_is_there_twice_is_changed_twice() -> None:
    assert replace(b'{"model":"a","model":"b"}', {"model": b"1"}) == b'{"model":1,"model":1}'


def test_an_escaped_key_is_the_same_key() -> None:
    assert replace(rb'{"mod\u0065l":"a"}', {"model": b"1"}) == rb'{"mod\u0065l":1}'


@pytest.mark.parametrize(("fold", "changed"), [(True, b'{"MODEL":1}'), (False, b'{"model":1,"MODEL":"a"}')])
def test_case_matters_unless_told_otherwise(fold: bool, changed: bytes) -> None:
    assert replace(b'{"MODEL":"a"}', {"model": b"1"}, fold=fold) == changed


@pytest.mark.parametrize(
    ("body", "changed"),
    [(b"{}", b'{"a":1}'), (b' { "b":2}', b' {"a":1, "b":2}')],
)
def test_a_missing_member_is_added(body: bytes, changed: bytes) -> None:
    assert replace(body, {"a": b"1"}) == changed


def test_a_string_that_is_not_utf_8_survives() -> None:
    body = b'{"x":"\xff\\"","model":"a","\xfe":1}'
    assert replace(body, {"model": b"1"}) == b'{"x":"\xff\\"","model":1,"\xfe":1}'


def test_a_large_body_is_walked_in_one_go() -> None:
    body = msgspec.json.encode({"images": ["A" * 1_000_000], "model": "a"})
    assert replace(body, {"model": b'"b"'}).endswith(b'"model":"b"}')
