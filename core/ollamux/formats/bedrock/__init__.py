"""AWS Bedrock's Converse: `CALLING` calls models there, and its embedding models by InvokeModel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux.formats import part

if TYPE_CHECKING:
    from ollamux.formats.base import Calling

    CALLING: Calling

__all__ = ("CALLING",)

_KINDS = {"CALLING": "BedrockCalling"}


def __getattr__(name: str) -> object:
    return part(__name__, name, _KINDS)
