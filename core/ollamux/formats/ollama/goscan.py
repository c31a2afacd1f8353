"""The syntax of JSON as Go's encoding/json reads it, and its words for what is wrong.

Owns one pass over a body that gives a tree of spans. Strategy: regular expressions take whole tokens; only where none
fits is the place looked at byte by byte, to say what Go's scanner would have said. Rules: no recursion, time linear in
the body, spans instead of copies; what follows the first value is not looked at, since Go's decoder stops there.
"""

from __future__ import annotations

import re
from typing import NoReturn, TypeAlias

from ollamux.formats.ollama.gotext import quote

__all__ = ("EMPTY_BODY", "GoJSONError", "Node", "scan")

EMPTY_BODY = "missing request body"

# (kind, start, end, children): kind is the word that Go's type errors use, or null; children of an object are keys and
# values in turn.
Node: TypeAlias = tuple[str, int, int, list["Node"] | None]

_MAX_DEPTH = 10000
_SPACE = rb"[ \t\r\n]*+"
_STRING = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+'
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
# A literal or the start of a container, and with it the mark that follows, where it follows at once.
_VALUE = re.compile(rb'%b(?:(%b"|%b|true|false|null)|([\[{]))%b([,\]}]?)' % (_SPACE, _STRING, _NUMBER, _SPACE))
_KEY = re.compile(rb'%b(%b")%b:' % (_SPACE, _STRING, _SPACE))
_MARK = re.compile(rb"%b([,\]}])" % _SPACE)
_TEXT = re.compile(_STRING)
_BLANK = re.compile(_SPACE)
_KINDS = {
    **{ord('"'): "string", ord("t"): "bool", ord("f"): "bool", ord("n"): "null"},
    **dict.fromkeys(b"-0123456789", "number"),
}
_WORDS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_HEX = frozenset(b"0123456789abcdefABCDEF")


class GoJSONError(ValueError):
    """A body that Go would not decode. The message is Go's."""


def scan(body: bytes) -> Node:
    """The first JSON value of `body`. Raises GoJSONError."""
    if _BLANK.fullmatch(body):
        raise GoJSONError(EMPTY_BODY)
    stack: list[tuple[bool, int, list[Node]]] = []
    is_object, start, children = False, 0, list[Node]()
    match_value, match_key, match_mark = _VALUE.match, _KEY.match, _MARK.match
    at = 0
    while True:
        if is_object:
            key = match_key(body, at)
            if key is None:
                _explain_key(body, at)
            children.append(("string", key.start(1), key.end(1), None))
            at = key.end()
        value = match_value(body, at)
        if value is None:
            _explain_value(body, at)
        if value[2] is None:
            place, at = value.span(1)
            node: Node = (_KINDS[body[place]], place, at, None)
            if not stack:
                _check_number(body, node)
                return node
            mark = value[3]
            if mark:
                at = value.end()
        else:
            stack.append((is_object, start, children))
            is_object, start, children = value[2] == b"{", value.start(2), list[Node]()
            at = start + 1
            if len(stack) > _MAX_DEPTH:
                raise _unexpected(body, start, "exceeded max depth")
            if value[3] != (b"}" if is_object else b"]"):
                continue
            at = value.end()
            node = ("object" if is_object else "array", start, at, children)
            is_object, start, children = stack.pop()
            mark = b""
        # After a value comes another, or the end of what holds it, and of what holds that.
        while stack:
            children.append(node)
            if not mark:
                found = match_mark(body, at)
                if found is None:
                    _explain_after(body, at, is_object, node)
                mark, at = found[1], found.end()
            if mark == b",":
                break
            if mark != (b"}" if is_object else b"]"):
                _explain_after(body, at - 1, is_object, node)
            node = ("object" if is_object else "array", start, at, children)
            is_object, start, children = stack.pop()
            mark = b""
        else:
            return node


def _explain_key(body: bytes, at: int) -> NoReturn:
    at = _skip(body, at)
    if body[at : at + 1] != b'"':
        raise _unexpected(body, at, "looking for beginning of object key string")
    text = _TEXT.match(body, at)
    if text is None or body[text.end() : text.end() + 1] != b'"':
        _explain_string(body, at)
    raise _unexpected(body, _skip(body, text.end() + 1), "after object key")


def _explain_value(body: bytes, at: int) -> NoReturn:
    at = _skip(body, at)
    first = body[at] if at < len(body) else 0
    if first == ord('"'):
        _explain_string(body, at)
    if first == ord("-"):
        raise _unexpected(body, at + 1, "in numeric literal")
    word = _WORDS.get(first)
    if word is None:
        raise _unexpected(body, at, "looking for beginning of value")
    place = 1
    while body[at + place : at + place + 1] == word[place : place + 1]:
        place += 1
    raise _unexpected(body, at + place, f"in literal {word.decode()} (expecting '{chr(word[place])}')")


def _explain_after(body: bytes, at: int, is_object: bool, node: Node) -> NoReturn:
    _check_number(body, node)
    raise _unexpected(body, _skip(body, at), "after object key:value pair" if is_object else "after array element")


def _explain_string(body: bytes, at: int) -> NoReturn:
    text = _TEXT.match(body, at)
    at = at + 1 if text is None else text.end()
    if body[at : at + 1] != b"\\":
        raise _unexpected(body, at, "in string literal")
    at += 1
    if body[at : at + 1] != b"u":
        raise _unexpected(body, at, "in string escape code")
    at += 1
    while at < len(body) and body[at] in _HEX:
        at += 1
    raise _unexpected(body, at, "in \\u hexadecimal character escape")


def _check_number(body: bytes, node: Node) -> None:
    """Raises where a number that was taken is the start of one that is broken: `1.`, `1e`, `1.5e+`."""
    kind, start, at, _ = node
    following = body[at : at + 1]
    if kind != "number" or not following:
        return
    number = body[start:at].lower()
    if b"e" in number:
        return
    if following in b"eE":
        at += 1
        if body[at : at + 1] in (b"+", b"-"):
            at += 1
        raise _unexpected(body, at, "in exponent of numeric literal")
    if following == b"." and b"." not in number:
        raise _unexpected(body, at + 1, "after decimal point in numeric literal")


def _skip(body: bytes, at: int) -> int:
    blank = _BLANK.match(body, at)
    return at if blank is None else blank.end()


def _unexpected(body: bytes, at: int, context: str) -> GoJSONError:
    """Go's error for the byte at a place; what is cut off gets the same words wherever it is cut."""
    if at >= len(body):
        return GoJSONError("unexpected EOF")
    char = chr(body[at])
    shown = {"'": "\\'", '"': '"'}.get(char) or quote(char)[1:-1]
    return GoJSONError(f"invalid character '{shown}' {context}")
