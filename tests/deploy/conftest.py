"""Sites below a directory of the test's, and gone with it."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import nginx
from tests.support.deployed import Sites, application


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.version_info < (3, 11):
        for item in items:
            if "tests/deploy" in str(item.path):
                item.add_marker(pytest.mark.skip(reason="site.toml needs Python 3.11"))


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    made = Sites(tmp_path / "q")
    yield made
    made.close()


@pytest.fixture
def fronted(sites: Sites) -> Sites:
    """Sites, on a machine that has nginx."""
    if nginx.program() is None:
        pytest.skip("nginx is not installed")
    return sites


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """An application that answers "one"."""
    return application(tmp_path / "app", "one")


@pytest.fixture
def wheelhouse(tmp_path: Path) -> Path:
    """A directory with one package, ``tinypart`` 1.0, made by hand."""
    import zipfile

    directory = tmp_path / "wheels"
    directory.mkdir()
    info = "tinypart-1.0.dist-info"
    files = {
        "tinypart.py": "VALUE = 'one part'\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: tinypart\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(directory / "tinypart-1.0-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return directory


@pytest.fixture
def git(tmp_path: Path) -> str:
    found = shutil.which("git")
    if found is None:
        pytest.skip("git is not installed")
    return found
