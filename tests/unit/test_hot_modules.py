"""What compiled modules must not do, since the compiler is told not to check it."""

import ast
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
