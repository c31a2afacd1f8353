"""Patterns of model names: thousands of them, looked up in microseconds, and which vendor a name belongs to.

Strategy: a table files each pattern by the part of it that a name must have. An exact name is a dictionary's key; so
are the beginning of `x*` and the end of `*x`, tried once for each length that occurs. Every other pattern is filed
under three letters of its longest literal part, the rarest three among all patterns, so that a name meets only the few
patterns that could fit it. What a look-up costs hangs on the length of the name, not on the number of patterns.

Rules: patterns mean what `fnmatch` says (`*`, `?`, `[seq]`, `[!seq]`, nothing is quoted) and case is no difference. The
most specific pattern wins: an exact name first, then the one with the most literal characters, then the one with fewer
wildcards, then the one given first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from fnmatch import translate
from functools import cache
from typing import Generic, TypeAlias, TypeVar

import msgspec

__all__ = ("VENDORS", "PatternTable", "vendors_of")

T = TypeVar("T")

_GRAM = 3
_WILD = "*?["
_Rank = tuple[int, int, int]


class _Found(msgspec.Struct, Generic[T], frozen=True):
    """A pattern with what it stands for. `rank` orders by how specific it is, the greatest first."""

    rank: _Rank
    pattern: str
    value: T


_Filed: TypeAlias = tuple[_Found[T], re.Pattern[str]]
"""A pattern, and what says whether a name fits it."""


class PatternTable(Generic[T]):
    """Values by patterns of names. Of equal patterns the first one counts."""

    __slots__ = ("_ends", "_exact", "_filed", "_heads", "_loose", "_patterns", "_tails", "_widest")

    def __init__(self, pairs: Iterable[tuple[str, T]]) -> None:
        self._exact: dict[str, _Found[T]] = {}
        self._heads: dict[str, _Found[T]] = {}
        self._tails: dict[str, _Found[T]] = {}
        self._filed: dict[str, list[_Filed[T]]] = {}
        self._loose: list[_Filed[T]] = []
        self._patterns = 0
        general: list[tuple[_Found[T], tuple[str, ...]]] = []
        seen: set[str] = set()
        for pattern, value in pairs:
            plain = pattern.lower()
            if plain in seen:
                continue
            seen.add(plain)
            literals, wildcards = _literals(plain)
            found = _Found((sum(map(len, literals)), -wildcards, -self._patterns), pattern, value)
            self._patterns += 1
            if not wildcards:
                self._exact[plain] = found
            elif wildcards == 1 and plain.endswith("*"):
                self._heads[plain[:-1]] = found
            elif wildcards == 1 and plain.startswith("*"):
                self._tails[plain[1:]] = found
            else:
                general.append((found, literals))
        self._ends = (_lengths(self._heads), _lengths(self._tails))
        self._file(general)
        self._widest = max((found.rank for found, _ in general), default=(-1, 0, 0))

    def find(self, name: str) -> T | None:
        """What the most specific pattern that fits stands for; None where none fits."""
        found = self._find(name)
        return found.value if found is not None else None

    def match(self, name: str) -> tuple[str, T] | None:
        """The most specific pattern that fits, as it was given, and what it stands for."""
        found = self._find(name)
        return (found.pattern, found.value) if found is not None else None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __len__(self) -> int:
        return self._patterns

    def _find(self, name: str) -> _Found[T] | None:
        name = name.lower()
        best = self._exact.get(name)
        if best is not None:
            return best
        heads, tails = self._ends
        size = len(name)
        for length in heads:
            if length <= size:
                best = self._heads.get(name[:length])
                if best is not None:
                    break
        for length in tails:
            if length <= size:
                tail = self._tails.get(name[size - length :])
                if tail is not None:
                    if best is None or tail.rank > best.rank:
                        best = tail
                    break
        if best is None or self._widest > best.rank:
            best = self._general(name, best)
        return best

    def _general(self, name: str, best: _Found[T] | None) -> _Found[T] | None:
        if self._filed:
            filed = self._filed
            for start in range(len(name) - _GRAM + 1):
                rows = filed.get(name[start : start + _GRAM])
                if rows is not None:
                    best = _first(rows, name, best)
        return _first(self._loose, name, best)

    def _file(self, general: list[tuple[_Found[T], tuple[str, ...]]]) -> None:
        """Files what is neither exact nor open at one end alone, the most specific first."""
        general.sort(key=lambda row: row[0].rank, reverse=True)
        common = Counter(gram for _, literals in general for gram in _grams(literals))
        taken: Counter[str] = Counter()
        for found, literals in general:
            row = (found, re.compile(translate(found.pattern.lower())))
            grams = _grams(literals)
            if not grams:
                self._loose.append(row)
                continue
            gram = min(grams, key=lambda each: (taken[each], common[each], each))
            taken[gram] += 1
            self._filed.setdefault(gram, []).append(row)


def _first(rows: list[_Filed[T]], name: str, best: _Found[T] | None) -> _Found[T] | None:
    """The first of these rows that fits, where it is more specific than what was found so far."""
    for found, fits in rows:
        if best is not None and found.rank < best.rank:
            break
        if fits.match(name):
            return found
    return best


def _literals(pattern: str) -> tuple[tuple[str, ...], int]:
    """The parts of a pattern that a name must have as they stand, and how many wildcards there are."""
    parts: list[str] = []
    wildcards = at = start = 0
    while at < len(pattern):
        sign, after = pattern[at], at + 1
        if sign == "[":
            after = _class_end(pattern, at)
        if sign in _WILD and after:
            parts.append(pattern[start:at])
            wildcards += 1
            start = after
        at = after or at + 1
    parts.append(pattern[start:])
    return tuple(part for part in parts if part), wildcards


def _class_end(pattern: str, start: int) -> int:
    """Where a set of characters ends; 0 where its bracket is never closed, and so is a bracket and no more."""
    first = start + 1
    if pattern[first : first + 1] == "!":
        first += 1
    return pattern.find("]", first + 1 if pattern[first : first + 1] == "]" else first) + 1


def _grams(literals: Iterable[str]) -> set[str]:
    return {part[at : at + _GRAM] for part in literals for at in range(len(part) - _GRAM + 1)}


def _lengths(texts: Iterable[str]) -> tuple[int, ...]:
    return tuple(sorted({len(text) for text in texts}, reverse=True))


VENDORS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("*@*.openai.azure.com", ("azure",)),
    ("gpt-*", ("openai", "azure")),
    ("chatgpt-*", ("openai", "azure")),
    ("gpt-oss*", ("ollama", "groq", "openrouter")),
    ("o1*", ("openai", "azure")),
    ("o3*", ("openai", "azure")),
    ("o4*", ("openai", "azure")),
    ("codex-*", ("openai", "azure")),
    ("dall-e-*", ("openai", "azure")),
    ("text-davinci-*", ("openai", "azure")),
    ("text-embedding-*", ("openai", "azure", "google", "vertex")),
    ("text-embedding-0*", ("google", "vertex")),
    ("tts-*", ("openai", "azure")),
    ("whisper-*", ("openai", "groq", "azure")),
    ("claude-*", ("anthropic",)),
    ("claude-*@*", ("vertex",)),
    ("anthropic.claude*", ("aws_bedrock",)),
    ("amazon.*", ("aws_bedrock",)),
    ("meta.llama*", ("aws_bedrock",)),
    ("mistral.*", ("aws_bedrock",)),
    ("cohere.*", ("aws_bedrock",)),
    ("ai21.*", ("aws_bedrock",)),
    ("deepseek.*", ("aws_bedrock",)),
    ("openai.gpt-*", ("aws_bedrock",)),
    ("qwen.*", ("aws_bedrock",)),
    ("??.anthropic.claude*", ("aws_bedrock",)),
    ("??.amazon.*", ("aws_bedrock",)),
    ("??.meta.llama*", ("aws_bedrock",)),
    ("apac.*.*", ("aws_bedrock",)),
    ("global.*.*", ("aws_bedrock",)),
    ("arn:aws*:bedrock:*", ("aws_bedrock",)),
    ("gemini*", ("google", "vertex")),
    ("gemma-3*", ("google", "ollama")),
    ("imagen-*", ("google", "vertex")),
    ("palm*", ("google", "vertex")),
    ("bison*", ("google", "vertex")),
    ("text-bison*", ("vertex",)),
    ("chat-bison*", ("vertex",)),
    ("command-*", ("cohere",)),
    ("embed-*", ("cohere",)),
    ("rerank-*", ("cohere",)),
    ("deepseek-chat*", ("deepseek",)),
    ("deepseek-reasoner*", ("deepseek",)),
    ("deepseek*", ("ollama", "deepseek")),
    ("grok-*", ("xai",)),
    ("kimi-*", ("moonshot",)),
    ("moonshot-*", ("moonshot",)),
    ("sonar*", ("perplexity",)),
    ("mistral-*", ("mistral",)),
    ("open-mi?tral-*", ("mistral",)),
    ("ministral-*", ("mistral",)),
    ("magistral-*", ("mistral",)),
    ("codestral-*", ("mistral",)),
    ("devstral-*", ("mistral",)),
    ("pixtral-*", ("mistral",)),
    ("voxtral-*", ("mistral",)),
    ("accounts/fireworks/*", ("fireworks",)),
    ("meta-llama/*", ("openrouter", "together", "huggingface", "groq", "deepinfra")),
    ("mistralai/*", ("openrouter", "together", "huggingface", "deepinfra")),
    ("qwen/*", ("openrouter", "together", "huggingface", "deepinfra", "groq")),
    ("hf.co/*", ("ollama",)),
    ("huggingface.co/*", ("ollama",)),
    ("*/*", ("openrouter", "huggingface", "together", "deepinfra")),
    ("llama*", ("ollama",)),
    ("llama-*-versatile", ("groq",)),
    ("llama-*-instant", ("groq",)),
    ("mistral*", ("ollama", "mistral")),
    ("mixtral*", ("ollama",)),
    ("codellama*", ("ollama",)),
    ("vicuna*", ("ollama",)),
    ("alpaca*", ("ollama",)),
    ("qwen*", ("ollama",)),
    ("qwq*", ("ollama",)),
    ("phi*", ("ollama",)),
    ("gemma*", ("ollama",)),
    ("granite*", ("ollama",)),
    ("smollm*", ("ollama",)),
    ("tinyllama*", ("ollama",)),
    ("codegemma*", ("ollama",)),
    ("codestral*", ("ollama", "mistral")),
    ("devstral*", ("ollama", "mistral")),
    ("starcoder*", ("ollama",)),
    ("llava*", ("ollama",)),
    ("nomic-embed-*", ("ollama",)),
    ("mxbai-embed-*", ("ollama",)),
    ("all-minilm*", ("ollama",)),
    ("bge-*", ("ollama",)),
    ("snowflake-arctic-embed*", ("ollama",)),
)
"""What names say of who serves them, by how the vendors name their models: the types of providers, the likeliest first.
It is a guess for names that no backend lists, and nothing else."""


@cache
def _vendors() -> PatternTable[tuple[str, ...]]:
    return PatternTable(VENDORS)


def vendors_of(name: str) -> tuple[str, ...]:
    """The types of providers that would have a model of this name, the likeliest first; none where nothing is known."""
    return _vendors().find(name) or ()
