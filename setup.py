"""What pyproject.toml cannot say: the Cython modules, found by their sources and optional on every machine.

Strategy: a .pyx file under core or io_aiohttp is a compiled module of the same dotted name; so is a .py file with a
.pxd of the same name beside it (one source, two builds). Nothing is listed. All modules of a package are linked into
one shared object, `_compiled`, for one takes less memory and loads faster than many; a table in it says which they are,
and the importer in `ollamux._build` finds them there. Objects are kept in the build folder and made again where their
source, or a .pxd that it uses, is newer.

Where Cython or a C compiler is missing, or a file does not compile, the installation goes on with the pure Python
build, which gives the same bytes; it is all or nothing, since compiled modules call each other without Python.

- OLLAMUX_NO_EXTENSIONS=1 compiles nothing.
- OLLAMUX_REQUIRE_EXTENSIONS=1 lets the installation fail where a module does not compile.
"""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOTS = {"core": "ollamux", "io_aiohttp": "ollamux_aiohttp"}
DIRECTIVES = {"language_level": 3, "embedsignature": False, "annotation_typing": False, "auto_pickle": False}
SCANNERS = {"boundscheck": False, "wraparound": False, "initializedcheck": False, "cdivision": True}
"""What a .pyx, written for Cython, does without; a .py keeps the meaning that Python gives it."""
TABLE = """\
#include <Python.h>
#include <string.h>

{declarations}
static const struct {{ const char *name; PyObject *(*definition)(void); }} MODULES[] = {{
{entries}
}};
#define COUNT (Py_ssize_t)(sizeof(MODULES) / sizeof(MODULES[0]))

static PyObject *create(PyObject *self, PyObject *spec) {{
    PyObject *made = NULL, *name = PyObject_GetAttrString(spec, "name");
    const char *wanted = name ? PyUnicode_AsUTF8(name) : NULL;
    for (Py_ssize_t i = 0; wanted && i < COUNT; i++) {{
        if (strcmp(wanted, MODULES[i].name) == 0) {{
            PyObject *definition = MODULES[i].definition();
            if (definition) made = PyModule_FromDefAndSpec((PyModuleDef *)definition, spec);
            break;
        }}
    }}
    if (!made && !PyErr_Occurred()) PyErr_Format(PyExc_ImportError, "%R is not in this file", name);
    Py_XDECREF(name);
    return made;
}}

static PyObject *execute(PyObject *self, PyObject *module) {{
    PyModuleDef *definition = PyModule_GetDef(module);
    if (!definition || PyModule_ExecDef(module, definition) < 0) return NULL;
    Py_RETURN_NONE;
}}

static int add_names(PyObject *module) {{
    PyObject *names = PyTuple_New(COUNT);
    for (Py_ssize_t i = 0; names && i < COUNT; i++) {{
        PyObject *name = PyUnicode_FromString(MODULES[i].name);
        if (!name) Py_CLEAR(names);
        else PyTuple_SET_ITEM(names, i, name);
    }}
    int failed = names ? PyModule_AddObjectRef(module, "names", names) : -1;
    Py_XDECREF(names);
    return failed;
}}

static PyMethodDef METHODS[] = {{{{"create", create, METH_O, NULL}}, {{"execute", execute, METH_O, NULL}}, {{NULL}}}};
static PyModuleDef_Slot SLOTS[] = {{{{Py_mod_exec, add_names}}, {{0, NULL}}}};
static PyModuleDef DEFINITION = {{PyModuleDef_HEAD_INIT, "_compiled", NULL, 0, METHODS, SLOTS}};
PyMODINIT_FUNC PyInit__compiled(void) {{ return PyModuleDef_Init(&DEFINITION); }}
"""
"""The module that a shared object is, to Python: the names of those that it holds, and the two steps of a loader."""
SHARED = "ollamux._shared"
"""What modules have in common of Cython's own code: made by Cython, part of the core's shared object."""
FLAGS = (
    ()
    if os.name == "nt"
    else (
        "-O2",  # a seventh less code to fetch for a request than with -O1, which compiles in two thirds of the time
        "-g0",
        "-fno-plt",  # a call into Python is one jump, not two
        "-fvisibility=hidden",
        "-fno-asynchronous-unwind-tables",
        "--param=builtin-expect-probability=100",  # what follows an error is never run, as far as the compiler cares:
        "-freorder-blocks-and-partition",  # it is made small, and lies away from the rest
    )
)


def switched_on(name: str) -> bool:
    """Whether an environment variable says yes."""
    return os.environ.get(name, "").strip().lower() not in ("", "0", "false", "no")


REQUIRED = switched_on("OLLAMUX_REQUIRE_EXTENSIONS")


def sources(root: str) -> list[tuple[str, str]]:
    """Dotted name and source of every compiled module, in a stable order; paths are relative, as setuptools demands."""
    here = Path(__file__).parent
    found: dict[str, str] = {}
    for path in (*(here / root).rglob("*.pyx"), *(p.with_suffix(".py") for p in (here / root).rglob("*.pxd"))):
        if path.exists():
            name = ".".join(path.relative_to(here / root).with_suffix("").parts)
            found.setdefault(name, path.relative_to(here).as_posix())
    return [*sorted(found.items()), *([(SHARED, "core/ollamux/_shared.c")] if root == "core" else ())]


def without(reason: str) -> None:
    """Go on without compiled modules, or stop where they are required."""
    if REQUIRED:
        raise SystemExit(f"ollamux: OLLAMUX_REQUIRE_EXTENSIONS is set, but {reason}")
    print(f"ollamux: {reason}; installing the pure Python build", file=sys.stderr)


def newer(target: Path, *needed: str) -> bool:
    """Whether a file is there and was made after all that it was made from, the way to make it included."""
    return target.exists() and target.stat().st_mtime >= max(os.stat(path).st_mtime for path in (__file__, *needed))


def extensions() -> list[Extension]:
    """One shared object for each package: none where that is wished, or Cython is missing or cannot."""
    if switched_on("OLLAMUX_NO_EXTENSIONS"):
        return []
    wanted = {root: sources(root) for root in ROOTS}
    try:
        from Cython.Build import cythonize
    except ImportError:
        without("Cython is not installed")
        return []
    for directives, kind in ((DIRECTIVES | SCANNERS, ".pyx"), (DIRECTIVES, ".py")):
        group = [Extension(name, [path]) for each in wanted.values() for name, path in each if path.endswith(kind)]
        if directives is DIRECTIVES:
            group.append(Extension(SHARED, ["core/ollamux/_shared.c"]))
        old = not all(newer(Path(one.sources[0]).with_suffix(".c")) for one in group)
        try:
            cythonize(
                group,
                nthreads=os.cpu_count() or 1,
                compiler_directives=directives,
                include_path=list(ROOTS),
                shared_utility_qualified_name=SHARED,
                shared_utility_features_disabled=["MemoryView"],
                quiet=True,
                force=old,
            )
        except Exception as error:  # classes of many kinds, and none of them must stop an installation
            without(f"Cython does not compile the modules ({type(error).__name__})")
            return []
    return [
        Extension(f"{ROOTS[root]}._compiled", [path for _, path in found], optional=not REQUIRED)
        for root, found in wanted.items()
    ]


class OptionalBuildExt(build_ext):
    """build_ext that links many modules into one file, and whose failure leaves the pure build in place."""

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

    def build_extensions(self) -> None:
        """Compile what is newer than its object, as many at a time as there are processors, and link."""
        with ThreadPoolExecutor(self.parallel) as pool:
            for ext in self.extensions:
                root = ext.sources[0].partition("/")[0]
                objects = [*pool.map(self.compiled, sources(root)), self.table(ext.name, sources(root))]
                target = Path(self.get_ext_fullpath(ext.name))
                if not newer(target, *objects):
                    self.compiler.link_shared_object(
                        objects,
                        str(target),
                        libraries=self.get_libraries(ext),
                        export_symbols=self.get_export_symbols(ext),
                        build_temp=self.build_temp,
                    )

    def compiled(self, module: tuple[str, str]) -> str:
        """The object of one module. Its function that Python would call bears the whole name: others end alike."""
        name, source = module
        made = str(Path(source).with_suffix(".c"))
        [target] = self.compiler.object_filenames([made], output_dir=self.build_temp)
        if not newer(Path(target), made):
            macros = [(f"PyInit_{name.rpartition('.')[2]}", symbol(name)), ("CYTHON_NO_PYINIT_EXPORT", None)]
            self.compiler.compile([made], output_dir=self.build_temp, macros=macros, extra_postargs=list(FLAGS))
        return target

    def table(self, name: str, modules: list[tuple[str, str]]) -> str:
        """The object of the table; it is written anew only where it is another one."""
        text = TABLE.format(
            declarations="\n".join(f"extern PyObject *{symbol(module)}(void);" for module, _ in modules),
            entries="\n".join(f'    {{"{module}", {symbol(module)}}},' for module, _ in modules),
        )
        path = Path(self.build_temp, f"{name}.c")
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        [target] = self.compiler.object_filenames([str(path)])
        if not newer(Path(target), str(path)):
            self.compiler.compile([str(path)], extra_postargs=list(FLAGS))
        return target

    def copy_extensions_to_source(self) -> None:
        """In-place builds: copy what was linked into its package, in whichever root that is; pass over the rest."""
        for ext in self.extensions:
            built = Path(self.build_lib, self.get_ext_filename(ext.name))
            if built.exists():
                shutil.copy2(built, Path(ext.sources[0].partition("/")[0], ROOTS[ext.sources[0].partition("/")[0]]))


def symbol(module: str) -> str:
    """The C name of the function that gives a module's definition."""
    return "PyInit_" + module.replace(".", "__")


if __name__ == "__main__":  # what starts processes may be imported again by them
    setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuildExt})
