"""The build: what is compiled, and what happens where it cannot be."""

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

import quaich

BUILD = os.environ.get("QUAICH_TESTS_BUILD")


def hot_modules() -> list[Path]:
    home = Path(quaich.__file__).parent
    return [pxd.with_suffix(".py") for pxd in sorted(home.rglob("*.pxd")) if pxd.stem != "__init__"]


@pytest.mark.skipif(BUILD is None, reason="QUAICH_TESTS_BUILD does not say which build this is")
@pytest.mark.parametrize("module", hot_modules(), ids=lambda path: path.stem)
def test_the_suite_runs_what_it_says(module: Path) -> None:
    """Every hot module is compiled, or none is; its source is installed beside it either way."""
    name = ".".join(("quaich", *module.relative_to(Path(quaich.__file__).parent).parts))
    spec = importlib.util.find_spec(name.removesuffix(".py"))
    assert spec is not None
    assert spec.origin is not None
    assert spec.origin.endswith(".so" if BUILD == "compiled" else ".py"), spec.origin
    assert module.exists()


Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def build(root: Path, tmp_path: Path) -> Build:
    """Run setup.py on a package with one hot module."""
    pytest.importorskip("setuptools")
    package = tmp_path / "src" / "toy"
    package.mkdir(parents=True)
    shutil.copy(root / "setup.py", tmp_path)
    (tmp_path / "setup.cfg").write_text(
        "[metadata]\nname = toy\nversion = 1\n[options]\npackages = toy\npackage_dir =\n    = src\n"
    )
    (package / "__init__.py").touch()
    (package / "__init__.pxd").touch()
    (package / "cold.py").touch()
    (package / "hot.py").write_text("def twice(x):\n    return x + x\n")
    (package / "hot.pxd").write_text("cpdef long twice(long x)\n")

    def _build(**env: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "QUAICH_PURE"}
        return subprocess.run(
            [sys.executable, "setup.py", "build", "--build-lib", "out"],
            cwd=tmp_path,
            env={**clean, **env},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return _build


def built(directory: Path) -> set[str]:
    return {path.name for path in (directory / "out" / "toy").iterdir()}


SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def test_compiles_what_has_a_pxd(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    if shutil.which("cc") is None:
        pytest.skip("there is no C compiler")
    done = build(QUAICH_PURE="0")
    assert done.returncode == 0, done.stderr
    assert built(tmp_path) == {"__init__.py", "cold.py", "hot.py", f"hot{SUFFIX}"}
    left = {path.name for path in (tmp_path / "src" / "toy").iterdir()}
    assert left == {"__init__.py", "__init__.pxd", "cold.py", "hot.py", "hot.pxd"}, "no C beside it"


def test_without_a_compiler(build: Build, tmp_path: Path) -> None:
    done = build(CC="/nonexistent/cc")
    assert done.returncode == 0, done.stderr
    assert built(tmp_path) == {"__init__.py", "cold.py", "hot.py"}
    assert "hot" in done.stdout + done.stderr, "it says what was not built"


def test_without_a_compiler_when_one_is_required(build: Build) -> None:
    pytest.importorskip("Cython")
    assert build(CC="/nonexistent/cc", QUAICH_PURE="0").returncode != 0


def test_forced_uncompiled(build: Build, tmp_path: Path) -> None:
    done = build(QUAICH_PURE="1")
    assert done.returncode == 0, done.stderr
    assert built(tmp_path) == {"__init__.py", "cold.py", "hot.py"}


def test_a_module_that_cython_refuses(build: Build, tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    (tmp_path / "src" / "toy" / "hot.pxd").write_text("cpdef nonsense twice(nonsense x)\n")
    assert build().returncode == 0
    assert built(tmp_path) == {"__init__.py", "cold.py", "hot.py"}
    assert build(QUAICH_PURE="0").returncode != 0


def test_a_wish_it_does_not_know(build: Build) -> None:
    done = build(QUAICH_PURE="yes")
    assert done.returncode != 0
    assert "QUAICH_PURE='yes'" in done.stderr
