"""`python -m ollamux_aiohttp` is `ollamux`."""

from __future__ import annotations

import sys

from ollamux_aiohttp.cli import main

__all__ = ()

if __name__ == "__main__":
    sys.exit(main())
