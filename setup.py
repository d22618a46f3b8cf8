"""Builds the compiled modules; everything else about the package is in pyproject.toml.

A hot module is an ordinary ``.py`` file with a sibling ``.pxd`` that gives it C types.  Compiling
it makes the same program faster, so by default a machine without Cython or a working compiler
gets the package uncompiled.  The environment variable ``QUAICH_PURE`` decides otherwise:

- ``QUAICH_PURE=1``: do not compile.
- ``QUAICH_PURE=0``: compile; a failure is an error.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("src")

DIRECTIVES = {
    "language_level": 3,
    # Types come from the .pxd alone: the annotations in the .py are for people and mypy, and
    # "int" there is any Python integer.
    "annotation_typing": False,
    # Bounds checks stay on: only reads through a C pointer, each behind its own comparison, go
    # without, so no index can read past an object.
    # Functions without the decorations of Python's own: nobody asks for their signature, and a
    # method that is handed out for each request (start_response) is made in half the time.
    "binding": False,
    "always_allow_keywords": False,
    # A view is made once, in a constructor.
    "initializedcheck": False,
}

# Debug information doubles the size, and -O3 makes the code longer, not faster.
FLAGS = ["-O2", "-g0"]


def hot_modules() -> list[Path]:
    """Every module that has a sibling ``.pxd``, as paths from the top of the tree."""
    found = (pxd.with_suffix(".py") for pxd in sorted(SOURCE.rglob("*.pxd")))
    # An __init__.pxd only marks a package for Cython.
    return [module for module in found if module.exists() and module.stem != "__init__"]


def extensions(modules: list[Path], *, required: bool) -> list[Extension]:
    from Cython.Build import cythonize

    wanted = [
        Extension(
            ".".join(module.relative_to(SOURCE).with_suffix("").parts),
            [str(module)],
            extra_compile_args=FLAGS,
        )
        for module in modules
    ]
    made: list[Extension] = cythonize(
        wanted, build_dir="build/cython", compiler_directives=DIRECTIVES
    )
    for extension in made:
        # Set on the result: cythonize() makes new Extension objects and drops "optional".
        extension.optional = not required
    return made


def compiled_modules() -> list[Extension]:
    wish = os.environ.get("QUAICH_PURE", "")
    if wish not in ("", "0", "1"):
        sys.exit(f"setup.py: QUAICH_PURE={wish!r}: expected 0 (compile or fail) or 1 (do not)")
    modules = hot_modules()
    if wish == "1" or not modules:
        return []
    try:
        return extensions(modules, required=wish == "0")
    except Exception as failure:
        # No Cython, or one that does not take these modules.
        if wish == "0":
            raise
        print(f"setup.py: {failure}: quaich is installed uncompiled", file=sys.stderr)
    return []


setup(
    ext_modules=compiled_modules(),
    options={"build_ext": {"parallel": os.cpu_count()}},
)
