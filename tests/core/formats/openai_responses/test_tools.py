"""Tools and the choice among them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollamux.conversation import ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_responses.schema import ToolIn
from ollamux.formats.openai_responses.tools import Known, Toolbox, free_text, wrapped


def toolbox(*tools: dict[str, Any]) -> Toolbox:
    return Toolbox(msgspec.convert([msgspec.json.decode(msgspec.json.encode(tool)) for tool in tools], list[ToolIn]))


def function(name: str, **more: Any) -> dict[str, Any]:
    return {"type": "function", "name": name, **more}


PATCH = {"type": "custom", "name": "patch", "description": "edit", "format": {"type": "text"}}
SPACE = {"type": "namespace", "name": "fs", "description": "files", "tools": [function("read"), PATCH]}


def test_a_function_keeps_its_schema_to_the_byte() -> None:
    body = b'[{"type":"function","name":"f","description":"d","parameters":{ "b":1.50, "a":2 },"strict":true}]'
    (tool,) = Toolbox(msgspec.json.decode(body, type=list[ToolIn])).tools
    assert (tool.name, tool.description, tool.strict) == ("f", "d", True)
    assert bytes(tool.parameters or b"") == b'{ "b":1.50, "a":2 }'


def test_a_function_without_a_schema_has_none() -> None:
    box = Toolbox(
        msgspec.json.decode(b'[{"name":"f","parameters":null},{"type":"function","name":"g"}]', type=list[ToolIn])
    )
    assert [tool.parameters for tool in box.tools] == [None, None]


def test_a_custom_tool_becomes_a_function_of_one_text() -> None:
    box = toolbox(PATCH)
    assert msgspec.json.decode(bytes(box.tools[0].parameters or b""))["required"] == ["input"]
    assert box.known("patch") == Known("patch", custom=True) and box.warnings == []


def test_a_grammar_is_told_to_the_model_and_its_loss_to_the_client() -> None:
    box = toolbox({**PATCH, "format": {"type": "grammar", "syntax": "lark", "definition": "start: X"}})
    assert "start: X" in (box.tools[0].description or "") and "lark" in (box.tools[0].description or "")
    assert "grammar" in box.warnings[0]


def test_the_tools_of_a_namespace_stand_beside_the_others() -> None:
    box = toolbox(function("read"), SPACE)
    assert [tool.name for tool in box.tools] == ["read", "fs__read", "patch"]
    assert box.known("fs__read") == Known("read", "fs") and box.known("patch") == Known("patch", "fs", True)
    assert box.name_of("read", "fs") == "fs__read" and box.name_of("read", None) == "read"
    assert box.name_of("gone", "fs") == "gone" and box.known("gone") == Known("gone")


def test_tools_that_a_server_of_openais_runs_are_dropped_with_a_warning() -> None:
    box = toolbox(
        function("f"), {"type": "web_search"}, {"type": "local_shell"}, {"type": "mcp"}, {"type": "web_search"}
    )
    assert [tool.name for tool in box.tools] == ["f"]
    assert box.warnings == ["tools of these types cannot be used with this model: local_shell, mcp, web_search"]


def test_a_tool_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        toolbox({"type": "function"})


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("none", ToolChoice("none")),
        ("required", ToolChoice("required")),
        (function("read"), ToolChoice("named", "read")),
        (function("read", namespace="fs"), ToolChoice("named", "fs__read")),
        ({"type": "custom", "name": "patch"}, ToolChoice("named", "patch")),
        (
            {"type": "allowed_tools", "mode": "required", "tools": [function("read"), {"type": "mcp"}]},
            ToolChoice("required", allowed=("read",)),
        ),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}, 5]}, ToolChoice("none")),
        ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "mcp"}]}, ToolChoice("none")),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "namespace", "name": "fs"}, function("read")]},
            ToolChoice("auto", allowed=("fs__read", "patch", "read")),
        ),
        (
            {"type": "allowed_tools", "mode": "auto", "tools": [function("read", namespace=["x"]), function("gone")]},
            ToolChoice("auto", allowed=("read",)),
        ),
    ],
)
def test_every_choice_is_read(asked: Any, found: ToolChoice | None) -> None:
    assert toolbox(function("read"), SPACE).choice(asked) == found


@pytest.mark.parametrize("asked", ["all", {"type": "web_search_preview"}, {}, {"name": "f"}, {"type": "allowed_tools"}])
def test_a_choice_that_cannot_be_kept_is_refused(asked: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        toolbox(function("f")).choice(asked)
    assert caught.value.param == "tool_choice"


def test_nothing_is_required_where_no_tool_is_left() -> None:
    assert toolbox({"type": "mcp"}).choice("required") is None


@pytest.mark.parametrize("text", ["", "a", '"\\\n', "\U0001f600"])
def test_a_custom_tools_text_survives_being_wrapped(text: str) -> None:
    assert free_text(wrapped(text)) == text


@pytest.mark.parametrize("arguments", ["{", "5", '{"input":5}', "[" * 5000, '{"x":"y"}'])
def test_arguments_that_hold_no_input_are_the_input(arguments: str) -> None:
    assert free_text(arguments) == arguments
