"""Imports point down: the layers of ARCHITECTURE.md, held against what every module imports."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "quaich"

# The package's parts by layer.  A part may import itself and any part of a lower layer.
# The exceptions come before the kernel calls, which raise them.
LAYERS = {
    "errors": 0,
    "values": 0,
    "patterns": 0,
    "sys": 1,
    "wire": 2,
    "config": 2,
    "wsgi": 3,
    "stats": 3,
    "log": 3,
    "net": 3,
    "worker": 4,
    "master": 5,
    "nginx": 5,
    "machine": 5,
    "deploy": 6,
    "cli": 7,
    "__main__": 8,
}

# wire and config decide; they do not act.  These two read the files and what is elsewhere.
PURE = ("wire", "config")
ACTS = {"socket", "os", "time", "signal", "threading", "select", "subprocess", "asyncio"}
READ_FILES = ("config/sources.py", "config/remote.py")

# What a person may need to look up while reading; the server needs nothing else.
ALLOWED_OUTSIDE = set(sys.stdlib_module_names) | {"cython"}

MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every (line, dotted name) that a module imports, ``from x import y`` as ``x.y``."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                assert alias.name != "*", f"{path}:{node.lineno}: import *"
                yield node.lineno, f"{node.module}.{alias.name}"


def part_of(module: str) -> str:
    return module.split("/")[0].removesuffix(".py")


def faults(module: str) -> list[str]:
    part = part_of(module)
    found = []
    for line, name in imports(SOURCE / module):
        first, *rest = name.split(".")
        place = f"{module}:{line}: imports {name}"
        if first != "quaich":
            if first not in ALLOWED_OUTSIDE:
                found.append(f"{place}: neither quaich nor the standard library")
            if part in PURE and first in ACTS and module not in READ_FILES:
                found.append(f"{place}: {part} decides and does not act")
            continue
        other = rest[0]
        if other == "__version__" or other == part:
            continue
        if other not in LAYERS:
            found.append(f"{place}: {other} is in no layer")
        elif LAYERS[other] == LAYERS[part]:
            found.append(f"{place}: {part} and {other} are siblings")
        elif LAYERS[other] > LAYERS[part]:
            found.append(f"{place}: {other} is above {part}")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    if module == "__init__.py":
        assert not list(imports(SOURCE / module))
        return
    assert part_of(module) in LAYERS, f"{module} is in no layer"
    assert not faults(module)
