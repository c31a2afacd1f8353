"""What is publicly known of models whose backends tell nothing of them: lengths, abilities, prices.

Strategy: one table, `data/models.json`, read when somebody first asks. A row is about the models of some providers
whose names match one of its patterns; the first row that fits is the answer, and a row stands before a wider one.

Rules: each row names its source and the date on which that was read; what the configuration or a backend says comes
before it; what a source does not say is left out.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pkgutil import get_data

import msgspec

from ollamux.config import Price

__all__ = ("PROVIDERS", "Facts", "facts", "rows")

PROVIDERS = frozenset({
    "anthropic", "aws_bedrock", "azure", "cohere", "deepseek", "google", "groq", "mistral", "openai", "vertex", "xai",
})  # fmt: skip
"""The types of which there may be rows."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a row tells. Lengths are tokens, prices US dollars for a million tokens; None is not told."""

    providers: tuple[str, ...]
    names: tuple[str, ...]
    source: str
    read: str
    context_length: int | None = None
    max_output: int | None = None
    capabilities: frozenset[str] | None = None
    price: Price | None = None


@cache
def rows() -> tuple[Facts, ...]:
    """The table."""
    text = get_data("ollamux", "data/models.json")
    return msgspec.json.decode(text, type=tuple[Facts, ...]) if text else ()


@lru_cache(maxsize=4096)
def facts(provider: str, model: str) -> Facts | None:
    """What is known of a provider's model; None where there is no row for it."""
    name = model.lower()
    for row in rows():
        if provider in row.providers and any(fnmatchcase(name, pattern) for pattern in row.names):
            return row
    return None
