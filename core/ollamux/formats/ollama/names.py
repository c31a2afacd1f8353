"""Names of models: `[host/][namespace/]model[:tag]`, and the suffixes that say where a model is to run.

Owns what makes a name valid, its full and its short spelling, and the key under which a catalog files it. Strategy:
cut from the right (tag, model, namespace, host), fill in the defaults, check each part. Rules: a name that Ollama would
refuse parses to None and still has a canonical key, since other backends name their models freely; case never tells
two models apart.
"""

from __future__ import annotations

from string import ascii_letters, digits
from typing import Literal, TypeAlias

import msgspec

from ollamux.formats.ollama.gotext import quote

__all__ = ("ModelName", "NameConflict", "Source", "canonical_key", "parse_name", "split_source")

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

Source: TypeAlias = Literal["cloud", "local"]

_FIRST = frozenset(ascii_letters + digits + "_")
_NAMESPACE = _FIRST | {"-"}
_PART = _NAMESPACE | {"."}
_HOST = _PART | {":"}
# What Go calls space, which is less than what Python strips.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"


class NameConflict(ValueError):
    """A name that asks for the cloud and for this machine at once."""


class ModelName(msgspec.Struct, frozen=True):
    """A valid name, every part filled in, in the case in which it was written."""

    host: str
    namespace: str
    model: str
    tag: str

    def full(self) -> str:
        """`registry.ollama.ai/library/tiny:latest`."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    def display(self) -> str:
        """The short spelling that lists show, always with the tag: `tiny:latest`, `me/tiny:latest`."""
        if self.host.lower() != DEFAULT_HOST:
            return self.full()
        if self.namespace.lower() != DEFAULT_NAMESPACE:
            return f"{self.namespace}/{self.model}:{self.tag}"
        return f"{self.model}:{self.tag}"


def parse_name(text: str) -> ModelName | None:
    """The parts of a name, space around it trimmed, defaults applied; None for a name that Ollama calls invalid."""
    rest = text.strip(_SPACE)
    tag = DEFAULT_TAG
    if rest.rfind(":") > rest.rfind("/"):
        rest, _, tag = rest.rpartition(":")
    rest, slash, model = rest.rpartition("/")
    host, namespace = DEFAULT_HOST, DEFAULT_NAMESPACE
    if slash:
        rest, slash, namespace = rest.rpartition("/")
        if slash:
            # A scheme before the host is allowed and has no say in which model it is.
            head, mark, tail = rest.partition("://")
            host = (tail if mark else head) or (DEFAULT_HOST if mark else "")
    valid = _is(_PART, model) and _is(_PART, tag) and _is(_NAMESPACE, namespace) and _is(_HOST, host, 350)
    return ModelName(host, namespace, model, tag) if valid else None


def _is(letters: frozenset[str], part: str, longest: int = 80) -> bool:
    """Whether a part of a name is of these letters, begins with one that may, and is not too long."""
    return 0 < len(part) <= longest and part[0] in _FIRST and letters.issuperset(part)


def split_source(text: str) -> tuple[str, Source | None]:
    """A name without its source suffix, trimmed, and where it asks to run: `:cloud` or a tag that ends in `-cloud`,
    `:local`, or None. Raises NameConflict, with Ollama's words, for a name that asks for both."""
    raw = text.strip(_SPACE)
    base, source = _cut_source(raw)
    if source is not None and _cut_source(base)[1] is not None:
        raise NameConflict(f"use either :local or :cloud, not both: {quote(raw)}")
    return base, source


def canonical_key(text: str) -> str:
    """The key that every spelling of one model shares: `tiny`, ` TINY:latest ` and `library/tiny` give `tiny:latest`.

    Total: a name that Ollama would refuse is folded and given a tag in the same way."""
    name = parse_name(text)
    if name is not None:
        return name.display().lower()
    folded = text.strip(_SPACE).casefold()
    return folded if folded.rfind(":") > folded.rfind("/") else f"{folded}:{DEFAULT_TAG}"


def _cut_source(raw: str) -> tuple[str, Source | None]:
    base, colon, suffix = raw.rpartition(":")
    if not colon:
        return raw, None
    suffix = suffix.strip(_SPACE)
    word = suffix.lower()
    if word == "cloud":
        return base, "cloud"
    if word == "local":
        return base, "local"
    if word.endswith("-cloud") and "/" not in suffix:
        return f"{base}:{suffix[: -len('-cloud')]}", "cloud"
    return raw, None
