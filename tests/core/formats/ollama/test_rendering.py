"""Answers as Ollama writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.formats.base import RenderContext
from ollamux.formats.ollama.context import unpack
from ollamux.formats.ollama.gotext import dump
from ollamux.formats.ollama.rendering import OllamaRenderer, Route, plain_whole

USAGE = UsageUpdate(Usage(11, None, None, 3), Timings(12_500_000, 30_250_000))
METRICS = (
    '"total_duration":1000000000,"load_duration":500000000,"prompt_eval_count":11,"prompt_eval_duration":12500000,'
    '"eval_count":3,"eval_duration":30250000'
)
HEAD = '{"model":"tiny","created_at":"2023-11-14T22:13:22Z",'


def context(model: str = "tiny") -> RenderContext:
    clock = Clock()
    clock.set(1_700_000_000.0, 0, 0.0)
    return RenderContext(model, clock, 1.0, 1.5)


def renderer(route: Route = "chat", **rest: Any) -> OllamaRenderer:
    return OllamaRenderer(route, context(), **rest)


def streamed(*events: Event, route: Route = "chat", **rest: Any) -> list[str]:
    one = renderer(route, **rest)
    out = (one.events(list(events), 2.0) + one.end(2.0)).decode()
    assert out.endswith("}\n")
    lines = out[:-1].split("\n")
    assert [json.loads(line)["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    return lines


@pytest.mark.parametrize("finish", ["stop", "length", "tool_calls", "context_exceeded", "malformed", None])
@pytest.mark.parametrize("text", ["Hel<lo>", "a\\n\u00e9", ""])
def test_a_plain_answer_is_written_without_a_renderer_as_it_is_with_one(finish: str | None, text: str) -> None:
    for usage in (Usage(11, None, None, 3), Usage(1, 2, 3, 4, 5), None):
        for timings in (Timings(12_500_000, 30_250_000), None):
            answer = Told(text, finish, usage, timings)
            quick = plain_whole(context(), answer, 2.0)
            assert (quick is None) == (finish not in ("stop", "length"))
            if quick is not None:
                assert quick == renderer().whole(answer, 2.0)
                assert json.loads(quick)["message"]["content"] == text
    assert plain_whole(context(), Answer([Text("x")], "stop"), 2.0) is None
    assert plain_whole(context(), Told("x", "stop", None, None, ()), 2.0) is None


class Told(Answer):
    """An answer whose text is there already."""

    def __init__(self, text: str, finish: Any, usage: Usage | None, timings: Any, logprobs: Any = None) -> None:
        super().__init__([Text(text)], finish, usage, timings, logprobs)
        self.text = text

    def told(self, html: bool) -> bytes | None:
        return dump(self.text) if html else None


def test_a_chat_streams_a_line_for_each_piece() -> None:
    assert streamed(Start("x"), TextDelta("Hel"), TextDelta("<lo>"), USAGE, Finish("stop")) == [
        HEAD + '"message":{"role":"assistant","content":"Hel"},"done":false}',
        HEAD + '"message":{"role":"assistant","content":"\\u003clo\\u003e"},"done":false}',
        HEAD + '"message":{"role":"assistant","content":""},"done":true,"done_reason":"stop",' + METRICS + "}",
    ]


def test_thinking_has_lines_of_its_own() -> None:
    assert streamed(ReasoningDelta("let me"), ReasoningDelta(""), TextDelta("a"))[:2] == [
        HEAD + '"message":{"role":"assistant","content":"","thinking":"let me"},"done":false}',
        HEAD + '"message":{"role":"assistant","content":"a"},"done":false}',
    ]


def test_calls_are_together_in_the_last_line() -> None:
    assert streamed(
        TextDelta("calling "), ToolCallStart(0, "abc123", "get_weather"), ToolCallDelta(0, '{"city":'),
        ToolCallDelta(0, '"Paris"}'), ToolCallStart(1, "def456", "get_time"), ToolCallDelta(1, "{}"), USAGE,
        Finish("tool_calls"),
    ) == [
        HEAD + '"message":{"role":"assistant","content":"calling "},"done":false}',
        HEAD + '"message":{"role":"assistant","content":"","tool_calls":[{"id":"abc123","function":{"index":0,'
        '"name":"get_weather","arguments":{"city":"Paris"}}},{"id":"def456","function":{"index":1,"name":"get_time",'
        '"arguments":{}}}]},"done":true,"done_reason":"stop",' + METRICS + "}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ("", "{}"),
        ("null", "{}"),
        (' { "n" : 12345678901234567890123, "f": 1.50 } ', ' { "n" : 12345678901234567890123, "f": 1.50 } '),
        ('{\n  "a": 1e5\n}', '{"a":1e5}'),
        ('{"a":1}{"b":2}', '{"_raw":"{\\"a\\":1}{\\"b\\":2}"}'),
        ('{"a":', '{"_raw":"{\\"a\\":"}'),
        ("[1]", '{"_raw":"[1]"}'),
    ],
)
def test_arguments_are_an_object_with_the_models_bytes(arguments: str, written: str) -> None:
    line = streamed(ToolCallStart(0, "c", "f"), ToolCallDelta(0, arguments), Finish("tool_calls"))[-1]
    assert f'"arguments":{written}}}' in line


def test_log_probabilities_stand_after_done() -> None:
    top = (LogProb("Hel", -0.25), LogProb("x", -3.0))
    token = LogProb("Hel", -0.25, None, top)
    plain = '"logprobs":[{"token":"Hel","logprob":-0.25,"bytes":[72,101,108]}]}'
    assert streamed(TextDelta("Hel", (token,)))[0].endswith('"done":false,' + plain)
    assert streamed(TextDelta("Hel", (token,)), route="generate")[0].endswith('"response":"Hel","done":false,' + plain)
    told = streamed(TextDelta("Hel", (token,)), top_logprobs=2)[0]
    assert '"top_logprobs":[{"token":"Hel","logprob":-0.25,"bytes":[72,101,108]},{"token":"x","logprob":-3,' in told


def test_a_generate_carries_its_conversation_in_the_context() -> None:
    lines = streamed(
        ReasoningDelta("hm"), TextDelta("a"), TextDelta("b"), USAGE, route="generate", turns=[("user", "hi")]
    )
    assert lines[0] == HEAD + '"response":"","thinking":"hm","done":false}'
    assert lines[1] == HEAD + '"response":"a","done":false}'
    last = json.loads(lines[-1])
    assert list(last)[:6] == ["model", "created_at", "response", "done", "done_reason", "context"]
    assert unpack(last["context"]) == [("user", "hi"), ("assistant", "ab")]


def test_a_raw_generate_has_no_context() -> None:
    assert streamed(TextDelta("a"), USAGE, Finish("length"), route="generate")[-1] == (
        HEAD + '"response":"","done":true,"done_reason":"length",' + METRICS + "}"
    )


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", "stop"), ("stop_sequence", "stop"), ("length", "length"), ("context_exceeded", "length"),
        ("tool_calls", "stop"), ("content_filter", "stop"), ("refusal", "stop"), ("pause", "stop"),
    ],
)  # fmt: skip
def test_finish_reasons_are_ollamas(finish: FinishReason, reason: str) -> None:
    assert json.loads(streamed(Finish(finish))[-1])["done_reason"] == reason
    assert json.loads(renderer().whole(Answer([], finish), 2.0))["done_reason"] == reason


def test_a_malformed_answer_is_an_error() -> None:
    one = renderer()
    one.events([Finish("malformed")], 2.0)
    assert one.end(2.0) == b'{"error":"the model\'s answer was malformed"}\n'
    with pytest.raises(BackendError):
        renderer().whole(Answer([], "malformed"), 2.0)


def test_counts_of_zero_are_left_out() -> None:
    last = json.loads(streamed(UsageUpdate(Usage(0, None, None, 0), Timings(0, None)))[-1])
    assert list(last)[5:] == ["total_duration", "load_duration"]


@pytest.mark.parametrize("impossible", [1 << 63, 1 << 70, -(1 << 70)])
def test_figures_that_no_client_of_ollamas_could_read_are_none(impossible: int) -> None:
    figures = Timings(impossible, impossible)
    told = json.loads(streamed(TextDelta("x"), UsageUpdate(Usage(impossible, 1, 2, impossible, 3), figures))[-1])
    whole = json.loads(
        renderer().whole(Answer([Text("x")], "stop", Usage(impossible, None, None, impossible), figures), 2.0)
    )
    for found in (told, whole):
        assert found["total_duration"] > 0
        for name in ("prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"):
            assert not found.get(name)


def test_a_backend_without_timings_is_timed_from_here() -> None:
    one = renderer()
    one.events([TextDelta("a")], 2.0)
    one.events([UsageUpdate(Usage(1, None, None, 2))], 3.0)
    last = json.loads(one.end(3.5))
    assert (last["prompt_eval_duration"], last["eval_duration"]) == (500_000_000, 1_500_000_000)


def test_durations_are_never_zero() -> None:
    ended = json.loads(OllamaRenderer("chat", RenderContext("m", Clock(), 5.0)).end(5.0))
    assert (ended["total_duration"], ended["load_duration"]) == (1, 1)


def test_an_empty_text_is_no_line() -> None:
    assert len(streamed(TextDelta(""), ReasoningDelta(""))) == 1


def test_a_refusal_is_text() -> None:
    assert json.loads(streamed(RefusalDelta("no"))[0])["message"]["content"] == "no"


def test_a_whole_chat() -> None:
    top = (LogProb("a", -1.0),)
    parts: list[Part] = [Reasoning("hm"), Text("a"), Refusal("b"), ToolCall("c", "f", '{"x":1}')]
    answer = Answer(parts, "tool_calls", USAGE.usage, USAGE.timings, top)
    assert renderer().whole(answer, 2.0).decode() == (
        HEAD + '"message":{"role":"assistant","content":"ab","thinking":"hm","tool_calls":[{"id":"c","function":'
        '{"index":0,"name":"f","arguments":{"x":1}}}]},"done":true,"done_reason":"stop","logprobs":[{"token":"a",'
        '"logprob":-1,"bytes":[97]}],' + METRICS + "}"
    )


def test_a_whole_generate() -> None:
    answer = Answer([Reasoning("hm"), Text("a")], "stop", USAGE.usage, USAGE.timings, (LogProb("a", -1.5),))
    out = renderer("generate").whole(answer, 2.0).decode()
    assert out == (
        HEAD + '"response":"a","thinking":"hm","done":true,"done_reason":"stop",' + METRICS + ',"logprobs":[{"token":'
        '"a","logprob":-1.5,"bytes":[97]}]}'
    )
    carried = json.loads(renderer("generate", turns=[("user", "q")]).whole(answer, 2.0))
    assert unpack(carried["context"]) == [("user", "q"), ("assistant", "a")]


def test_vectors_are_of_length_one() -> None:
    out = renderer("embed").embedded(EmbedAnswer([[3.0, 0.0, 4.0, 0.0]] * 2, 10), 2.0).decode()
    assert out == (
        '{"model":"tiny","embeddings":[[0.6,0,0.8,0],[0.6,0,0.8,0]],"total_duration":1000000000,'
        '"load_duration":500000000,"prompt_eval_count":10}'
    )


@pytest.mark.parametrize(("cut", "vector"), [(1, "[[1]]"), (99, "[[0.6,0,0.8,0]]"), (None, "[[0.6,0,0.8,0]]")])
def test_vectors_are_cut_and_normalised_again(cut: int | None, vector: str) -> None:
    out = renderer("embed", dimensions=cut).embedded(EmbedAnswer([[3.0, 0.0, 4.0, 0.0]]), 2.0).decode()
    assert f'"embeddings":{vector},' in out
    assert "prompt_eval_count" not in out


def test_a_vector_that_is_no_number_is_the_backends_error() -> None:
    for route in ("embed", "embeddings"):
        with pytest.raises(BackendError):
            renderer(route).embedded(EmbedAnswer([[float("nan")]]), 2.0)


def test_the_old_vectors_are_as_the_backend_gave_them() -> None:
    assert renderer("embeddings").embedded(EmbedAnswer([[3.0, 0.0, 0.1]]), 2.0) == (
        b'{"embedding":[3,0,0.10000000149011612]}'
    )


@pytest.mark.parametrize(
    ("route", "written"),
    [
        ("chat", HEAD + '"message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}'),
        ("generate", HEAD + '"response":"","done":true,"done_reason":"load"}'),
        ("embed", '{"model":"tiny","embeddings":[]}'),
        ("embeddings", '{"embedding":[]}'),
    ],
)
def test_a_load_is_answered(route: Route, written: str) -> None:
    assert renderer(route).loaded("load", 2.0).decode() == written
    assert ('"done_reason":"unload"' in renderer(route).loaded("unload", 2.0).decode()) is (
        route in ("chat", "generate")
    )


@pytest.mark.parametrize("route", ["chat", "generate"])
def test_a_keepalive_is_a_line_without_content(route: Route) -> None:
    line = json.loads(renderer(route).keepalive(2.0))
    assert line["done"] is False
    assert (line["message"]["content"] if route == "chat" else line["response"]) == ""


@pytest.mark.parametrize("route", ["chat", "generate"])
@pytest.mark.parametrize("text", ["plain", "ü 😀", 'a\\b"\n'])
def test_the_frame_is_what_a_text_looks_like(route: Route, text: str) -> None:
    one = renderer(route)
    frame = one.frame(TextDelta(text))
    assert frame is not None
    inner = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    stamp = b"2023-11-14T22:13:22Z"
    assert one.events([TextDelta(text)], 2.0) == written(frame, inner, stamp)


def test_a_text_that_is_carried_on_is_kept_by_whoever_writes_it() -> None:
    kept, free = renderer("generate", turns=[]).frame(TextDelta("a")), renderer("generate").frame(TextDelta("a"))
    assert kept is not None and free is not None
    assert (kept.texts, free.texts) == ([], None)


@pytest.mark.parametrize("route", ["chat", "generate"])
def test_the_frames_of_thinking_and_of_arguments_write_what_rendering_writes(route: Route) -> None:
    one = renderer(route)
    thought = one.frame(ReasoningDelta("a"))
    assert thought is not None
    assert one.events([ReasoningDelta("hm")], 2.0) == written(thought, b"hm", b"2023-11-14T22:13:22Z")
    one.events([ToolCallStart(0, "c", "f")], 2.0)
    called = one.frame(ToolCallDelta(0, "{}"))
    assert called is not None and called.texts is not None
    assert written(called, b"{}") == one.events([ToolCallDelta(0, '{"a":')], 2.0) == b""
    called.texts.append("1}")
    assert b'"arguments":{"a":1}' in one.end(3.0)


def test_names_are_written_as_go_does() -> None:
    one = OllamaRenderer("chat", context('a<b"'))
    assert one.events([TextDelta("x")], 2.0).startswith(b'{"model":"a\\u003cb\\"",')


def test_a_stream_that_broke_ends_with_an_error() -> None:
    assert renderer().fault(BackendUnavailable("gone")) == (
        b'{"error":"an error was encountered while running the model: unexpected EOF"}\n'
    )
