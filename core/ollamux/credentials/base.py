"""What a signer is: for backends that want each call signed rather than a key shown."""

from __future__ import annotations

from typing import Protocol

from ollamux.contract import HeaderPairs

__all__ = ("Signer",)


class Signer(Protocol):
    """Signs calls. Secrets are given to it when it is made."""

    def sign(self, method: str, url: str, headers: HeaderPairs, body: bytes, unix: float) -> HeaderPairs:
        """The headers to send: those given and the signature's own. `unix` is the moment, in seconds since the
        epoch."""
        ...
