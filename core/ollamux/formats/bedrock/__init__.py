"""AWS Bedrock's Converse: `CALLING` calls models there, and its embedding models by InvokeModel."""

from __future__ import annotations

from ollamux.formats.base import Calling
from ollamux.formats.bedrock.calling import BedrockCalling

__all__ = ("CALLING",)

CALLING: Calling = BedrockCalling()
