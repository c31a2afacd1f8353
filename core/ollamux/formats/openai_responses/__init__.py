"""OpenAI's Responses: `SERVING` answers its clients, `CALLING` calls servers that speak it."""

from __future__ import annotations

from ollamux.formats.base import Calling, Serving
from ollamux.formats.openai_responses.calling import ResponsesCalling
from ollamux.formats.openai_responses.serving import ResponsesServing

__all__ = ("CALLING", "SERVING")

SERVING: Serving = ResponsesServing()
CALLING: Calling = ResponsesCalling()
