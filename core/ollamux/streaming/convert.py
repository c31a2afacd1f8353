"""Chooses what converts a stream: the compiled templates in front of the general way, or the general way alone.

Rules: both give the same bytes; a module that is not compiled, or that OLLAMUX_PURE forbids, is one that cannot be
imported.
"""

from __future__ import annotations

from typing import Protocol

from ollamux.clock import Clock
from ollamux.streaming.translator import Converter, Translator

_front: type[TemplateConverter] | None
try:
    from ollamux.streaming._template import TemplateConverter
except ImportError:
    _front = None
else:
    _front = TemplateConverter

__all__ = ("COUNTED", "IGNORED", "Relay", "converter_for", "copier_of", "relay_for")

IGNORED = (b"id", b"created", b"created_at", b"obfuscation", b"sequence_number", b"responseId")
"""Outermost members that differ from event to event in some streams and tell nothing of the text beside them."""

COUNTED = (
    b"prompt_tokens",
    b"completion_tokens",
    b"total_tokens",
    b"cached_tokens",
    b"reasoning_tokens",
    b"promptTokenCount",
    b"candidatesTokenCount",
    b"thoughtsTokenCount",
    b"cachedContentTokenCount",
    b"totalTokenCount",
    b"tokenCount",
)
"""Members, at any depth, in which some streams tell with every event what they have cost so far."""

_RELAYED = (
    b"content",
    b"text",
    b"response",
    b"thinking",
    b"reasoning",
    b"reasoning_content",
    b"arguments",
    b"partial_json",
)


class Relay(Converter, Protocol):
    """Passes a stream through. `steady` says that the last event went out as every event like it will: nothing but the
    model's name was changed in it, and it neither ended anything nor told of usage."""

    steady: bool


def converter_for(general: Translator, clock: Clock, markers: tuple[bytes, ...]) -> Converter:
    """The fastest converter that does what `general` does. `markers` are the names of the members in which text stands.
    No markers: no templates."""
    if _front is None or not markers:
        return general
    return _front(general, clock, markers, IGNORED, COUNTED)


def relay_for(relay: Relay) -> Converter:
    """The fastest converter that does what `relay` does."""
    if _front is None:
        return relay
    return _front(relay, None, _RELAYED, IGNORED)


def copier_of(converter: Converter | None) -> TemplateConverter | None:
    """This converter, if it is one that may be asked whether it has nothing to do but copy."""
    return converter if _front is not None and isinstance(converter, _front) else None
