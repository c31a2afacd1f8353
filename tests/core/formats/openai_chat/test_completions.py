"""POST /v1/completions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import Completion
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    CompletionRequest,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Message,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, InvalidRequest, NotSupported
from ollamux.formats.base import Dialect, RenderContext, Served
from ollamux.formats.openai_chat import CALLING, SERVING
from ollamux.formats.openai_chat.completions import (
    CompletionsIncoming,
    CompletionsRenderer,
    chat_of,
    read_completion,
)

SERVED = Served("m", "m", frozenset())
ROUTE = next(route for route in SERVING.routes if route.name == "completion")
NO_COMPLETIONS = Dialect(completions=False)


def read(**fields: Any) -> CompletionsIncoming:
    return read_completion(json.dumps({"model": "m", "prompt": "Once", **fields}).encode())


def neutral(**fields: Any) -> CompletionRequest:
    return read(**fields).neutral(SERVED, {"temperature": 0.7})


def context() -> RenderContext:
    clock = Clock()
    clock.set(1_700_000_000.0, 0, 0.0)
    return RenderContext("m", clock, 1.0)


def chunks(out: bytes) -> list[Any]:
    *events, end, rest = out.split(b"\n\n")
    assert (end, rest) == (b"data: [DONE]", b"")
    return [json.loads(event.removeprefix(b"data: ")) for event in events]


# The request.


def test_a_request_says_what_a_completion_needs() -> None:
    found = read(stream=True, stream_options={"include_usage": True})
    assert (found.model, found.stream, found.operation, found.include_usage) == ("m", True, "completion", True)
    assert found.path == "/completions"


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_prompt_is_a_text_or_a_list_of_one(prompt: Any) -> None:
    request = neutral(prompt=prompt, suffix="end", max_tokens=3, stop="x", logprobs=2, top_p=0)
    assert (request.prompt, request.suffix) == ("Once", "end")
    assert (request.logprobs, request.top_logprobs) == (True, 2)
    sampling = request.sampling
    assert (sampling.max_tokens, sampling.stop, sampling.top_p, sampling.temperature) == (3, ("x",), 0, 0.7)
    assert neutral().logprobs is False and neutral(logprobs=0).logprobs is True


@pytest.mark.parametrize("count", [0, 1])
def test_the_best_of_none_or_of_one_is_the_one_there_is(count: int) -> None:
    assert neutral(best_of=count) == neutral()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": None}, "prompt"), ({"prompt": 5}, "prompt"), ({"prompt": []}, "prompt"),
        ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"), ({"prompt": [[1], [2]]}, "prompt"),
        ({"n": 17}, "n"), ({"n": 0}, "n"), ({"best_of": 3}, "best_of"), ({"n": 2, "best_of": 3}, "best_of"),
    ],
)  # fmt: skip
def test_what_only_the_models_own_server_could_do_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(**fields)
    assert caught.value.param == param and caught.value.status == 400


def test_a_chat_in_place_of_a_completion_gives_one_choice() -> None:
    with pytest.raises(InvalidRequest):
        CALLING.passthrough(read(n=2), "up", {}, Dialect(completions=False))


def test_tokens_and_many_prompts_pass_to_such_a_server() -> None:
    for prompt in ([1, 2], [[1], [2]], ["a", "b"]):
        out = CALLING.passthrough(read(prompt=prompt, n=2), "up", {}, Dialect())
        assert out.path == "/completions"
        assert json.loads(out.body) == {"model": "up", "prompt": prompt, "n": 2}


def test_a_model_without_completions_refuses() -> None:
    with pytest.raises(InvalidRequest):
        read().check(Served("m", "m", frozenset({"embedding"})))
    read().check(Served("m", "m", frozenset({"completion"})))
    read().check(SERVED)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(max_tokens="many").neutral(SERVED, {})
    with pytest.raises(InvalidRequest):
        read_completion(b'{"prompt":"x"}')


# A backend without completions.


def test_a_backend_without_completions_is_asked_for_a_chat() -> None:
    chat = chat_of(neutral(max_tokens=3, stream=True))
    assert chat.messages == [Message("user", [Text("Once")])] and chat.stream and chat.sampling.max_tokens == 3
    incoming = read(max_tokens=3)
    out = CALLING.passthrough(incoming, "up", {"top_p": 0.5}, NO_COMPLETIONS)
    assert out.path == "/chat/completions" and incoming.as_chat
    assert json.loads(out.body) == {
        "model": "up", "messages": [{"role": "user", "content": "Once"}], "max_tokens": 3, "top_p": 0.5,
    }  # fmt: skip
    assert CALLING.build(neutral(), "up", NO_COMPLETIONS).path == "/chat/completions"
    CALLING.passthrough(incoming, "up", {}, Dialect())
    assert not incoming.as_chat  # another backend may have them


def test_the_middle_of_a_text_cannot_be_filled_by_a_chat() -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat_of(neutral(suffix="x"))
    assert caught.value.param == "suffix"


def test_the_answer_of_a_chat_becomes_a_completion_whole_and_streamed() -> None:
    incoming = read(echo=True)
    CALLING.passthrough(incoming, "up", {}, NO_COMPLETIONS)
    message = {"role": "assistant", "content": " upon"}
    whole = {"id": "chatcmpl-1", "choices": [{"message": message, "finish_reason": "length"}], "created": 5}
    found = json.loads(SERVING.relay_whole(incoming, "up", json.dumps(whole).encode(), 0.0))
    assert (found["id"], found["object"], found["model"], found["created"]) == ("cmpl-1", "text_completion", "m", 5)
    assert found["choices"] == [{"index": 0, "text": "Once upon", "logprobs": None, "finish_reason": "length"}]

    CALLING.passthrough(incoming, "up", {}, NO_COMPLETIONS)
    relay = SERVING.relay(incoming, context(), "up")
    out = relay.feed(b'data: {"choices":[{"delta":{"content":" upon"}}]}\n\ndata: [DONE]\n\n', 1.0) + relay.close(1.0)
    first, last = chunks(out)
    assert first["choices"][0]["text"] == "Once upon" and last["choices"][0]["finish_reason"] == "stop"


# The answer.


def streamed(*events: Event, **more: Any) -> list[Any]:
    one = CompletionsRenderer(context(), **more)
    return chunks(one.events(list(events), 2.0) + one.end(2.0))


def test_a_stream_is_text_with_its_finish_and_usage_behind_it() -> None:
    events = (Start("x", "up", 5), TextDelta("a"), RefusalDelta("b"), UsageUpdate(Usage(3, None, None, 2)),
              Finish("length"))  # fmt: skip
    first, second, finish, usage = streamed(*events, include_usage=True)
    assert first == {
        "id": "cmpl-3b9aca00", "object": "text_completion", "created": 5, "model": "m",
        "choices": [{"index": 0, "text": "a", "logprobs": None, "finish_reason": None}],
    }  # fmt: skip
    assert second["choices"][0]["text"] == "b"
    assert finish["choices"] == [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}]
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 5)
    assert len(streamed(*events)) == 3


def test_an_echo_repeats_the_prompt_even_where_nothing_follows() -> None:
    assert streamed(TextDelta(" upon"), TextDelta("!"), echo="Once")[0]["choices"][0]["text"] == "Once upon"
    assert streamed(echo="Once")[0]["choices"][0]["text"] == "Once"
    one = CompletionsRenderer(context(), echo="Once")
    one.events([Start()], 1.0)
    assert one.frame(TextDelta("a")) is None


def test_log_probabilities_are_in_parallel_lists() -> None:
    tokens = (LogProb("ab", -0.5, None, (LogProb("ab", -0.5), LogProb("x", -2.0))), LogProb("c", -1.0))
    expected = {
        "tokens": ["ab", "c"],
        "token_logprobs": [-0.5, -1.0],
        "top_logprobs": [{"ab": -0.5, "x": -2.0}, {}],
        "text_offset": [0, 2],
    }
    assert streamed(TextDelta("abc", tokens))[0]["choices"][0]["logprobs"] == expected
    whole = json.loads(CompletionsRenderer(context()).whole(Answer([Text("abc")], logprobs=tokens), 2.0))
    assert whole["choices"][0]["logprobs"] == expected


@pytest.mark.parametrize("text", ["plain", "ü 😀", "\n\t"])
def test_the_frame_is_what_a_text_looks_like(text: str) -> None:
    one = CompletionsRenderer(context())
    assert one.frame(TextDelta("a")) is None
    one.events([TextDelta("a")], 2.0)
    frame = one.frame(TextDelta("a"))
    assert frame is not None
    inner = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    assert one.events([TextDelta(text)], 3.0) == written(frame, inner)


@pytest.mark.parametrize(("finish", "word"), [("stop", "stop"), ("context_exceeded", "length"), (None, "stop")])
def test_a_whole_answer_is_what_the_client_wants(finish: FinishReason | None, word: str) -> None:
    made = CompletionsRenderer(context(), echo="Once").whole(Answer([Text(" a"), Refusal("b")], finish), 2.0)
    found = Completion.model_validate_json(made, strict=True)
    assert (found.choices[0].text, found.choices[0].finish_reason) == ("Once ab", word)
    assert found.usage is not None and found.usage.total_tokens == 0


def test_a_malformed_answer_is_an_error() -> None:
    one = CompletionsRenderer(context())
    one.events([Finish("malformed")], 2.0)
    assert one.end(2.0) == one.fault(BackendError("the model's answer was malformed", status=502))
    with pytest.raises(BackendError):
        one.whole(Answer([], "malformed"), 2.0)


def test_the_rest_of_a_renderer() -> None:
    one = SERVING.renderer(SERVING.read(ROUTE, b'{"model":"m","prompt":"x"}', {}), context())
    assert one.keepalive(1.0) == b": keepalive\n\n"
    assert json.loads(one.loaded("load", 1.0))["choices"][0]["text"] == ""
    with pytest.raises(NotSupported):
        one.embedded(EmbedAnswer([]), 1.0)
    with pytest.raises(NotSupported):
        one.counted(1, 1.0)
