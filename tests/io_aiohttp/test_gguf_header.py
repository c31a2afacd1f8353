"""What the head of a GGUF file tells, and what is said of a file that is none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ollamux_aiohttp.gguf_header import GgufHeader, NotGguf, file_problem, read_header


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def write(path: Path, *pairs: bytes, version: int = 3, claimed: int | None = None) -> str:
    count = len(pairs) if claimed is None else claimed
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", version, 0, count) + b"".join(pairs))
    return str(path)


def string(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def test_a_real_file_tells_its_context(scripted_gguf: Path) -> None:
    assert read_header(str(scripted_gguf)) == GgufHeader("llama", "scripted", 262_144, None)
    assert file_problem(str(scripted_gguf)) is None


def test_an_embedding_model_tells_its_pooling(tmp_path: Path) -> None:
    arrays = text("general.tags") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    numbers = text("bert.some") + struct.pack("<IIQ", 9, 4, 2) + bytes(8)
    pairs = (string("general.architecture", "bert"), arrays, numbers, number("bert.context_length", 512))
    path = write(tmp_path / "bert.gguf", *pairs, number("bert.pooling_type", 1))
    assert read_header(path) == GgufHeader("bert", "", 512, 1)


def test_the_vocabulary_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf", string("general.architecture", "llama"), text("tokenizer.ggml.tokens"))
    assert read_header(path).architecture == "llama"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a GGUF file"),
        (b"#!/bin/sh\n", "not a GGUF file"),
        (b"GGUF\x03", "ends too early"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1), "ends too early"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**60), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 77), "unknown kind 77"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 4, 2**60), "damaged"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_the_reason(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(NotGguf, match=why) as caught:
        read_header(str(path))
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert "no such file" in str(file_problem(str(tmp_path / "none.gguf")))
    assert "cannot be read" in str(file_problem(str(tmp_path)))
