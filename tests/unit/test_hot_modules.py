"""What compiled modules must not do, since the compiler is told not to check it."""

import ast
import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src"

HOT = sorted(
    pxd.with_suffix(".py") for pxd in SOURCE.rglob("*.pxd") if pxd.with_suffix(".py").stat().st_size
)


@pytest.mark.parametrize("path", HOT, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_index_counts_from_the_end(path: Path) -> None:
    """Without ``wraparound`` a negative index reads the memory before the object."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.UnaryOp):
            assert not isinstance(node.slice.op, ast.USub), f"line {node.lineno}"


@pytest.mark.parametrize("path", HOT, ids=lambda path: str(path.relative_to(SOURCE)))
def test_constants_are_the_same_compiled(path: Path) -> None:
    """What is C's constant where it is compiled stands in the .py for where it is not."""
    declared = path.with_suffix(".pxd").read_text()
    enums = re.findall(r"^cp?def enum:\n((?:    .*\n)+)", declared, re.MULTILINE)
    compiled = {
        name: int(value) for body in enums for name, value in re.findall(r"(\w+) = (\d+)", body)
    }
    plain: dict[str, int] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "not cython.compiled":
            for each in node.body:
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
                    plain[each.targets[0].id] = ast.literal_eval(each.value)
    assert plain == compiled
