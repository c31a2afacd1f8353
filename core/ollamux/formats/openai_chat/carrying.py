"""Signatures, carried through clients that know of none: out beside what they sign, and back in with the history.

Strategy: thinking that is signed goes out whole in `reasoning_details`, one item for each block, as OpenRouter writes
them; the signature of a call in its `extra_content`, where Google's own is at `google.thought_signature`. A client
that repeats its history as it got it brings them back.

Rules: a value names the format that made it, and its family, so that it is given back to that format alone; what is
not ours to read is passed over, never refused.
"""

from __future__ import annotations

from typing import Any, cast

from ollamux.conversation import Event, Opaque, Part, Reasoning, ReasoningDelta, RedactedDelta, RedactedReasoning

__all__ = (
    "ITSELF",
    "deltas_of",
    "detail_of",
    "extra_of",
    "returned_detail",
    "returned_extra",
    "signature_of",
    "thoughts_of",
)

ITSELF = "openai_chat"
"""The format's name, which tags what a server signed without saying whose signature it is."""

_WORDS = {
    "anthropic": "anthropic-claude-v1",
    "gemini": "google-gemini-v1",
    "openai_responses": "openai-responses-v1",
}
"""Formats, and the names that clients know for what they sign."""

_FORMATS = {word: name for name, word in _WORDS.items()}
_SEEN = frozenset({ITSELF, *_WORDS})
_GOOGLE = "gemini"
_OURS = "ollamux"


def detail_of(block: Reasoning | RedactedReasoning, index: int) -> dict[str, Any] | None:
    """The item for a block of thinking; None where it is not signed."""
    if isinstance(block, RedactedReasoning):
        opaque = block.content
        item: dict[str, Any] = {"type": "reasoning.encrypted", "data": opaque.value}
    elif block.signature is not None:
        opaque = block.signature
        item = {"type": "reasoning.text", "text": block.text, "signature": opaque.value}
    else:
        return None
    if opaque.format != ITSELF:
        item["format"] = _WORDS.get(opaque.format, opaque.format)
    if opaque.family:
        item["family"] = opaque.family
    item["index"] = index
    return item


def thoughts_of(details: object, text: str, maker: str = "") -> list[Part]:
    """The thinking of a message: its items, else its `text`, which is left out where the items hold it. `maker` is the
    format of what names none; without one it is passed over."""
    found: list[Part] = []
    told = False
    for item in cast(list[object], details) if isinstance(details, list) else ():
        if not isinstance(item, dict):
            continue
        detail = cast(dict[str, Any], item)
        words = detail.get("text") or detail.get("summary") or ""
        words = words if isinstance(words, str) else ""
        kind = detail.get("type")
        if kind == "reasoning.encrypted":
            content = _opaque(detail, "data", maker)
            if content is not None:
                found.append(RedactedReasoning(content))
        elif kind in ("reasoning.text", "reasoning.summary"):
            signature = _opaque(detail, "signature", maker)
            if words or signature is not None:
                told = told or bool(words)
                found.append(Reasoning(words, signature))
    return found if told or not text else [Reasoning(text), *found]


def deltas_of(details: object, told: bool) -> list[Event]:
    """The thinking in a delta of a server's stream. `told`: its text stands in another member of the delta too."""
    found: list[Event] = []
    for part in thoughts_of(details, "", ITSELF):
        if isinstance(part, RedactedReasoning):
            found.append(RedactedDelta(part.content))
        elif isinstance(part, Reasoning) and (part.signature is not None or not told):
            found.append(ReasoningDelta("" if told else part.text, part.signature))
    return found


def returned_detail(block: Reasoning | RedactedReasoning, index: int) -> dict[str, Any] | None:
    """The item with which a server gets back what was signed; None for what no server of this format can have made."""
    opaque = block.content if isinstance(block, RedactedReasoning) else block.signature
    return detail_of(block, index) if opaque is not None and opaque.format in _SEEN else None


def returned_extra(signature: Opaque) -> dict[str, Any] | None:
    """The same for a call: Google's signatures alone stand on calls."""
    return extra_of(signature) if signature.format == _GOOGLE and not signature.family else None


def extra_of(signature: Opaque) -> dict[str, Any]:
    """A call's `extra_content`."""
    if signature.format == _GOOGLE and not signature.family:
        return {"google": {"thought_signature": signature.value}}
    told = {"format": signature.format, "signature": signature.value}
    return {_OURS: told | ({"family": signature.family} if signature.family else {})}


def signature_of(extra: object) -> Opaque | None:
    """The signature in a call's `extra_content`."""
    if not isinstance(extra, dict):
        return None
    members = cast(dict[str, Any], extra)
    ours, google = members.get(_OURS), members.get("google")
    if isinstance(ours, dict):
        return _opaque(cast(dict[str, Any], ours), "signature")
    if isinstance(google, dict):
        value = cast(dict[str, Any], google).get("thought_signature")
        return Opaque(_GOOGLE, value) if isinstance(value, str) and value else None
    return None


def _opaque(told: dict[str, Any], key: str, maker: str = "") -> Opaque | None:
    value, name, family = told.get(key), told.get("format") or maker or None, told.get("family")
    if not isinstance(value, str) or not value or not isinstance(name, str):
        return None
    return Opaque(_FORMATS.get(name, name), value, family if isinstance(family, str) else "")
