import os
import threading
from pathlib import Path

import pytest

from quaich.cli import dev, devwatch, words
from quaich.cli.devwatch import Watcher
from quaich.errors import QuaichError


def read(*arguments: str) -> dev.Wish:
    return dev.read(words.split(["dev", *arguments], dev._FLAGS, dev._VALUES))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "wsgi.py").write_text("application = 1\n")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_asked_for(project: Path) -> None:
    wish = read("--static", "/f=files", "--bind", "localhost:0", "--watch", "files")
    assert (wish.app, wish.directory, wish.bind) == (
        "wsgi:application",
        str(project),
        "127.0.0.1:0",
    )
    assert wish.statics == (("/f", str(project / "files")),)
    assert wish.roots == (str(project), str(project / "files"))
    assert (wish.virtualenv, wish.threads, wish.reloads) == ("venv", 4, True)
    assert read("other.site").app == "other.site:application"
    assert read("other:make()", "--no-reload").app == "other:make()"
    assert read(str(project / "wsgi.py")).app == "wsgi.py:application"
    assert read("wsgi.py:other").app == "wsgi.py:other"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["files"], "no application found in"),
        (["none.py"], "there is no file none.py"),
        (["a", "b"], "one application at a time"),
        (["--threads", "0"], "expected a number from 1 to 256"),
        (["--static", "files"], "expected /path=DIRECTORY"),
        (["--static", "/x=none"], "none is no directory"),
        (["--watch", "none"], "is no directory"),
        (["--bind", "0.0.0.0:80"], "can be reached by others"),
        (["--bind", "[::]:80"], "can be reached by others"),
        (["--bind", ":8000"], "can be reached by others"),
        (["--bind", "example.org:80"], "can be reached by others"),
        (["--bind", "/run/x.sock"], "expected an address"),
        (["--bind", "127.0.0.1:99999"], "expected an address"),
    ],
)
def test_mistakes(project: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(QuaichError, match=said):
        read(*arguments)


@pytest.mark.parametrize(
    ("given", "is_known", "address"),
    [
        ("127.0.0.9:80", False, "127.0.0.9:80"),
        ("[::1]:80", False, "[::1]:80"),
        ("0.0.0.0:80", True, "0.0.0.0:80"),
    ],
)
def test_addresses(given: str, is_known: bool, address: str) -> None:
    assert dev.address(given, is_known) == address


@pytest.mark.parametrize(
    ("path", "is_one"),
    [
        ("app/views.py", True),
        ("app/templates/index.html", True),
        (".env", True),
        ("data/rows.json", False),
        ("db.sqlite3", False),
        ("venv/lib/x.py", False),
        (".git/x.py", False),
        ("app/__pycache__/x.py", False),
        ("app/.#views.py", False),
    ],
)
def test_what_is_watched(path: str, is_one: bool) -> None:
    assert devwatch.is_source(path) is is_one


def test_differences(project: Path) -> None:
    (project / "env2").mkdir()
    (project / "env2" / "pyvenv.cfg").touch()
    (project / "env2" / "x.py").touch()
    before = devwatch.snapshot([str(project)])
    assert list(before) == [str(project / "wsgi.py")]
    assert devwatch.differences(before, before) == []
    os.utime(project / "wsgi.py", (1, 1))
    (project / "new.py").touch()
    after = devwatch.snapshot([str(project)])
    assert devwatch.differences(before, after) == [
        str(project / "new.py"),
        str(project / "wsgi.py"),
    ]
    assert devwatch.differences(after, {}) == sorted(after)


def test_a_watcher_tells(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devwatch, "_watchfiles", lambda: None)
    monkeypatch.setattr(devwatch, "_PAUSE", 0.01)
    told: list[str] = []
    seen = threading.Event()

    def tell(paths: list[str]) -> None:
        told.extend(paths)
        seen.set()

    watcher = Watcher([str(project)], tell)
    assert "polling" in watcher.how
    watcher.start()
    try:
        (project / "new.py").touch()
        assert seen.wait(10)
    finally:
        watcher.stop()
    assert told[0] == str(project / "new.py")
