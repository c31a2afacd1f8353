"""A server that plays AWS Bedrock: signed calls by Converse, event streams, lists from the control plane."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.aws import checked
from tests.support.dialogues import ALL, OLLAMA, OPENAI, Dialect, backends, says
from tests.support.event_streams import event, exception
from tests.support.running import Running, running
from tests.support.scripted import Asked, Backend, Script, Wire, backend, chunk, stream_head

from ollamux.formats.base import Outgoing

KEY, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/EXAMPLEKEY", "session/token=="
SONNET = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
TITAN = "amazon.titan-embed-text-v2:0"
EVENTS = "application/vnd.amazon.eventstream"
LISTS = Path(__file__).parents[1] / "data/providers"
BEGUN = event("messageStart", role="assistant") + event("contentBlockDelta", contentBlockIndex=0, delta={"text": "Hel"})
USAGE = {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}
STREAM = (
    BEGUN
    + event("contentBlockDelta", contentBlockIndex=0, delta={"text": "lo \u00e4"})
    + event("contentBlockStop", contentBlockIndex=0)
    + event("messageStop", stopReason="end_turn")
    + event("metadata", usage=USAGE, metrics={"latencyMs": 9})
)


def lists(asked: Asked, wire: Wire) -> bool:
    """The control plane's answers."""
    path = asked.path.partition("?")[0]
    name = {"/foundation-models": "models", "/inference-profiles": "profiles"}.get(path)
    if name is not None:
        wire.answer(200, (LISTS / f"aws_bedrock_{name}.json").read_bytes())
    return name is not None


def plays(stream: bytes = STREAM, content: list[dict[str, Any]] | None = None, reason: str = "end_turn") -> Script:
    """Answers with this stream, its bytes cut small, or with this content."""

    def script(asked: Asked, wire: Wire) -> None:
        if lists(asked, wire):
            return
        if asked.path.endswith("/converse-stream"):
            pieces = (stream[at : at + 37] for at in range(0, len(stream), 37))
            wire.send(stream_head(EVENTS) + b"".join(map(chunk, pieces)) + chunk(b""))
        else:
            message = {"role": "assistant", "content": content or [{"text": "Hello \u00e4"}]}
            answer = {"output": {"message": message}, "stopReason": reason, "usage": USAGE, "metrics": {"latencyMs": 9}}
            wire.answer(200, answer)

    return script


def bedrock(found: Backend, **keys: Any) -> list[dict[str, Any]]:
    signed = {"access_key": KEY, "secret_key": SECRET, "session_token": TOKEN, "region": "eu-central-1"}
    return [{"id": "aws", "type": "aws_bedrock", "endpoint": found.url} | (keys or signed)]


def chat(server: Running, dialect: Dialect, **more: Any) -> Any:
    body = dialect.body(SONNET) | more
    return server.ask("POST", dialect.path, body)


def checked_call(asked: Asked) -> dict[str, Any]:
    """The body of a call, which the service takes."""
    operation = "ConverseStream" if asked.path.endswith("-stream") else "Converse"
    return checked(Outgoing(asked.path, asked.body), SONNET, operation)


def signature_of(asked: Asked, found: Backend) -> str:
    """What the reference signs this request with."""
    auth: Any = pytest.importorskip("botocore.auth")
    request = pytest.importorskip("botocore.awsrequest").AWSRequest(
        asked.method, found.url + asked.path, data=asked.body
    )
    names = re.search("SignedHeaders=([^,]*)", asked.headers["authorization"])
    assert names is not None and {"host", "x-amz-date", "x-amz-security-token"} <= set(names[1].split(";"))
    for name in names[1].split(";"):
        if not name.startswith("x-amz-"):
            request.headers[name] = asked.headers[name]
    credentials = pytest.importorskip("botocore.credentials").Credentials(KEY, SECRET, TOKEN)
    then = datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(auth, "get_current_datetime", lambda *_: then)
        auth.SigV4Auth(credentials, "bedrock", "eu-central-1").add_auth(request)
    return str(request.headers["Authorization"])


def test_a_chat_is_answered_in_every_clients_format_and_every_call_is_signed() -> None:
    with backend(plays()) as only, running({"backends": bedrock(only)}) as server:
        for dialect in ALL:
            assert dialect.text(chat(server, dialect)) == "Hello \u00e4"
        for asked in only.asked:
            assert asked.headers["authorization"] == signature_of(asked, only)
            then = datetime.strptime(asked.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            assert abs((datetime.now(UTC) - then).total_seconds()) < 120
        assert {asked.path.partition("?")[0] for asked in only.asked if asked.method == "GET"} == {
            "/foundation-models",
            "/inference-profiles",
        }
        for asked in only.calls:
            checked_call(asked)


def test_usage_that_comes_behind_the_end_is_told() -> None:
    with backend(plays()) as only, running({"backends": bedrock(only)}) as server:
        last = chat(server, OLLAMA).lines[-1]
        assert (last["done"], last["prompt_eval_count"], last["eval_count"]) == (True, 3, 2)
        told = chat(server, OPENAI, stream_options={"include_usage": True}).body
        assert b'"prompt_tokens":3' in told and told.endswith(b"data: [DONE]\n\n")


def test_a_bearer_token_takes_the_place_of_a_signature() -> None:
    with backend(plays()) as only, running({"backends": bedrock(only, api_key="bedrock-key")}) as server:
        assert OLLAMA.text(chat(server, OLLAMA)) == "Hello \u00e4"
        assert {asked.headers["authorization"] for asked in only.asked} == {"Bearer bedrock-key"}
        assert not any("x-amz-date" in asked.headers for asked in only.asked)


def test_what_the_region_has_is_listed() -> None:
    with backend(plays()) as only, running({"backends": bedrock(only)}) as server:
        names = [model["name"] for model in server.ask("GET", "/api/tags").json["models"]]
        assert {SONNET, TITAN, "team-sonnet:latest"} <= {*names, *(f"{name}:latest" for name in names)}
        shown = server.ask("POST", "/api/show", {"model": SONNET}).json
        assert set(shown["capabilities"]) == {"completion", "tools", "vision", "thinking"}
        assert chat(server, OLLAMA, model="team-sonnet").status == 200
        arn = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2c3d4e5f6"
        assert only.calls[-1].path == f"/model/{arn}/converse-stream"


TOOLS = [{"type": "function", "function": {"name": "weather.now", "parameters": {"type": "object", "properties": {}}}}]


@pytest.mark.parametrize("stream", [True, False])
def test_a_tool_is_called_and_answered_under_the_clients_names(stream: bool) -> None:
    seen: list[str] = []

    def script(asked: Asked, wire: Wire) -> None:
        if lists(asked, wire):
            return
        (tool,) = asked.json["toolConfig"]["tools"]
        name = tool["toolSpec"]["name"]
        seen.append(name)
        use = {"toolUseId": "tooluse_1", "name": name}
        pieces = event("contentBlockStart", contentBlockIndex=0, start={"toolUse": use})
        for piece in ("", '{"city":', '"Graz"}'):
            pieces += event("contentBlockDelta", contentBlockIndex=0, delta={"toolUse": {"input": piece}})
        pieces += event("contentBlockStop", contentBlockIndex=0) + event("messageStop", stopReason="tool_use")
        plays(pieces, [{"toolUse": use | {"input": {"city": "Graz"}}}], "tool_use")(asked, wire)

    with backend(script) as only, running({"backends": bedrock(only)}) as server:
        answer = chat(server, OPENAI._replace(stream=stream), tools=TOOLS)
        if stream:
            choices = [
                json.loads(line[6:])["choices"] for line in answer.body.split(b"\n\n") if line.startswith(b"data: {")
            ]
            deltas = [call for choice in choices if choice for call in choice[0]["delta"].get("tool_calls") or ()]
            arguments = "".join(call["function"].get("arguments") or "" for call in deltas)
            call = {"id": deltas[0]["id"], "function": {"name": deltas[0]["function"]["name"], "arguments": arguments}}
            assert [choice[0]["finish_reason"] for choice in choices if choice][-1] == "tool_calls"
        else:
            (call,) = answer.json["choices"][0]["message"]["tool_calls"]
            assert answer.json["choices"][0]["finish_reason"] == "tool_calls"
        assert (call["id"], call["function"]["name"]) == ("tooluse_1", "weather.now")
        assert json.loads(call["function"]["arguments"]) == {"city": "Graz"}
        history = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "tool_calls": [{"type": "function", **call}]},
            {"role": "tool", "tool_call_id": call["id"], "content": "sunny"},
        ]
        chat(server, OPENAI._replace(stream=stream), messages=history)
        body = checked_call(only.calls[-1])
        assert body["messages"][2]["content"][0]["toolResult"]["content"] == [{"text": "sunny"}]
        assert seen[0] == seen[1] != "weather.now"


def test_thoughts_go_through_a_client_that_keeps_nothing_and_come_back_as_they_were() -> None:
    sealed = {"reasoningContent": {"redactedContent": "c2VhbGVk"}}
    signed = {"reasoningContent": {"reasoningText": {"text": "", "signature": "sig+/=="}}}
    use = {"toolUse": {"toolUseId": "tooluse_1", "name": "f", "input": {}}}
    script = plays(content=[signed, sealed, use], reason="tool_use")
    with backend(script) as only, running({"backends": bedrock(only)}) as server:
        tools = [{"name": "f", "input_schema": {"type": "object"}}]
        body: dict[str, Any] = {"model": SONNET, "max_tokens": 9000, "tools": tools, "messages": []}
        body["messages"].append({"role": "user", "content": "hi"})
        body["thinking"] = {"type": "enabled", "budget_tokens": 2000}
        answer = server.ask("POST", "/v1/messages", body).json
        assert [block["type"] for block in answer["content"]] == ["thinking", "redacted_thinking", "tool_use"]
        assert answer["stop_reason"] == "tool_use"
        body["messages"].append({"role": "assistant", "content": answer["content"]})
        result = {"type": "tool_result", "tool_use_id": "tooluse_1", "content": "1"}
        body["messages"].append({"role": "user", "content": [result]})
        server.ask("POST", "/v1/messages", body)
        sent = checked_call(only.calls[-1])
        assert sent["messages"][1]["content"] == [signed, sealed, use]
        assert sent["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}


DAMAGED = bytearray(STREAM[len(BEGUN) :])
DAMAGED[20] ^= 1


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI])
@pytest.mark.parametrize(
    ("rest", "told"),
    [
        (exception("modelStreamErrorException", message="it broke", originalMessage="oom"), "it broke (oom)"),
        (bytes(DAMAGED), "damaged event stream"),
        (STREAM[len(BEGUN) :][:40], "unexpected EOF"),
    ],
)
def test_a_stream_that_broke_is_told_as_broken(dialect: Dialect, rest: bytes, told: str) -> None:
    with backend(plays(BEGUN + rest)) as only, running({"backends": bedrock(only)}) as server:
        answer = chat(server, dialect)
        assert answer.status == 200 and b"Hel" in answer.body
        assert told in dialect.fault(answer.body)


@pytest.mark.parametrize("dialect", ALL)
def test_another_backend_takes_over_where_this_one_is_throttled(dialect: Dialect) -> None:
    def throttled(asked: Asked, wire: Wire) -> None:
        if not lists(asked, wire):
            kind = "x-amzn-ErrorType: ThrottlingException:http://internal.amazon.com/coral/"
            wire.answer(429, {"message": "Too many requests"}, "application/json", kind)

    with backend(throttled) as one, backend(says("Hi"), SONNET) as two:
        settings = {"backends": [*bedrock(one), *backends(two, priority=1)], "retry": {"on": [429]}}
        with running(settings) as server:
            assert dialect.text(chat(server, dialect)) == "Hi"
    with backend(throttled) as one, running({"backends": bedrock(one)}) as server:
        answer = chat(server, dialect)
        assert answer.status == 429 and dialect.error(answer) == "Too many requests"


def test_what_is_said_of_our_credentials_does_not_reach_the_client() -> None:
    def refused(asked: Asked, wire: Wire) -> None:
        if not lists(asked, wire):
            kind = "x-amzn-ErrorType: AccessDeniedException"
            wire.answer(403, {"message": f"arn:aws:iam::1:user/{KEY} may not"}, "application/json", kind)

    with backend(refused) as only, running({"backends": bedrock(only)}) as server:
        answer = chat(server, OPENAI)
        assert answer.status == 502 and KEY.encode() not in answer.body and b"credentials" in answer.body


def test_a_text_becomes_a_vector() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        if not lists(asked, wire):
            wire.answer(200, {"embedding": [0.6, 0.8], "inputTextTokenCount": 4})

    with backend(script) as only, running({"backends": bedrock(only)}) as server:
        answer = server.ask("POST", "/api/embed", {"model": TITAN, "input": "hi"}).json
        assert answer["embeddings"] == [[0.6, 0.8]] and answer["prompt_eval_count"] == 4
        assert only.calls[0].path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
        assert only.calls[0].headers["authorization"] == signature_of(only.calls[0], only)
        answer = server.ask("POST", "/api/embed", {"model": TITAN, "input": ["a", "b"]}).json
        assert answer["embeddings"] == [[0.6, 0.8]] * 2 and answer["prompt_eval_count"] == 8
        assert [call.json["inputText"] for call in only.calls[-2:]] == ["a", "b"]


def test_a_model_that_the_configuration_names_is_called_though_nobody_may_ask_what_there_is() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        if asked.method == "GET":
            wire.answer(403, {"message": "no"}, "application/json", "x-amzn-ErrorType: AccessDeniedException")
        else:
            plays()(asked, wire)

    with backend(script) as only:
        (settings,) = bedrock(only)
        with running({"backends": [settings | {"models": [SONNET]}]}) as server:
            assert OLLAMA.text(chat(server, OLLAMA)) == "Hello \u00e4"
            assert server.ask("GET", "/readyz").status == 200
