"""A Gemini client's own request for a Gemini backend."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing, Place
from ollamux.formats.gemini.incoming import read_route
from ollamux.formats.gemini.passthrough import pass_on

HI = '"contents":[{"parts":[{"text":"options"}]}]'


def passed(
    body: str,
    method: str = "generateContent",
    upstream: str = "m",
    query: str = "",
    dialect: Dialect | None = None,
    **defaults: Any,
) -> Outgoing:
    incoming = read_route(method, body.encode(), Place("m", query))
    return pass_on(incoming, upstream, defaults, dialect or Dialect())


def test_bytes_pass_and_the_path_has_the_backends_name() -> None:
    body = '{ "safety_settings" : [], "unknown":1.50, ' + HI + ' , "generation_config":{"topK": 3.0}}'
    outgoing = passed(body, upstream="tunedModels/up")
    assert (outgoing.path, outgoing.body, outgoing.warnings) == (
        "/tunedModels/up:generateContent",
        body.encode(),
        (),
    )


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("alt=sse&key=secret", "/models/m:streamGenerateContent?alt=sse"),
        ("key=secret", "/models/m:streamGenerateContent"),
    ],
)
def test_a_stream_is_asked_for_in_the_clients_frames_and_the_querys_key_stays_here(query: str, path: str) -> None:
    assert passed("{" + HI + "}", "streamGenerateContent", query=query).path == path


def test_configured_options_are_weaker_than_the_clients_in_either_spelling() -> None:
    body = "{" + HI + ',"generation_config":{"top_k": 3, "odd":1.50}}'
    outgoing = passed(body, top_k=9, temperature=0.5, num_predict=7, num_gpu=1, keep_alive=60.0)
    found = json.loads(outgoing.body)
    assert found["generation_config"] == {"top_k": 3, "odd": 1.5, "temperature": 0.5, "maxOutputTokens": 7}
    assert "generationConfig" not in found and b'"odd":1.50' in outgoing.body
    assert json.loads(passed("{" + HI + "}", temperature=0.5).body)["generationConfig"] == {"temperature": 0.5}


def test_fields_of_ours_become_geminis_or_are_removed_with_a_warning() -> None:
    ours = '"options":{"temperature":0.9,"min_p":0.1},"num_ctx":512,"keep_alive":"5m","think":"low"'
    outgoing = passed(
        "{" + HI + "," + ours + ',"generationConfig":{"temperature":0.1,"topK":3}}', upstream="gemini-3-x"
    )
    found = json.loads(outgoing.body)
    assert set(found) == {"contents", "generationConfig"}
    assert found["generationConfig"] == {
        "temperature": 0.9,
        "topK": 3,
        "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "LOW"},
    }
    assert outgoing.warnings == (
        "the backend does not take these options: min_p, num_ctx",
        "the backend does not take keep_alive",
    )


def test_what_a_user_says_is_none_of_our_fields() -> None:
    body = '{"contents":[{"parts":[{"functionCall":{"name":"f","args":{"options":{"think":1}}}}]}]}'
    outgoing = passed(body)
    assert outgoing.body == body.encode() and outgoing.warnings == ()


def test_fields_of_ours_that_make_no_sense_are_refused() -> None:
    for ours in ('"options":7', '"think":"hard"', '"keep_alive":"soon"'):
        with pytest.raises(InvalidRequest):
            passed("{" + HI + "," + ours + "}")


def test_a_dialect_adds_what_the_client_did_not_say() -> None:
    dialect = Dialect(extra={"safetySettings": [1], "labels": {}})
    found = json.loads(passed("{" + HI + ',"safety_settings":[]}', dialect=dialect).body)
    assert found["safety_settings"] == [] and found["labels"] == {} and "safetySettings" not in found


@pytest.mark.parametrize(
    ("method", "body", "renamed"),
    [
        (
            "batchEmbedContents",
            '{"requests":[{"model":"models/m","content":{"x":1.50}},{"content":{}} ]}',
            '{"requests":[{"model":"models/up","content":{"x":1.50}},{"content":{}}]}',
        ),
        ("embedContent", '{"content":{"x":1},"model": "models/m"}', '{"content":{"x":1},"model": "models/up"}'),
        (
            "countTokens",
            '{"generate_content_request":{"model":"models/m","contents":[{}]}}',
            '{"generate_content_request":{"model":"models/up","contents":[{}]}}',
        ),
        ("countTokens", '{"contents":[{}]}', '{"contents":[{}]}'),
    ],
)
def test_a_name_inside_the_body_is_the_backends(method: str, body: str, renamed: str) -> None:
    outgoing = passed(body, method, "up")
    assert (outgoing.path, outgoing.body) == (f"/models/up:{method}", renamed.encode())
    assert passed(body, method).body == body.encode()


def test_configured_options_are_no_matter_of_embeddings_and_counts() -> None:
    body = '{"content":{"parts":[{"text":"a"}]}}'
    assert passed(body, "embedContent", temperature=0.5).body == body.encode()
    with_ours = '{"content":{"parts":[{"text":"a"}]},"options":{"num_ctx":5}}'
    assert json.loads(passed(with_ours, "embedContent").body) == json.loads(body)
