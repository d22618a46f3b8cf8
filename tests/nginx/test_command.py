"""``quaich nginx``, the command, with an nginx of its own below a prefix."""

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from quaich.cli.main import main
from quaich.nginx import control, install
from tests.conftest import _need
from tests.support import http
from tests.support import nginx as support
from tests.support.backends import OK, Backend
from tests.support.ports import free_port

pytestmark = pytest.mark.nginx


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """The command, in this process."""
    _need("nginx", support.program())
    monkeypatch.setenv("QUAICH_PREFIX", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def _run(*args: str) -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        status = main(["quaich", "nginx", *args])
        return Done(status, *capsys.readouterr())

    yield _run
    control.stop(install.private(f"{tmp_path}/nginx", 0))


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib is there from Python 3.11 on")
def test_a_site_by_its_name(run: Run, tmp_path: Path) -> None:
    """From facts to a site, shown, applied, applied again, and removed."""
    (tmp_path / "run" / "shop").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    backend = Backend(f"unix:{tmp_path}/run/shop/app.sock", lambda request: OK)
    port = free_port()
    definition = tmp_path / "etc" / "shop.toml"
    definition.write_text(f'[nginx]\nhosts = "shop.example"\nlisten = ["127.0.0.1:{port}"]\n')
    try:
        shown = run("apply", "shop", "--dry-run")
        assert shown.returncode == 0, shown.stderr
        assert f"+    server unix:{tmp_path}/run/shop/app.sock max_fails=1" in shown.stdout
        assert shown.stdout.endswith("Nothing was changed.\n")
        assert not (tmp_path / "nginx").exists()
        asked = run("apply", "shop")
        assert asked.returncode == 1
        assert "Nobody is there to ask: --yes" in asked.stderr
        done = run("apply", "shop", "--yes")
        assert done.returncode == 0, done.stderr
        assert "shop: nginx started, verified\n" in done.stdout
        headers = (("Host", "shop.example"),)
        assert http.get(("127.0.0.1", port), headers=headers).status == 200
        again = json.loads(run("apply", "shop", "--json", "--yes").stdout)
        assert [(each["site"], each["changed"]) for each in again] == [("shop", False)]
        assert run("diff", "shop").stdout == ""
        removed = run("remove", "shop", "--yes")
        assert removed.returncode == 0, removed.stderr
        assert removed.stdout.endswith("shop: nginx stopped\n")
    finally:
        backend.stop()


def test_facts_in_a_file(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "shop.json"
    path.write_text(json.dumps({"nginx": {"hosts": ["a.example"], "servers": ["10.0.0.1:80"]}}))
    rendered = run("render", str(path))
    assert rendered.returncode == 0, rendered.stderr
    assert "# quaich-shop.conf\n# quaich site shop " in rendered.stdout
    named = json.loads(run("render", str(path), "--site", "other", "--json").stdout)
    assert "quaich-other.conf" in named[0]["files"]
    # Nobody answers there, so nothing stays.
    path.write_text(
        json.dumps(
            {
                "nginx": {
                    "hosts": ["a.example"],
                    "servers": [f"unix:{tmp_path}/none"],
                    "listen": [f"127.0.0.1:{free_port()}"],
                }
            }
        )
    )
    failed = run("apply", str(path), "--yes")
    assert failed.returncode == 5
    assert failed.stderr.startswith("quaich: the site does not answer through nginx: http://a.ex")
    assert failed.stderr.count("\n") == 1
    assert not os.listdir(tmp_path / "nginx" / "sites")


@pytest.mark.parametrize(
    ("args", "text", "said"),
    [
        (["render", "nosuch"], "", "etc/nosuch.toml: No such file or directory"),
        (["render", "a;b"], "", 'site "a;b": expected at most 32 lower-case letters'),
        (["render", "x.json"], "{", "x.json: malformed: "),
        (["render", "x.json"], "[]", "x.json: expected a table [nginx]"),
        (["render", "x.json"], '{"nginx": {"hots": 1}}', "x.json: nginx.hots: there is no such"),
        (["remove", "a/b", "--yes"], "", 'site "a/b": expected at most'),
    ],
)
def test_mistakes(run: Run, tmp_path: Path, args: list[str], text: str, said: str) -> None:
    (tmp_path / "x.json").write_text(text)
    done = run(*args)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
