"""The command: `python -m bench.failures`, the same as `python -m bench failures`."""

from __future__ import annotations

import sys

from bench.__main__ import main

__all__ = ()

if __name__ == "__main__":
    sys.exit(main(["failures", *sys.argv[1:]]))
