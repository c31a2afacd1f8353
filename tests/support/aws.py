"""AWS's own description of Bedrock's runtime, to hold requests and answers against.

`checked` says that a body is one that the service takes: the reference's validator, the limits that it leaves to the
service (lengths, patterns, words), and what its own serializer makes of the same parameters. `read_whole` and
`read_stream` are the reference's readings of an answer."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ollamux.formats.base import Outgoing

__all__ = ("checked", "read_stream", "read_whole")


@cache
def _operation(name: str) -> Any:
    loaders = pytest.importorskip("botocore.loaders")
    model = pytest.importorskip("botocore.model")
    service = loaders.Loader().load_service_model("bedrock-runtime", "service-2")
    return model.ServiceModel(service, "bedrock-runtime").operation_model(name)


def _parameters(shape: Any, value: Any, path: str) -> Any:
    """The JSON value as the reference's parameters: blobs as bytes. Fails where it is beyond a limit."""
    kind = shape.type_name
    if kind == "structure":
        if shape.is_document_type:
            return value
        assert isinstance(value, dict), path
        assert not shape.is_tagged_union or len(value) == 1, f"{path} is one of several, but has {sorted(value)}"
        return {key: _parameters(shape.members[key], inner, f"{path}.{key}") for key, inner in value.items()}
    if kind == "list":
        _within(shape.metadata, len(value), path)
        return [_parameters(shape.member, inner, f"{path}[{at}]") for at, inner in enumerate(value)]
    if kind == "map":
        _within(shape.metadata, len(value), path)
        return {
            _parameters(shape.key, key, path): _parameters(shape.value, inner, f"{path}.{key}")
            for key, inner in value.items()
        }
    if kind == "blob":
        return base64.b64decode(value, validate=True)
    if kind == "string":
        _within(shape.metadata, len(value), path)
        assert not shape.enum or value in shape.enum, f"{path}: {value}"
        pattern = shape.metadata.get("pattern")
        assert pattern is None or re.fullmatch(pattern, value), f"{path}: {value}"
    elif kind in ("integer", "float"):
        _within(shape.metadata, value, path)
    return value


def _within(limits: dict[str, Any], size: float, path: str) -> None:
    assert limits.get("min", size) <= size <= limits.get("max", size), f"{path}: {size}"


def checked(outgoing: Outgoing, model: str, operation: str = "Converse") -> dict[str, Any]:
    """The body, which the service takes as it stands."""
    described = _operation(operation)
    body: dict[str, Any] = json.loads(outgoing.body)
    shape = described.input_shape
    parameters = {key: _parameters(shape.members[key], value, key) for key, value in body.items()}
    parameters["modelId"] = model
    report = pytest.importorskip("botocore.validate").ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
    serializer = pytest.importorskip("botocore.serialize").create_serializer("rest-json", False)
    request = serializer.serialize_to_request(parameters, described)
    assert json.loads(request["body"]) == body
    assert request["url_path"] == outgoing.path
    return body


def read_whole(body: bytes, operation: str = "Converse") -> dict[str, Any]:
    """A whole answer."""
    parser = pytest.importorskip("botocore.parsers").create_parser("rest-json")
    found: dict[str, Any] = parser.parse(
        {"status_code": 200, "headers": {}, "body": body}, _operation(operation).output_shape
    )
    return found


class _Source:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self) -> Iterator[bytes]:
        for at in range(0, len(self._data), 37):
            yield self._data[at : at + 37]


def read_stream(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream. Raises botocore's EventStreamError for an exception in it."""
    stream = pytest.importorskip("botocore.eventstream")
    parser = pytest.importorskip("botocore.parsers").EventStreamJSONParser()
    shape = _operation("ConverseStream").output_shape.members["stream"]
    return list(stream.EventStream(_Source(data), shape, parser, "ConverseStream"))
