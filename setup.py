"""What pyproject.toml cannot say: the Cython extensions, found by their sources and optional on every machine.

Strategy: a .pyx file under core or io_aiohttp is an extension module of the same dotted name; so is a .py file with
a .pxd of the same name beside it (one source, two builds). Nothing is listed. Where Cython or a C compiler is
missing, or a file does not compile, the installation goes on with the pure Python build, which gives the same bytes.

- OLLAMUX_NO_EXTENSIONS=1 compiles nothing.
- OLLAMUX_REQUIRE_EXTENSIONS=1 lets the installation fail where an extension does.
"""

from __future__ import annotations

import os
import shutil
import sys
from functools import partial
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOTS = ("core", "io_aiohttp")
DIRECTIVES = {"language_level": 3, "embedsignature": False, "annotation_typing": False, "auto_pickle": False}
SCANNERS = {"boundscheck": False, "wraparound": False, "initializedcheck": False, "cdivision": True}
"""What a .pyx, written for Cython, does without; a .py keeps the meaning that Python gives it."""


def switched_on(name: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no")


REQUIRED = switched_on("OLLAMUX_REQUIRE_EXTENSIONS")


def sources() -> list[tuple[str, str]]:
    """Dotted name and source of every extension, in a stable order; paths are relative, as setuptools demands."""
    here = Path(__file__).parent
    found: dict[str, str] = {}
    for root in ROOTS:
        paths = [*(here / root).rglob("*.pyx"), *(p.with_suffix(".py") for p in (here / root).rglob("*.pxd"))]
        for path in paths:
            if path.exists():
                name = ".".join(path.relative_to(here / root).with_suffix("").parts)
                found.setdefault(name, path.relative_to(here).as_posix())
    return sorted(found.items())


def without(reason: str) -> None:
    """Go on without compiled modules, or stop where they are required."""
    if REQUIRED:
        raise SystemExit(f"ollamux: OLLAMUX_REQUIRE_EXTENSIONS is set, but {reason}")
    print(f"ollamux: {reason}; installing the pure Python build", file=sys.stderr)


def extension(name: str, source: str) -> Extension:
    """One extension module. -O1 takes half the time, and what is no scanner gets slower by 2 percent at most."""
    effort = "-O2" if source.endswith(".pyx") else "-O1"
    made = Extension(name, [source], extra_compile_args=[] if os.name == "nt" else [effort, "-g0"])
    made.optional = not REQUIRED
    return made


def extensions() -> list[Extension]:
    """The extensions to compile: none where that is wished, nothing is there to compile, or Cython cannot."""
    if switched_on("OLLAMUX_NO_EXTENSIONS"):
        return []
    wanted = sources()
    if not wanted:
        return []
    try:
        from Cython.Build import cythonize
    except ImportError:
        without("Cython is not installed")
        return []
    made: list[Extension] = []
    for directives, kind in ((DIRECTIVES | SCANNERS, ".pyx"), (DIRECTIVES, ".py")):
        group = [extension(name, source) for name, source in wanted if source.endswith(kind)]
        translate = partial(cythonize, compiler_directives=directives, include_path=list(ROOTS), quiet=True)
        try:
            made += translate(group, nthreads=os.cpu_count() or 1)
        except Exception:  # one at a time then, and without those that Cython does not compile
            for one in group:
                try:
                    made += translate([one])
                except Exception as error:  # classes of many kinds, and none of them must stop an installation
                    without(f"Cython does not compile {one.sources[0]} ({type(error).__name__})")
    return made


class OptionalBuildExt(build_ext):
    """build_ext whose failure leaves the pure build in place."""

    def finalize_options(self) -> None:
        """One compiler for each processor, where nobody said how many."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count() or 1

    def run(self) -> None:
        """Compile everything; a missing compiler is a reason to go on."""
        try:
            super().run()
        except Exception as error:
            if REQUIRED:
                raise
            without(f"the extensions do not compile here ({type(error).__name__}: {error})")

    def copy_extensions_to_source(self) -> None:
        """In-place builds: copy what was compiled beside its source, in whichever root that is; pass over the rest."""
        for ext in self.extensions:
            built = Path(self.get_ext_fullpath_built(ext))
            if built.exists():
                shutil.copy2(built, Path(ext.sources[0]).parent / built.name)

    def get_ext_fullpath_built(self, ext: Extension) -> str:
        """Where build_ext leaves the compiled file before it is copied."""
        return os.path.join(self.build_lib, self.get_ext_filename(self.get_ext_fullname(ext.name)))


if __name__ == "__main__":  # what starts processes may be imported again by them
    setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuildExt})
