"""The core does no I/O, reads no clock and draws no unseeded random number.

Two views of the same rule: what the sources import and call, against a list of what is allowed; and what is loaded
when a module is imported in a fresh interpreter.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.architecture.conftest import Module, Tree

ALLOWED = frozenset(
    """
    __future__ abc array base64 binascii bisect codecs collections collections.abc contextlib copy dataclasses
    datetime difflib enum fnmatch functools hashlib heapq hmac html http importlib importlib.metadata
    ipaddress
    itertools json keyword math numbers operator pkgutil posixpath random re string struct textwrap types typing
    unicodedata urllib.parse uuid zlib
    msgspec msgspec.json msgspec.structs msgspec.inspect orjson typing_extensions yaml
    cython cpython libc
    """.split()
)
"""What the core may import beside itself."""

MEMBERS = {
    "random": {"Random"},
    "uuid": {"UUID", "uuid5"},
    "http": {"HTTPStatus"},
    "importlib": {"import_module"},
    "importlib.metadata": {"entry_points"},
}
"""Where only some of a module is pure: the names that may be taken from it, by name."""

CALLS = frozenset({"open", "input", "print", "eval", "exec", "breakpoint", "__import__"})
METHODS = frozenset({"now", "utcnow", "today"})
CLOCKS = frozenset({"datetime", "date"})

EXEMPT = {
    "ollamux._build": "it chooses which code is loaded, so it asks the environment and the import system, once",
}

OUTSIDE = frozenset(
    """
    aiohttp aiohttp_sse asyncio concurrent fcntl ftplib http.client http.server httptools httpx logging mmap
    multiprocessing ollamux_aiohttp pynvml requests select selectors shutil signal smtplib socket socketserver sqlite3
    ssl subprocess tempfile threading time urllib.request urllib3 uvloop xllamacpp
    """.split()
)
"""What must not be loaded because of the core."""

SHARES = 8
"""In so many processes the modules are imported, each alone: it takes a while."""

PROBE = """
import importlib, json, sys
import msgspec, orjson, yaml
for name in %(allowed)r:
    importlib.import_module(name)
before = set(sys.modules)
loaded = {}
for name in %(modules)r:
    for ours in [m for m in sys.modules if m == "ollamux" or m.startswith("ollamux.")]:
        del sys.modules[ours]
    try:
        importlib.import_module(name)
    except Exception as error:
        loaded[name] = ["%%s: %%s" %% (type(error).__name__, error)]
    else:
        new = set(sys.modules) - before
        loaded[name] = sorted(m for m in new if m in %(outside)r or m.partition(".")[0] in %(outside)r)
        before |= new
print(json.dumps(loaded))
"""


def _core(tree: Tree) -> Iterator[Module]:
    return (module for module in tree.modules if module.in_core)


@pytest.mark.parametrize("share", range(SHARES))
def test_every_module_of_the_core_imports_alone_and_loads_nothing_that_reaches_outside(tree: Tree, share: int) -> None:
    stdlib = sorted(name for name in ALLOWED if name.partition(".")[0] in sys.stdlib_module_names)
    names = [module.name for module in _core(tree)][share::SHARES]
    program = PROBE % {"allowed": stdlib, "modules": names, "outside": set(OUTSIDE)}
    path = os.pathsep.join(entry for entry in [str(tree.root / "core"), *sys.path] if entry)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert run.returncode == 0, run.stderr
    loaded: dict[str, list[str]] = json.loads(run.stdout)
    assert {name: what for name, what in loaded.items() if what} == {}
    assert len(loaded) == len(names)


def test_the_core_imports_only_what_is_known_to_be_pure(tree: Tree) -> None:
    offences: list[str] = []
    for module in _core(tree):
        if module.name in EXEMPT:
            continue
        for item in module.imports():
            ours = item.module.partition(".")[0] == "ollamux"
            known = item.module in ALLOWED or f"{item.module}.{item.name}" in ALLOWED
            pure = item.module not in MEMBERS or item.name in MEMBERS[item.module]
            if not ours and not (known and pure):
                offences.append(f"{module.name}:{item.line} imports {item.module} {item.name}".rstrip())
    assert offences == []


def test_the_compiled_sources_of_the_core_import_only_what_is_known_to_be_pure(tree: Tree) -> None:
    offences: list[str] = []
    for name, path in tree.extensions.items():
        if path.suffix != ".pyx" or not name.startswith("ollamux."):
            continue
        text = path.read_text(encoding="utf-8")
        for found in re.finditer(r"^[ \t]*(?:from[ \t]+([\w.]+)|c?import[ \t]+([\w.]+))", text, re.MULTILINE):
            module = found[1] or found[2]
            top = module.partition(".")[0]
            if top not in ("ollamux", "libc", "cpython") and module not in ALLOWED:
                offences.append(f"{name} imports {module}")
    assert offences == []


def test_the_core_calls_nothing_that_does_io_reads_a_clock_or_draws_an_unseeded_number(tree: Tree) -> None:
    offences: list[str] = []
    for module in _core(tree):
        for node in ast.walk(module.syntax):
            if not isinstance(node, ast.Call):
                continue
            match node.func:
                case ast.Name(id=name) if name in CALLS:
                    offences.append(f"{module.name}:{node.lineno} calls {name}()")
                case ast.Name(id="Random") if not node.args:
                    offences.append(f"{module.name}:{node.lineno} calls Random() without a seed")
                case ast.Attribute(value=ast.Name(id=owner), attr=attr) if owner in CLOCKS and attr in METHODS:
                    offences.append(f"{module.name}:{node.lineno} calls {owner}.{attr}()")
                case _:
                    pass
    assert offences == []


def test_an_exemption_names_a_module_that_exists(tree: Tree) -> None:
    assert set(EXEMPT) <= {module.name for module in tree.modules}
