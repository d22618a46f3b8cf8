"""Rendered files before nginx itself, and before linters: no objection, whatever the facts are.

``QUAICH_TESTS_NGINX`` may name further nginx programs, ``:`` between them.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from quaich.nginx import control, facts, install, ownmain, placing, render
from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx
from quaich.nginx.lint import lint
from quaich.nginx.lintmodel import Facts
from quaich.nginx.tree import Disk, parse
from quaich.values import replace
from tests.conftest import _need
from tests.support import certificates
from tests.support import nginx as support

pytestmark = pytest.mark.nginx

PROGRAMS = ["", *filter(None, os.environ.get("QUAICH_TESTS_NGINX", "").split(":"))]
# The longest name there may be, for the names that are made of it.
SITE = "a234567890-234567890-234567890-2"
BASE: dict[str, object] = {
    "hosts": ["a.example", "*.b.example", "localhost", "127.0.0.9", "[::1]"],
    "listen": [18080],
    "servers": [
        'unix:/run/q u"o;t{e}s\\/app.sock',
        {"address": "127.0.0.1:19000", "weight": 3, "max-fails": 2},
        {"address": "127.0.0.1:19001", "backup": True},
        {"address": "127.0.0.1:19002", "down": True},
    ],
    "static": [
        {"url": "/static/", "path": '/srv/st "a;t{}#ic\\', "hashed": True, "precompressed": True},
        {"url": "/.well-known/x/", "path": "/srv/x'", "hashed": True, "max-age": 5},
        {"url": "/favicon.ico", "path": "/srv/f.ico"},
        {"url": "/login", "path": "/srv/login.html"},
    ],
    "internal": [{"url": "/protected/", "path": "/srv/p"}],
    "cache": [{"path": "/c/", "cookies": ["a.b"]}, {"path": "/"}],
    "limit": [
        {"path": "/login/", "rate": "5/m"},
        {"path": "/c/", "rate": "9/s", "burst": 0},
    ],
    "real-ip": ["10.0.0.0/8", "fd00::/8"],
    "headers": {
        "X-Frame-Options": "DENY",
        "Content-Security-Policy": "default-src 'self'; a \"b\"",
    },
    "harakiri": 30,
}


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pem")
    certificates.make(made)
    return made


def variants(pem: Path) -> dict[str, dict[str, object]]:
    tls = {"certificate": f"{pem}/server.pem", "key": f"{pem}/server.key", "port": 18443}
    return {
        "plain": {},
        "least": {"static": [], "cache": [], "limit": [], "real-ip": [], "compress": False},
        "tls": {"tls": tls, "hsts": "1d", "hsts-subdomains": True},
        "both": {"tls": {**tls, "redirect": False}},
        "http3": {"tls": tls, "http3": True},
        "certbot": {"hosts": ["a.example"], "tls": {**tls, "kind": "certbot"}},
        "addresses": {"listen": ["127.0.0.1:18081", "[::1]:18082"]},
        "proxy-protocol": {"real-ip-header": "proxy-protocol"},
        "closed": {"maintenance": {"allow": ["127.0.0.0/8"], "page": "/srv/a page.html"}},
        "closed-plainly": {"maintenance": {}},
        "resolver": {"servers": ["a.example:80", "/x.sock"], "resolver": ["127.0.0.53"]},
    }


def written(nginx: Nginx, more: dict[str, object]) -> None:
    """The one site, in a configuration of its own."""
    front = facts.front({**BASE, **more}, site=SITE, place="test")
    files = render.render(front, nginx.abilities)
    for path in Path(nginx.sites).iterdir():
        path.unlink()
    placing.add_snippets(nginx, files)
    for name, text in files.items():
        if "/" not in name:
            (Path(nginx.sites) / name).write_text(text)


def nginx_at(prefix: Path, program: str = "") -> Nginx:
    _need("nginx", support.program())
    with pytest.MonkeyPatch.context() as patch:
        if program:
            patch.setattr("shutil.which", lambda name, path=None: program)
        made = install.private(str(prefix), 18080)
    ownmain.prepare(made)
    return made


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path or "installed")
def test_nginx_has_no_objection(tmp_path: Path, pem: Path, program: str) -> None:
    made = nginx_at(tmp_path / "n", program)
    tried = 0
    for protocol in facts.PROTOCOLS:
        for name, more in variants(pem).items():
            if protocol != "uwsgi" and name not in ("plain", "closed"):
                continue
            try:
                written(made, {**more, "protocol": protocol})
            except NginxError:
                assert name in ("http3", "resolver"), name
                continue
            tried += 1
            done = subprocess.run(
                control.command(made, "-t"), capture_output=True, text=True, timeout=60, check=False
            )
            objections = [each for each in done.stderr.splitlines() if "[" in each]
            assert (done.returncode, objections) == (0, []), (protocol, name)
    assert tried > 10


def test_our_own_linter_has_nothing_to_say(tmp_path: Path, pem: Path) -> None:
    made = nginx_at(tmp_path / "n")
    for version in (made.abilities.version, (1, 31, 3)):
        newer = replace(made, abilities=replace(made.abilities, version=version))
        for name, more in variants(pem).items():
            try:
                written(newer, more)
            except NginxError:
                continue
            found = lint(parse(Disk(), made.config), Facts(version=version))
            assert not found, (name, [str(each) for each in found])


def test_gixy_has_nothing_to_say(tmp_path: Path, pem: Path) -> None:
    if find_spec("gixy") is None:
        pytest.skip("gixy-next is not installed")
    made = nginx_at(tmp_path / "n")
    written(made, variants(pem)["tls"] | variants(pem)["closed"])
    done = subprocess.run(
        [sys.executable, "-m", "gixy", made.config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "No issues found" in done.stdout, f"{done.stdout}{done.stderr}"


def test_crossplane_reads_what_we_read(tmp_path: Path, pem: Path) -> None:
    crossplane = pytest.importorskip("crossplane")
    made = nginx_at(tmp_path / "n")
    written(made, variants(pem)["tls"])
    path = f"{made.sites}/{render.site_file(SITE)}"
    found = crossplane.parse(path, single=True, check_ctx=False, check_args=False)
    assert found["status"] == "ok", found["errors"]

    def names(block: list[dict[str, object]]) -> list[tuple[object, ...]]:
        return [
            (
                unescaped(each["directive"]),
                *map(unescaped, each["args"]),
                names(each.get("block", [])),
            )  # type: ignore
            for each in block
        ]

    def unescaped(word: str) -> str:
        # crossplane leaves two backslashes where nginx reads one.
        return word.replace("\\\\", "\\")

    def ours(tree: object) -> list[tuple[object, ...]]:
        return [(each.name, *each.args, ours(each)) for each in tree.children]  # type: ignore

    text = Path(path).read_text()
    mine = parse(_Alone(text), path)
    assert not mine.faults
    assert names(found["config"][0]["parsed"]) == ours(mine)


class _Alone(Disk):
    """One text, without what it includes."""

    def __init__(self, text: str) -> None:
        self.only = text

    def find(self, pattern: str) -> list[str]:
        return []

    def text(self, path: str) -> str | None:
        return self.only
