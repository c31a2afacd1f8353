"""What kind of work a request is, and how hard: code, reasoning, creative, factual, realtime, audio, vision or plain.

Strategy: what the last message holds beside text decides at once (a picture is vision, a sound is audio). Else words
that tell a kind are added up, from `data/workloads.json`: whole words, phrases and beginnings of words, matched where
words begin and end, so that no "capital" holds an "api". A word counts more near the beginning, where people say what
they want, and less behind "about" and its like, where they say of what: a poem about Python is a poem. Added to that
come signs: lines that look like code, errors, file names, sums, the form of a question, brevity. The difficulty is
counted from how much is asked for, how long, and in which words.

Rules: one message is looked at, 3 KiB of its beginning and 1 KiB of its end; what that costs is bounded. Nothing is
remembered, the same text always comes to the same. It is a guess: `confidence` says how far it leads the next one, and
a client that knows better says so by its media type.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import islice
from pkgutil import get_data
from typing import Literal, NamedTuple, TypeAlias, get_args

import msgspec

__all__ = ("KINDS", "MEDIA_TYPES", "Complexity", "Kind", "Workload", "classify")

Kind: TypeAlias = Literal["code", "reasoning", "creative", "factual", "realtime", "audio", "vision", "plain"]
Complexity: TypeAlias = Literal["simple", "moderate", "complex"]

KINDS: tuple[Kind, ...] = get_args(Kind)

MEDIA_TYPES: Mapping[str, Kind | None] = {
    "text": None,
    "code": "code",
    "image": "vision",
    "audio": "audio",
    "realtime": "realtime",
    "auto": None,
}
"""What a client may say of its request, and the kind that it means by it. `text` is any kind but sight and sound."""

_HEAD, _TAIL = 3072, 1024
_NOT_TEXT: tuple[Kind, ...] = ("audio", "vision")
_LONGEST_PHRASE = 4
_LINES = 80
_WORDS = 500
_OPENING = 9
"""So many words are the opening, in which a word counts more."""


class Workload(msgspec.Struct, frozen=True):
    """A kind of work, how hard it is, and from 0 to 1 how sure that kind is."""

    kind: Kind
    complexity: Complexity
    confidence: float


class _File(msgspec.Struct, frozen=True):
    """The table as it is written: words with spaces between them, by kind and weight."""

    words: dict[Kind, dict[str, str]]
    parts: dict[Kind, dict[str, str]]
    difficulty: dict[str, str]


class _Lexicon(NamedTuple):
    """The table as it is read. A word leads to kinds and weights; `begun` are the first three letters of `stems`, of
    which `longest` is the length; `phrases` are told by their words in a row, and only looked for where one of `heads`
    stands."""

    words: dict[str, dict[Kind, float]]
    stems: dict[str, dict[Kind, float]]
    begun: frozenset[str]
    longest: int
    phrases: dict[tuple[str, ...], dict[Kind, float]]
    heads: frozenset[str]
    parts: tuple[tuple[str, Kind, float], ...]
    hard: dict[tuple[str, ...], float]
    hard_heads: frozenset[str]


_WORD = re.compile(r"[^\W_]+")
_WIDE, _UNSPACED = r"[\u0600-\u0fff\u2e80-\ud7ff]", r"[\u2e80-\u9fff]"
"""Compiled when a text first has such letters: classes as large as these take milliseconds."""

_CODE_LINE = re.compile(
    r"def \w{1,60}\(|class \w{1,60}[:({]"
    r"|(?:(?:async|export|public|private|static|pub|inline) ){0,3}(?:function|fn|func)\b"
    r"|(?:const|let|var|val) \w{1,60} ?[:=]|import [\w{*.]{1,80};?$|from [\w.]{1,80} import|#include|package \w{1,60}$"
    r"|(?:SELECT|INSERT|UPDATE|DELETE|CREATE TABLE|ALTER|FROM|WHERE) |for \w{1,60} in |[@+-]{2,3} ?[\w/@-]|\$ \w|curl -"
    r"|\w{1,60} = [\[{(]|\.\w{1,60}\(|Traceback|```"
)
_CODE_SIGN = re.compile(
    r"`[^`\n]{1,80}[`']|\.(?:py|js|jsx|ts|tsx|go|rs|c|cpp|h|java|kt|rb|php|sh|sql|css|html|ya?ml|json|toml|md)\b"
    r"|Error\b|Exception\b|_(?<=[a-z]_)[a-z]|\((?<=\w\()\)|\) ?\{|=>|::|!=|==|\+\+|C#|&&|\|\||</\w|--\w\w"
    r"|-(?<=\s-)[A-Z]\d?\b|localhost"
    r"|/(?:var|etc|usr|home|api|bin)\b|src/|tests/"
)
"""Each begins with a sign of its own, so that a text without them is passed over quickly."""

_ENDS = (";", "{", "}", "=> {")
_BRANCHES = ("if ", "elif ", "else:", "while ", "try:", "except ")
_SUM = re.compile(r"\d ?[-+*/^=×÷] ?[\d(a-z]|[a-z)] ?[=^] ?[-\d(a-z]|\d ?%|[$€£] ?\d|\bf\(x")
_AND = frozenset("and und then et y e och en и".split())
_NAMED = frozenset("about über sobre sur su despre om o о".split())
"""Behind these words stands what something is about."""

_SPELLED = frozenset(
    "one two three four five six seven eight nine ten once twice half zwei drei vier deux trois".split()
)
_SOCIAL = frozenset("yes no ok okay hi hello hey thanks thank sorry please bye continue test ja nein sí oui".split())
"""Said on their own, or at the beginning; inside of a text they mean nothing."""

_OWN = frozenset("i my me write ich je yo".split())
_WRITE = frozenset("write draft compose schreib schreibe écris rédige escribe scrivi escreva напиши".split())
_YEAR = re.compile(r"1[89]\d\d|20\d\d")
_POLITE = frozenset("please can could would you i need want to me my a an the for hey hi so bitte kannst du".split())
_ASKING = frozenset(
    """who what when where which why how is are was were does do did can wer was wann wo warum wieso wie welche qui
    quand où pourquoi quel quelle comment quién cuándo dónde qué cuál cuánto chi dove perché quem onde кто когда где
    почему что как""".split()
)
_MUCH = frozenset(
    "many much long tall old far big high deep fast often heavy large viel viele heißt alt hoch lang weit groß".split()
)
_STOPS = (". ", "? ", "! ", ".\n", "。", "？", "！")
_BASE: Mapping[Kind, float] = {
    "code": 0.7, "reasoning": 0.7, "creative": 1.4, "factual": 0.5, "realtime": -1.0, "audio": 0.3, "vision": 0.0,
    "plain": 0.0,
}  # fmt: skip
"""How hard an ordinary request of each kind is to begin with."""

_HOW = frozenset("how why explain wie warum erklär pourquoi comment perché por почему как cómo como tell".split())
_BIDDING = _WRITE | frozenset(
    "describe imagine invent pretend tell beschreibe describa décris descrivi описать".split()
)
"""What begins so is no question, whatever it ends with."""
_MAKE = frozenset(
    """write build create implement generate design make develop draft schreib schreibe erstelle escribe crea écris
    rédige scrivi напиши napisz escreva refactor fix review translate show suggest rewrite draft extract
    compose invent continue debug compare remove""".split()
)


def classify(
    texts: Iterable[str],
    *,
    images: int = 0,
    audio: bool = False,
    tools: int = 0,
    max_tokens: int | None = None,
    media: str = "auto",
    latency_critical: bool = False,
) -> Workload:
    """The work that the texts of the last message ask for, with its pictures and sounds.

    `tools` is how many are offered, `max_tokens` the longest answer wanted, `media` one of MEDIA_TYPES; a request that
    is `latency_critical` is realtime where nothing else is asked for. Unknown media types count as `auto`."""
    text = _window(texts)
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) > _WORDS:
        words = words[: _WORDS - 100] + words[-100:]
    told = MEDIA_TYPES.get(media)
    kind: Kind
    if told is not None:
        kind, confidence = told, 1.0
    elif media != "text" and (images or audio):
        kind, confidence = "vision" if images else "audio", 0.95
    else:
        scores = _scores(text, words)
        if latency_critical:
            scores["realtime"] += 2.0
        if media == "text":
            for other in _NOT_TEXT:
                scores[other] = 0.0
        first, second = sorted(scores, key=lambda each: -scores[each])[:2]
        kind = first
        confidence = scores[first] / (scores[first] + max(scores[second], 0.0) + 0.5)
    return Workload(kind, _complexity(kind, text, words, images, tools, max_tokens), round(confidence, 3))


def _window(texts: Iterable[str]) -> str:
    """The beginning and the end of what was said."""
    said = list(texts)
    if sum(map(len, said)) <= _HEAD + _TAIL:
        return "\n".join(said)
    return f"{_first(said, _HEAD)}\n{_first([text[-_TAIL:][::-1] for text in reversed(said)], _TAIL)[::-1]}"


def _first(texts: Iterable[str], most: int) -> str:
    """The first so many characters of texts."""
    found: list[str] = []
    for text in texts:
        found.append(text[:most])
        most -= len(text) + 1
        if most <= 0:
            break
    return "\n".join(found)


def _scores(text: str, words: list[str]) -> dict[Kind, float]:
    scores: dict[Kind, float] = dict.fromkeys(KINDS, 0.0)
    scores["plain"] = 1.0
    _weigh_words(words, scores)
    if not text.isascii() and re.search(_WIDE, text):
        for part, kind, weight in _lexicon().parts:
            if part in text:
                scores[kind] += weight
    _weigh_signs(text, words, scores)
    return scores


def _weigh_words(words: list[str], scores: dict[Kind, float]) -> None:
    lexicon = _lexicon()
    seen: set[str | tuple[str, ...]] = set()
    named = len(words)
    begun = next((place for place, word in enumerate(words) if word not in _POLITE), 0)
    for place, word in enumerate(words):
        if word in _NAMED and place < named:
            named = place
        found = lexicon.words.get(word)
        if found is None and word[:3] in lexicon.begun:
            for length in range(min(len(word), lexicon.longest), 2, -1):
                found = lexicon.stems.get(word[:length])
                if found is not None:
                    break
        factor = _weight_at(place - begun, len(words) - place)
        if place > named:
            factor *= 0.4
        if word in _SOCIAL and place > 2 and len(words) > 8:
            continue
        if word in _ASKING and place - begun > 2:
            factor *= 0.35  # "the man who", "a town where": no question
        if found is not None and word not in seen:
            seen.add(word)
            for kind, weight in found.items():
                scores[kind] += weight * factor
        if word in lexicon.heads:
            for length in range(2, _LONGEST_PHRASE + 1):
                phrase = tuple(words[place : place + length])
                found = lexicon.phrases.get(phrase)
                if found is not None and phrase not in seen:
                    seen.add(phrase)
                    for kind, weight in found.items():
                        scores[kind] += weight * factor


def _weight_at(place: int, left: int) -> float:
    """What a word counts: most where a request begins, least in the middle of a long one."""
    if place < 2:
        return 1.5
    if place < _OPENING:
        return 1.25
    return 1.0 if place < 2 * _OPENING or left < _OPENING else 0.65


def _weigh_signs(text: str, words: list[str], scores: dict[Kind, float]) -> None:
    lines = _code_lines(text)
    signs = _count(_CODE_SIGN, text, 3)
    scores["code"] += 2.0 * lines + 1.5 * signs + (3.0 if "```" in text else 0.0)
    asks = text.rstrip().endswith(("?", "？", "؟"))
    if words and (words[0] in _ASKING or (asks and words[0] not in _BIDDING)):
        scores["factual"] += 1.2
    if not lines and signs < 2:
        numbers = sum(1 for word in words if word[0].isdigit() and not _YEAR.fullmatch(word))
        if numbers or "=" in text:
            scores["reasoning"] += 1.8 * _count(_SUM, text, 3) + 0.5 * min(max(numbers - 1, 0), 4)
            scores["reasoning"] += 1.2 if asks and numbers >= 2 else 0.0
        if asks:
            spelled = sum(1 for word in words if word in _SPELLED)
            scores["reasoning"] += min(0.5 * spelled, 2.0) + (0.8 if len(words) > 20 else 0.0)
            told = words and words[0] not in _ASKING and _OWN.isdisjoint(words)
            if told and sum(map(text.count, _STOPS)) >= 1:
                scores["reasoning"] += 1.5  # facts first, and then what follows from them
        if "\na)" in text or "\nA)" in text:
            scores["reasoning"] += 2.5
    if not _WRITE.isdisjoint(words[:3]):
        scores["factual"] *= 0.6
    if words[:1] == ["as"] and words[1:2] in (["a"], ["an"], ["the"]):
        scores["creative"] += 4.0
    if len(words) > 14:
        scores["realtime"] *= 0.45
    if len(words) <= 2:
        scores["plain"] += 0.5


def _code_lines(text: str) -> int:
    """How many lines look like code, four at most."""
    found = 0
    for line in text.split("\n", _LINES):
        line = line.strip()
        if line.endswith(_ENDS) or (line.startswith(_BRANCHES) and line.endswith(":")) or _CODE_LINE.match(line):
            found += 1
            if found == 4:
                break
    return found


def _count(sign: re.Pattern[str], text: str, most: int) -> int:
    return sum(1 for _ in islice(sign.finditer(text), most))


def _complexity(kind: Kind, text: str, words: list[str], images: int, tools: int, max_tokens: int | None) -> Complexity:
    lexicon = _lexicon()
    size = len(words) + (0 if text.isascii() else len(re.findall(_UNSPACED, text)) // 2)
    points = _BASE[kind]
    points += -0.6 if size <= 7 else 0.0 if size <= 16 else 0.6 if size <= 30 else 1.2 if size <= 55 else 2.0
    seen: set[tuple[str, ...]] = set()
    for place, word in enumerate(words):
        if word in lexicon.hard_heads:
            for length in range(1, _LONGEST_PHRASE + 1):
                phrase = tuple(words[place : place + length])
                weight = lexicon.hard.get(phrase)
                if weight is not None and phrase not in seen:
                    seen.add(phrase)
                    points += weight * (0.6 if weight < 1 else 1.0)
    asked = text.count(",") + text.count(";") + text.count("\n- ") + sum(1 for word in words if word in _AND)
    points += 0.16 * min(asked, 10)
    opening = words[:5]
    if kind != "vision" and not _MAKE.isdisjoint(opening):
        points += 0.9
    if kind == "factual" and _explains(opening):
        points += 1.2
    points += 0.3 * min(max(sum(map(text.count, _STOPS)) - 1, 0), 4)
    if "```" in text or text.count("\n") > 6:
        points += 0.8
    points += min(0.3 * max(images - 1, 0), 0.9) + min(0.1 * tools, 0.5)
    if max_tokens is not None and max_tokens <= 16:
        return "simple"
    if points < 1.0:
        return "simple"
    return "moderate" if points < 4.2 or (max_tokens is not None and max_tokens <= 256) else "complex"


def _explains(opening: list[str]) -> bool:
    """Whether a question asks for a how or a why, and not for how many or how long."""
    place = next((place for place, word in enumerate(opening) if word in _HOW), -1)
    return place >= 0 and not (opening[place] == "how" and _MUCH.intersection(opening[place + 1 : place + 2]))


@cache
def _lexicon() -> _Lexicon:
    table = msgspec.json.decode(get_data("ollamux", "data/workloads.json") or b"", type=_File)
    words: dict[str, dict[Kind, float]] = {}
    stems: dict[str, dict[Kind, float]] = {}
    phrases: dict[tuple[str, ...], dict[Kind, float]] = {}
    for kind, weights in table.words.items():
        for weight, text in weights.items():
            for entry in text.split():
                if "_" in entry:
                    phrases.setdefault(tuple(entry.split("_")), {})[kind] = float(weight)
                else:
                    home = stems if entry.endswith("*") else words
                    home.setdefault(entry.rstrip("*"), {})[kind] = float(weight)
    parts: list[tuple[str, Kind, float]] = [
        (part, kind, float(weight))
        for kind, weights in table.parts.items()
        for weight, text in weights.items()
        for part in text.split()
    ]
    hard = {
        tuple(entry.split("_")): float(weight) for weight, text in table.difficulty.items() for entry in text.split()
    }
    return _Lexicon(
        words,
        stems,
        frozenset(stem[:3] for stem in stems),
        max(map(len, stems), default=0),
        phrases,
        frozenset(phrase[0] for phrase in phrases),
        tuple(parts),
        hard,
        frozenset(phrase[0] for phrase in hard),
    )
