"""Items read into messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_responses.items import ItemReader
from ollamux.formats.openai_responses.tools import Toolbox


def reader(*items: Any) -> tuple[ItemReader, list[Message]]:
    found = ItemReader(Toolbox(()))
    return found, found.read([item if isinstance(item, bytes) else json.dumps(item).encode() for item in items])


def messages(*items: Any) -> list[Message]:
    return reader(*items)[1]


def user(*content: dict[str, Any]) -> list[Part]:
    (message,) = messages({"role": "user", "content": list(content)})
    return message.parts


def called(call_id: str = "c", **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}", **more}


def answered(call_id: str = "c", output: Any = "21C", **more: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output, **more}


def test_easy_and_typed_messages_of_every_role_stay_in_their_place() -> None:
    """15: a developer's message in the middle stays there and never becomes the assistant's."""
    assert messages(
        {"role": "system", "content": "a"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "b"}]},
        {"role": "developer", "content": "c"},
        {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "phase": "commentary",
         "content": [{"type": "output_text", "text": "d", "annotations": []}, {"type": "refusal", "refusal": "e"}]},
        {"role": "assistant", "content": ""},
        {"role": "user", "content": ""},
    ) == [
        Message("system", [Text("a")]),
        Message("user", [Text("b")]),
        Message("system", [Text("c")]),
        Message("assistant", [Text("d"), Refusal("e")]),
        Message("user", [Text("")]),
    ]  # fmt: skip


def test_what_the_model_said_in_several_items_is_one_turn() -> None:
    assert messages(
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"role": "assistant", "content": "let me see"},
        called("a"),
        called("b", arguments='{ "x": 1.0 }'),
        answered("b"),
        answered("a", ""),
    ) == [
        Message(
            "assistant",
            [Reasoning("hm"), Text("let me see"), ToolCall("a", "f", "{}"), ToolCall("b", "f", '{ "x": 1.0 }')],
        ),
        Message("tool", [ToolResult("b", [Text("21C")], "f")]),
        Message("tool", [ToolResult("a", [Text("")], "f")]),
    ]


def test_encrypted_reasoning_keeps_its_origin() -> None:
    """34."""
    (message,) = messages({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"})
    assert message.parts == [Reasoning("", Opaque("openai_responses", "gA"))]
    (message,) = messages({"type": "reasoning", "content": [{"type": "reasoning_text", "text": "a"}]})
    assert message.parts == [Reasoning("a")]
    assert messages({"type": "reasoning", "summary": []}) == []


def test_encrypted_reasoning_that_cannot_be_read_is_left_out_with_a_warning() -> None:
    """35: never silently."""
    found, read = reader({"type": "reasoning", "summary": [], "encrypted_content": "ollamux.?"})
    assert read == [] and "encrypted" in found.warnings[0]


def test_a_custom_tools_call_becomes_a_functions() -> None:
    call, result = messages(
        {"type": "custom_tool_call", "call_id": "c", "name": "patch", "input": 'a"b'},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "ok"},
    )
    assert call.parts == [ToolCall("c", "patch", '{"input":"a\\"b"}')]
    assert result.parts == [ToolResult("c", [Text("ok")], "patch")]


@pytest.mark.parametrize(("arguments", "told"), [("", "{}"), ("null", "{}"), (None, "{}"), ({"a": 1}, '{"a": 1}')])
def test_arguments_are_json_text_whatever_the_client_wrote(arguments: Any, told: str) -> None:
    """6, 8: what is no JSON stays as it is for whoever needs an object."""
    call = messages(called(arguments=arguments), answered())[0].parts[0]
    assert isinstance(call, ToolCall) and call.arguments == told
    broken = messages(called(arguments='{"a":1}{"b":2}'), answered())[0].parts[0]
    assert isinstance(broken, ToolCall) and broken.arguments == '{"a":1}{"b":2}'


@pytest.mark.parametrize(
    ("output", "parts"),
    [
        ("a", [Text("a")]),
        (None, []),
        ({"a": 1}, [Text('{"a": 1}')]),
        ([], [Text("[]")]),
        ([{"a": 1}], [Text('[{"a": 1}]')]),
        ([1], [Text("[1]")]),
        (
            [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:image/png;base64,AA=="}],
            [Text("a"), Image(Bytes("AA==", "image/png"))],
        ),
    ],
)
def test_a_tools_output_is_text_or_parts_or_any_json(output: Any, parts: list[Part]) -> None:
    assert messages(called(), answered(output=output))[1].parts == [ToolResult("c", parts, "f")]


def test_pictures_are_data_addresses_or_files() -> None:
    """52."""
    assert user(
        {"type": "input_image", "image_url": "data:image/jpg;charset=x;base64,AA==", "detail": "low"},
        {"type": "input_image", "image_url": "data:;base64,AA=="},
        {"type": "input_image", "image_url": "https://x/y.png"},
        {"type": "input_image", "image_url": {"url": "https://x/z.png"}},
        {"type": "input_image", "file_id": "file-1"},
    ) == [
        Image(Bytes("AA==", "image/jpeg"), "low"),
        Image(Bytes("AA==", "")),
        Image(Url("https://x/y.png")),
        Image(Url("https://x/z.png")),
        Image(FileId("openai", "file-1")),
    ]


def test_files_and_sounds_are_read() -> None:
    assert user(
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
        {"type": "input_file", "filename": "a.PDF", "file_data": "AA=="},
        {"type": "input_file", "file_data": "AA=="},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
    ) == [
        Document(Bytes("AA==", "application/pdf"), "a.pdf"),
        Document(Bytes("AA==", "application/pdf"), "a.PDF"),
        Document(Bytes("AA==", "")),
        Document(Url("https://x/a.pdf")),
        Document(FileId("openai", "file-1")),
        Audio(Bytes("AA==", "audio/mp3"), "mp3"),
    ]


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"type": "video"},
        {"type": "input_image"},
        {"type": "input_file"},
        {"type": "input_audio"},
        {"type": "input_image", "image_url": "data:image/png,raw"},
    ],
)
def test_a_part_that_cannot_be_read_is_refused_by_its_place(part: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages({"role": "user", "content": "a"}, {"role": "user", "content": [part]})
    assert caught.value.param == "input[1]"


def test_items_that_only_openai_can_read_are_dropped_with_a_warning() -> None:
    found, read = reader(
        {"type": "web_search_call", "id": "ws_1", "status": "completed"},
        {"type": "local_shell_call", "call_id": "x", "action": {}},
        {"type": "local_shell_call_output", "call_id": "x", "output": "y"},
        {"type": "compaction", "encrypted_content": "x"},
        {"role": "user", "content": "hi"},
    )
    assert read == [Message("user", [Text("hi")])]
    assert found.warnings == [
        "items of these types were left out: compaction, local_shell_call, local_shell_call_output, web_search_call"
    ]


def test_a_call_without_its_output_is_refused_with_its_id() -> None:
    """14."""
    with pytest.raises(InvalidRequest, match="function call lost") as caught:
        messages({"role": "user", "content": "a"}, called("lost"), {"role": "user", "content": "b"})
    assert caught.value.param == "input[1]"


def test_an_output_without_its_call_is_refused_with_its_id() -> None:
    with pytest.raises(InvalidRequest, match="call_id lost"):
        messages(answered("lost"), called("lost"))


@pytest.mark.parametrize(
    "item",
    [
        b"{",
        b"5",
        b"[]",
        b'{"type":5}',
        {"type": "zzz"},
        {},
        {"role": "robot"},
        {"type": "function_call", "name": "f"},
        b"\xff",
    ],
)
def test_an_item_that_is_none_is_refused(item: Any) -> None:
    with pytest.raises(InvalidRequest):
        messages(item)


def test_an_unknown_type_of_item_is_named() -> None:
    with pytest.raises(InvalidRequest) as caught:
        messages({"type": "zzz"})
    assert caught.value.message == 'input[0]: unknown input item type: "zzz"'
