"""The sensors of this machine: files of the kernel and NVIDIA's library, read in a thread now and then."""

from __future__ import annotations

__all__ = ()
