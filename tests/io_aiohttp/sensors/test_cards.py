"""Graphics cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux_aiohttp.sensors.cards import asleep, cards

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.sensors.conftest import Lay


def test_cards_are_listed_by_their_vendor_and_their_outputs_are_none(lay: Lay) -> None:
    root = lay("laptop_intel")
    (card,) = cards(root, 0x8086)
    assert (card.folder.name, card.address, card.driver) == ("card1", "0000:00:02.0", "i915")
    assert [card.address for card in cards(root, 0x10DE)] == ["0000:01:00.0"]
    assert list(cards(root, 0x1002)) == []


def test_a_device_that_is_powered_down_is_asleep(lay: Lay, tmp_path: Path) -> None:
    first, second = cards(lay("workstation_amd"), 0x1002)
    assert (asleep(first.device), asleep(second.device), asleep(tmp_path / "missing")) == (False, True, False)
