"""Reading one value from one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.sensors.sysfs import children, first_number, read_number, read_text, read_uevent

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.sensors.conftest import Write


@pytest.mark.parametrize(
    ("text", "number"), [("42000", 42000), (" -5 ", -5), ("0x8086", 0x8086), ("", None), ("N/A", None), ("1.5", None)]
)
def test_a_number_is_decimal_or_hexadecimal_and_anything_else_is_none(
    write: Write, text: str, number: int | None
) -> None:
    assert read_number(write({"a": text}) / "a") == number


def test_a_file_that_is_not_there_or_is_no_file_is_none(tmp_path: Path) -> None:
    assert read_text(tmp_path / "missing") is None
    assert read_text(tmp_path) is None


def test_bytes_that_are_no_text_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "label").write_bytes(b"\xff\xfename\n")
    assert (read_text(tmp_path / "label") or "").endswith("name")


def test_the_first_file_with_a_number_counts(write: Write) -> None:
    root = write({"b": "x", "c": "7", "d": "8"})
    assert first_number(root, "a", "b", "c", "d") == 7
    assert first_number(root, "a", "b") is None


def test_children_are_those_with_a_number_in_its_order(write: Write) -> None:
    root = write({f"{name}/x": "1" for name in ("card10", "card2", "card0", "card0-DP-1", "renderD128", "card")})
    assert [path.name for path in children(root, "card")] == ["card0", "card2", "card10"]
    assert children(root / "missing", "card") == []


def test_a_uevent_is_pairs(write: Write) -> None:
    assert read_uevent(write({"uevent": "DRIVER=xe\nPCI_ID=8086:E20B\nodd"})) == {"DRIVER": "xe", "PCI_ID": "8086:E20B"}
