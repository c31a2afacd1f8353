"""Which devices of this machine a backend runs on.

A backend's `hardware` names them (`nvidia`, `amd`, `igpu`, `cpu`, `npu`), and only where its endpoint is on this
machine: what another machine's sensors would say is not known here. `cloud` and `custom` run on none, and so does a
backend without the word. A backend that names a kind of which there are several devices may use any of them, so it runs
on all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from ollamux.hardware.readings import Device

__all__ = ("devices_for", "is_here", "word_for")

_SUITS: dict[str, tuple[Callable[[Device], bool], ...]] = {
    "nvidia": (lambda device: device.kind == "nvidia",),
    "amd": (
        lambda device: device.kind == "amd" and not device.integrated,
        lambda device: device.kind == "amd",
    ),
    "igpu": (
        lambda device: device.integrated,
        lambda device: device.kind == "intel",
    ),
    "cpu": (lambda device: device.kind == "cpu",),
    "npu": (lambda device: device.kind == "npu",),
}
"""For each word, which devices it means; a later test counts where an earlier one finds none (the integrated GPU of a
machine whose owner calls it `amd`, an Intel card, for which there is no word of its own)."""


def is_here(endpoint: str | None) -> bool:
    """Whether a backend's endpoint is on this machine: a loopback address."""
    if not endpoint:
        return False
    from ollamux.config.keys import is_loopback

    try:
        host = urlsplit(endpoint if "://" in endpoint else f"//{endpoint}").hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)


def devices_for(hardware: str | None, devices: Iterable[Device]) -> tuple[Device, ...]:
    """The devices that this word means, those of a machine whose backend is local."""
    devices = tuple(devices)
    for suits in _SUITS.get(hardware or "", ()):
        found = tuple(filter(suits, devices))
        if found:
            return found
    return ()


def word_for(device: Device) -> str:
    """The word of the configuration that means this device."""
    if device.integrated or device.kind == "intel":
        return "igpu"
    return device.kind
