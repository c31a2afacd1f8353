"""What kind of work a request is.

The labelled prompts are in two halves, by the lowest bit of the first byte of the SHA-256 of the prompt: those with 0
are what the words and weights are tuned on, those with 1 are only ever counted. The figures below are the second
half's. All of the prompts come from one hand, so other people's requests fare somewhat worse: of 355 questions of
public sets (MT-Bench, Vicuna, WizardLM), sorted by the sets' own headings, 82 of a hundred were told rightly when they
were first seen, and 93 once words that had been missing were added.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.routing.workload import KINDS, MEDIA_TYPES, Complexity, Kind, Workload, classify

HELD_OUT_KIND = 0.96
HELD_OUT_COMPLEXITY = 0.85
"""Shares of the half that nothing was tuned on: at least so many are told rightly."""


class Labelled(msgspec.Struct, forbid_unknown_fields=True):
    """One line of the data."""

    prompt: str
    workload: Kind
    complexity: Complexity
    images: int = 0
    tools: int = 0
    audio: bool = False

    @property
    def held_out(self) -> bool:
        return bool(hashlib.sha256(self.prompt.encode()).digest()[0] & 1)

    def told(self) -> Workload:
        return classify([self.prompt], images=self.images, audio=self.audio, tools=self.tools)


def labelled() -> list[Labelled]:
    path = Path(__file__).parents[2] / "data" / "workloads.jsonl"
    return [msgspec.json.decode(line, type=Labelled) for line in path.read_bytes().splitlines()]


def test_the_labelled_prompts_are_many_varied_and_evenly_halved() -> None:
    rows = labelled()
    assert len(rows) >= 320 and len({row.prompt for row in rows}) == len(rows)
    assert {row.workload for row in rows} == set(KINDS)
    assert {row.complexity for row in rows} == {"simple", "moderate", "complex"}
    assert 0.4 < sum(row.held_out for row in rows) / len(rows) < 0.6


def test_prompts_that_nothing_was_tuned_on_are_told_rightly() -> None:
    rows = [row for row in labelled() if row.held_out]
    told = [(row, row.told()) for row in rows]
    kinds = sum(row.workload == found.kind for row, found in told) / len(rows)
    complexities = sum(row.complexity == found.complexity for row, found in told) / len(rows)
    print(f"held out: {len(rows)} prompts, kind {kinds:.3f}, complexity {complexities:.3f}")
    assert kinds >= HELD_OUT_KIND and complexities >= HELD_OUT_COMPLEXITY


def test_a_wrong_kind_is_told_with_less_confidence_than_a_right_one() -> None:
    told = [(row.workload == found.kind, found.confidence) for row in labelled() for found in (row.told(),)]
    right = [confidence for is_right, confidence in told if is_right]
    wrong = [confidence for is_right, confidence in told if not is_right]
    assert wrong and sum(wrong) / len(wrong) < sum(right) / len(right) - 0.1


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("What is the capital of Australia?", "factual"),
        ("Explain the capital gains tax code", "factual"),
        ("Write a poem about Python", "creative"),
        ("the rapid scriptwriter's apiary", "plain"),
        ("def add(a, b):\n    return a + b", "code"),
        ("", "plain"),
    ],
)
def test_words_are_matched_whole_and_by_what_is_asked_for(prompt: str, kind: str) -> None:
    assert classify([prompt]).kind == kind


def test_how_a_request_ends_and_begins_does_not_make_another_kind_of_it() -> None:
    for row in labelled():
        kind = row.told().kind
        if row.held_out or row.workload != kind:
            continue
        bare = row.prompt.rstrip(" .!?")
        begun = row.prompt[:1].upper() + row.prompt[1:]
        for prompt in (bare, bare + "?", bare + ".", row.prompt + "\n", "  " + row.prompt, begun, row.prompt.lower()):
            assert msgspec.structs.replace(row, prompt=prompt).told().kind == kind, prompt


def test_a_picture_is_vision_and_a_sound_is_audio_whatever_is_said() -> None:
    assert classify(["write a python function"], images=1).kind == "vision"
    assert classify(["write a python function"], audio=True).kind == "audio"
    assert classify(["compare"], images=1, audio=True).kind == "vision"


@pytest.mark.parametrize(("media", "kind"), [pair for pair in MEDIA_TYPES.items() if pair[1] is not None])
def test_a_client_that_names_the_media_type_is_believed(media: str, kind: str) -> None:
    assert classify(["hello"], media=media) == Workload(kind, "simple", 1.0)  # type: ignore[arg-type]


def test_text_is_any_kind_but_sight_and_sound() -> None:
    assert classify(["draw a logo"], media="text").kind not in ("vision", "audio")
    assert classify(["sort a list in python"], images=1, media="text").kind == "code"
    assert classify(["sort a list in python"], media="auto") == classify(["sort a list in python"], media="what is it")


def test_what_has_to_be_quick_is_realtime_where_nothing_else_is_asked_for() -> None:
    assert classify(["yes, do that"]).kind == "plain"
    assert classify(["and the blue one"], latency_critical=True).kind == "realtime"
    assert classify(["write a python script that sorts a csv"], latency_critical=True).kind == "code"


def test_a_short_answer_is_no_hard_one() -> None:
    hard = next(row for row in labelled() if row.complexity == "complex" and row.told().complexity == "complex")
    assert classify([hard.prompt], max_tokens=200).complexity == "moderate"
    assert classify([hard.prompt], max_tokens=8).complexity == "simple"


def test_only_the_beginning_and_the_end_of_a_long_message_are_looked_at() -> None:
    paste = "lorem ipsum dolor sit amet " * 40_000
    assert classify(["Summarize the following text: " + paste]).kind == "plain"
    assert classify([paste + " write a python function for that, with unit tests in pytest"]).kind == "code"
    assert classify([paste] * 3 + ["write a python function for that, with unit tests in pytest"]).kind == "code"
    assert classify(["write a sonnet about this:"] + [paste] * 3).kind == "creative"
    assert classify(["x" * 5000] * 1000) == classify(["x" * 5000] * 2)


def test_the_parts_of_a_message_are_one_text() -> None:
    assert classify(["write a", "poem"]) == classify(["write a\npoem"])
    assert classify([]).kind == "plain"


@given(st.lists(st.text(max_size=400), max_size=4), st.integers(0, 3), st.booleans(), st.integers(0, 40))
def test_any_text_is_told_and_always_the_same(texts: list[str], images: int, audio: bool, tools: int) -> None:
    told = classify(texts, images=images, audio=audio, tools=tools)
    assert told.kind in KINDS and 0.0 <= told.confidence <= 1.0
    assert told == classify(texts, images=images, audio=audio, tools=tools)
