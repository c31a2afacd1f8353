"""ollamux without any I/O: one Ollama endpoint in front of every model, as a library.

`Gateway` is the composition root: it opens an exchange for each client request, and an I/O layer drives it by plain
calls (see `ollamux.contract`). Nothing here reads a clock, opens a socket or waits.
"""

from __future__ import annotations

from ollamux._build import find_compiled

__all__ = ("__version__",)

__version__ = "0.1.0"

find_compiled(__name__)  # it decides which build of the modules is imported, so before any of them
