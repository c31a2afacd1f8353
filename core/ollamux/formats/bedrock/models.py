"""What a model's id tells of it: whose it is, and what its maker lets a request say beside what all models take.

Ids: `anthropic.claude-sonnet-4-5-20250929-v1:0`, the same behind a region (`eu.`) or at the end of an ARN. An inference
profile of one's own, a provisioned or an imported model tells nothing: it is taken for a newer Claude, since that is
what most of them are, except that its sampling is left alone.

Rules: a table row for each maker; what is not in the table is not sent, and the request says so in a warning.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ("Model", "model_of")

_REGIONS = frozenset("af apac au ca eu global il in jp me mx sa uk us us-gov".split())
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)*v?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)")
_NEWEST: tuple[int, int] = (99, 0)
_TOP_K = {
    "": ("top_k",), "amazon": ("inferenceConfig", "topK"), "anthropic": ("top_k",), "cohere": ("k",),
    "mistral": ("top_k",),
}  # fmt: skip
_THINKING = {"": "claude", "anthropic": "claude", "openai": "effort"}
_NOVA = re.compile(r"\bnova-(?:premier-|pro-|lite-)?[2-9]")


class Model(NamedTuple):
    """`vendor` is empty where the id does not name one. `thinking` says how thinking is switched: `adaptive` or
    `budget` (Claude), `effort` (gpt-oss), `nova`, or empty; `top_k` where that goes in the additional fields; `samples`
    whether it takes temperature, top_p and top_k."""

    id: str
    vendor: str
    thinking: str
    top_k: tuple[str, ...]
    samples: bool
    version: tuple[int, int]

    @property
    def claude(self) -> bool:
        """Whether it is a Claude, as far as anybody can tell."""
        return self.vendor in ("", "anthropic")

    @property
    def one_of_two(self) -> bool:
        """Whether it takes a temperature or a top_p, but not both."""
        return self.vendor == "anthropic" and self.version >= (4, 1)

    @property
    def caches(self) -> bool:
        """Whether it may be asked to keep a prompt, and be told that a tool failed."""
        return self.claude or self.vendor == "amazon"


@lru_cache(1024)
def model_of(id_: str) -> Model:
    """What there is to know of the model with this id."""
    words = id_.rpartition("/")[2].split(".")
    if words[0] in _REGIONS:
        del words[0]
    vendor = words[0] if len(words) > 1 else ""
    found = _CLAUDE.search(id_)
    if found is not None:
        vendor = "anthropic"
    version: tuple[int, int] = (int(found[1]), int(found[2] or 0)) if found is not None else _NEWEST
    thinking = _THINKING.get(vendor, "")
    if thinking == "claude":
        thinking = "adaptive" if version >= (4, 6) else "budget" if version >= (3, 7) else ""
    elif vendor == "amazon" and _NOVA.search(id_):
        thinking = "nova"
    # Since 4.7 a Claude takes no temperature, top_p or top_k.
    samples = found is None or version <= (4, 6)
    return Model(id_, vendor, thinking, _TOP_K.get(vendor, ()), samples, version)
