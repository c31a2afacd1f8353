"""Items in any order of pieces: one is open at a time, and nothing is lost."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.core.formats.openai_responses.conftest import events_of, ordered

from ollamux.conversation import Opaque
from ollamux.formats.openai_responses.output import Events, Output
from ollamux.formats.openai_responses.tools import Toolbox

PIECES = st.lists(
    st.one_of(
        st.tuples(st.just("text"), st.text(min_size=1, max_size=3)),
        st.tuples(st.just("refusal"), st.text(min_size=1, max_size=3)),
        st.tuples(st.just("think"), st.text(max_size=3)),
        st.tuples(st.just("sign"), st.just("")),
        st.tuples(st.just("redact"), st.just("")),
        st.tuples(st.just("call"), st.sampled_from(["0", "1", "2"])),
        st.tuples(st.sampled_from(["args0", "args1", "args2"]), st.sampled_from(['{"', 'a":', "1}", "{}"])),
    ),
    max_size=30,
)
SIGNED = Opaque("anthropic", "x")


def played(pieces: list[tuple[str, str]], *, summary: bool, shown: bool) -> tuple[list[dict[str, Any]], Output]:
    events = Events()
    output = Output("b", events, Toolbox(()), summary=summary, shown=shown)
    out = b""
    called: set[int] = set()
    for kind, text in pieces:
        match kind:
            case "text" | "refusal":
                output.text(text, refusal=kind == "refusal")
            case "think":
                output.reasoning(text)
            case "sign":
                output.reasoning("", SIGNED)
            case "redact":
                output.redacted(SIGNED)
            case "call":
                if int(text) not in called:
                    called.add(int(text))
                    output.call(int(text), f"call_{text}", "f", None)
            case _:
                output.arguments(int(kind[-1]), text)
        out += events.taken()
    output.end(incomplete=False)
    return events_of(out + events.taken() or b": none\n\n"), output


@given(PIECES, st.booleans(), st.booleans())
def test_every_item_is_opened_and_closed_once_and_its_deltas_make_what_it_is(
    pieces: list[tuple[str, str]], summary: bool, shown: bool
) -> None:
    events, output = played(pieces, summary=summary, shown=shown)
    ordered(events)
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert done == output.values
    deltas: dict[str, str] = {}
    for event in events:
        if event["type"].endswith(".delta"):
            deltas[event["item_id"]] = deltas.get(event["item_id"], "") + event["delta"]
    for item in done:
        if item["type"] == "message":
            assert deltas[item["id"]] == "".join(part.get("text", part.get("refusal")) for part in item["content"])
        elif item["type"] == "reasoning":
            assert deltas.get(item["id"], "") == "".join(
                p["text"] for p in (*item["summary"], *item.get("content", ()))
            )
        else:
            assert deltas.get(item["id"], "{}") == item["arguments"]


@given(PIECES)
def test_text_and_thinking_keep_every_letter_whether_signatures_are_shown_or_not(pieces: list[tuple[str, str]]) -> None:
    wanted = "".join(text for kind, text in pieces if kind in ("text", "refusal"))
    thought = "".join(text for kind, text in pieces if kind == "think")
    for shown in (True, False):
        _, output = played(pieces, summary=True, shown=shown)
        said = [part for item in output.values if item["type"] == "message" for part in item["content"]]
        assert "".join(part.get("text", part.get("refusal")) for part in said) == wanted
        summaries = [part for item in output.values if item["type"] == "reasoning" for part in item["summary"]]
        assert "".join(part["text"] for part in summaries) == thought
        signed = [item for item in output.stored if "encrypted_content" in item]
        assert len(signed) == sum(kind in ("sign", "redact") for kind, _ in pieces)


def test_a_delta_is_written_as_any_event_is() -> None:
    events, _ = played([("text", 'a"\n'), ("text", "\u2028é")], summary=False, shown=False)
    assert [event["delta"] for event in events if event["type"].endswith("text.delta")] == ['a"\n', "\u2028é"]
