"""Chooses what converts a stream: the compiled templates in front of the general way, or the general way alone.

Rules: both give the same bytes; a module that is not compiled, or that OLLAMUX_PURE forbids, is one that cannot be
imported.
"""

from __future__ import annotations

from collections.abc import Iterable
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

__all__ = ("IGNORED", "Relay", "converter_for", "relay_for")

IGNORED = (b"id", b"created", b"created_at", b"obfuscation", b"sequence_number")
"""Members that differ from event to event in some streams and tell nothing of the text beside them."""

_RELAYED = (b'"content":"', b'"text":"', b'"response":"', b'"thinking":"', b'"reasoning":"', b'"reasoning_content":"')


class Relay(Converter, Protocol):
    """Passes a stream through. `steady` says that the last event went out as every event like it will: nothing but the
    model's name was changed in it, and it neither ended anything nor told of usage."""

    steady: bool


def converter_for(
    general: Translator, clock: Clock, markers: Iterable[bytes], ignored: Iterable[bytes] = IGNORED
) -> Converter:
    """The fastest converter that does what `general` does.

    `markers` say where an event's text may begin: what stands before it, as far as the opening quote of the JSON
    string, written without spaces (`"delta":{"content":"`). No markers: no templates."""
    markers = tuple(markers)
    if _front is None or not markers:
        return general
    return _front(general, clock, markers, ignored)


def relay_for(relay: Relay, markers: Iterable[bytes] = _RELAYED, ignored: Iterable[bytes] = IGNORED) -> Converter:
    """The fastest converter that does what `relay` does."""
    if _front is None:
        return relay
    return _front(relay, None, markers, ignored, mirror=True)
