"""What holds for every wire format that is discovered.

`tests/data/formats` has a sample for each: the route of a chat (`argument` and `query` where its path holds the model),
a streamed chat with the model `m` and the text `hi`, a whole `answer` of a backend that calls the model `up`, what the
client gets of it (`answered`) and, where the format has statuses of its own, `statuses`."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Finish,
    Start,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendTimeout, Busy, InvalidRequest, ModelNotFound, OllamuxError, RequestError, Unauthorized
from ollamux.formats import calling, callings, servings
from ollamux.formats.base import Calling, Dialect, Incoming, Place, RenderContext, Served, Serving

EVERY = servings()
CALLED = callings()
SAMPLES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in (Path(__file__).parents[2] / "data/formats").glob("*.json")
}
SERVED = Served(asked="m", display="m", capabilities=frozenset({"completion", "tools"}))


def named(side: Serving | Calling) -> str:
    return side.name


def chat(name: str) -> bytes:
    return json.dumps(SAMPLES[name]["body"]).encode()


def place_of(name: str) -> Place:
    return Place(SAMPLES[name].get("argument", ""), SAMPLES[name].get("query", ""))


def read(serving: Serving) -> Incoming:
    sample = SAMPLES[serving.name]
    route = next(route for route in serving.routes if route.name == sample["route"])
    return serving.read(route, chat(serving.name), {}, place_of(serving.name))


def context() -> RenderContext:
    return RenderContext("m", Clock(), 0.0)


def test_names_and_routes_are_there_once() -> None:
    names = [serving.name for serving in EVERY]
    assert len(set(names)) == len(names) and {"ollama", "openai_chat"} <= set(names)
    routes = [(route.method, route.path) for serving in EVERY for route in serving.routes]
    assert len(set(routes)) == len(routes)
    for serving in EVERY:
        assert len({route.name for route in serving.routes}) == len(serving.routes)


def test_a_format_that_nobody_can_be_called_in_is_an_error() -> None:
    with pytest.raises(KeyError):
        calling("morse")


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_a_request_is_read_with_all_that_an_exchange_asks_of_it(serving: Serving) -> None:
    incoming = read(serving)
    assert (incoming.model, incoming.stream, incoming.operation, incoming.body) == (
        "m",
        True,
        "chat",
        chat(serving.name),
    )
    assert (
        incoming.grammar_error is None and incoming.warnings == () and "completion" in {*incoming.needs, "completion"}
    )
    assert incoming.not_found().status == 404
    incoming.check(SERVED)
    neutral = incoming.neutral(SERVED, {"temperature": 0.5})
    assert neutral.model == "m" and neutral.sampling.temperature == 0.5


@pytest.mark.parametrize("serving", EVERY, ids=named)
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"{}", b'{"model":""}', b'{"model":5}'])
def test_what_is_no_request_is_the_clients_fault(serving: Serving, body: bytes) -> None:
    for route in serving.routes:
        with pytest.raises(RequestError) as caught:
            serving.read(route, body, {}, place_of(serving.name))
        assert caught.value.status in (400, 404)


@pytest.mark.parametrize("serving", EVERY, ids=named)
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("bad"),
        Unauthorized("bad"),
        ModelNotFound("bad"),
        Busy("bad", retry_after=2.5),
        BackendTimeout("bad"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_a_json_body_with_its_status_and_says_once_when_to_come_back(
    serving: Serving, error: OllamuxError, streaming: bool
) -> None:
    status, headers, body = serving.failure(error, streaming=streaming)
    told = SAMPLES[serving.name].get("statuses", {}).get(str(error.status), error.status)
    assert status == told and "bad" in str(json.loads(body))
    kinds = [value for name, value in headers if name == "Content-Type"]
    assert len(kinds) == 1 and kinds[0].startswith("application/json")
    assert [value for name, value in headers if name == "Retry-After"] == (["3"] if error.retry_after else [])


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_a_stream_is_rendered_from_its_start_to_its_end(serving: Serving) -> None:
    renderer = serving.renderer(read(serving), context())
    out = renderer.events([Start(id="x")], 1.0)
    out += renderer.events([TextDelta("hel"), TextDelta("lo")], 1.0)
    out += renderer.events([ToolCallStart(0, "c", "f"), ToolCallDelta(0, "{}")], 2.0)
    out += renderer.events([UsageUpdate(Usage(input_uncached=1, output_text=2)), Finish("stop")], 2.0)
    out += renderer.end(3.0)
    assert out.find(b"hel") < out.find(b'"lo"') and out.endswith(b"\n")


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_a_frame_of_text_makes_the_bytes_that_rendering_makes(serving: Serving) -> None:
    renderer = serving.renderer(read(serving), context())
    renderer.events([Start(), TextDelta("first")], 1.0)
    frame = renderer.frame(TextDelta("again"))
    if frame is not None:
        framed = written(frame, b"again", Clock().stamp(1.0).encode())
        assert renderer.events([TextDelta("again")], 1.0) == framed


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_a_sign_of_life_and_a_fault_are_whole_pieces_of_a_stream(serving: Serving) -> None:
    renderer = serving.renderer(read(serving), context())
    assert renderer.keepalive(1.0).endswith(b"\n") and b"bad" not in renderer.keepalive(1.0)
    told = renderer.fault(BackendTimeout("bad"))
    assert b"bad" in told and told.endswith(b"\n")


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_a_whole_answer_is_one_json_value(serving: Serving) -> None:
    answer = Answer([Text("hello")], finish="stop", usage=Usage(input_uncached=1, output_text=2))
    assert "hello" in str(json.loads(serving.renderer(read(serving), context()).whole(answer, 1.0)))


@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_answers_that_pass_through_keep_all_but_the_name(serving: Serving) -> None:
    incoming = read(serving)
    sample = SAMPLES[serving.name]
    assert serving.relay_whole(incoming, "up", sample["answer"].encode(), 0.0) == sample["answered"].encode()
    with pytest.raises(OllamuxError):
        serving.relay_whole(incoming, "up", b"<html>", 0.0)
    relay = serving.relay(incoming, context(), "up")
    assert relay.complete is False and relay.fault is None


@pytest.mark.parametrize("called", CALLED, ids=named)
@pytest.mark.parametrize("serving", EVERY, ids=named)
def test_every_request_can_be_built_for_every_format(serving: Serving, called: Calling) -> None:
    neutral = read(serving).neutral(SERVED, {})
    outgoing = called.build(neutral, "up", Dialect())
    assert outgoing.path.startswith("/") and (json.loads(outgoing.body).get("model") == "up" or "/up" in outgoing.path)
    assert called.reader(neutral, Dialect()).complete is False


@pytest.mark.parametrize("called", CALLED, ids=named)
def test_a_request_in_its_own_format_passes_with_the_backends_name(called: Calling) -> None:
    serving = next((serving for serving in EVERY if serving.name == called.name), None)
    if serving is None:
        return  # nobody can speak it to us
    asked = chat(called.name)
    assert called.passthrough(read(serving), "m", {}, Dialect()).body == asked
    outgoing = called.passthrough(read(serving), "up", {}, Dialect())
    assert outgoing.body == asked.replace(b'"m"', b'"up"') or (outgoing.body == asked and "/up" in outgoing.path)


@pytest.mark.parametrize("called", CALLED, ids=named)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"error":', b"\xff", b'{"error":{"message":"no"}}', b'{"error":"no"}']
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_every_status_of_a_backend_is_an_error_and_its_refusal_of_us_is_a_bad_gateway(
    called: Calling, body: bytes, status: int
) -> None:
    error = called.failure(status, {"retry-after": "4"}, body)
    assert error.status == (502 if status in (401, 403) else status) and error.message


@pytest.mark.parametrize("called", CALLED, ids=named)
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"a":', b"\xff"])
def test_a_whole_answer_that_is_none_is_an_error(called: Calling, body: bytes) -> None:
    neutral = read(EVERY[0]).neutral(SERVED, {})
    with pytest.raises(OllamuxError):
        called.whole(neutral, body, Dialect())


def test_a_side_is_found_by_its_formats_name_alone() -> None:
    assert [calling(side.name) for side in callings()] == list(callings())
    with pytest.raises(KeyError):
        calling("esperanto")


def test_a_format_has_no_side_but_its_own() -> None:
    with pytest.raises(AttributeError, match="SERVING"):
        _ = import_module("ollamux.formats.bedrock").SERVING
