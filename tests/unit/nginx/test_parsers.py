"""The tree beside that of ngxparse, where it is installed: names, words and lines."""

from pathlib import Path
from typing import Any

import pytest

from quaich.nginx.tree import Directive, read
from tests.support.nginxsites import DEBIAN, DEFAULT, FILES, GUNICORN, TLS, TUTORIAL, UWSGI

# The module of ngxparse has the name of the library it continues.
crossplane = pytest.importorskip("crossplane", reason="needs ngxparse")

MORE = """\
log_format main '$remote_addr - "$request" ' '"$http_user_agent"'; # a remark
map $http_upgrade $upgrade { default upgrade; '' close; "~*^x{2}$" "a b"; }
geo $limited { default 1; 10.0.0.0/8 0; }
server {
    listen [::]:80 default_server;
    location ~* "\\.(js|css){1,2}$" { expires max; add_header X "a;b{c}" always; }
    location ~ ^/(\\d+)\\.php$ { return 200 'he said "hi"'; }
    set $empty ''; set $both "${empty}x";
    error_page 500 502 /50x.html;
    types { text/html html htm; }
}
"""


def ours(block: Directive) -> list[Any]:
    return [
        [each.name, words(each), int(each.place.rpartition(":")[2]), ours(each)]
        for each in block.children
        if each.name != "include"
    ]


def words(directive: Directive) -> list[str]:
    """The arguments; the parentheses around a condition are left out there."""
    if directive.name != "if":
        return list(directive.args)
    first, *rest = directive.args
    return [first.removeprefix("("), *rest[:-1], rest[-1].removesuffix(")")]


def theirs(block: list[dict[str, Any]]) -> list[Any]:
    return [
        [each["directive"], each["args"], each["line"], theirs(each.get("block", []))]
        for each in block
        if each["directive"] != "include"
    ]


@pytest.mark.parametrize("site", [DEFAULT, UWSGI, GUNICORN, TLS, MORE, TUTORIAL], ids=range(6))
def test_both_read_the_same(tmp_path: Path, site: str) -> None:
    for name, text in FILES.items():
        (tmp_path / name.rpartition("/")[2]).write_text(text)
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "site").write_text(site)
    main = tmp_path / "nginx.conf"
    main.write_text(DEBIAN if "events" not in site else site)
    found = crossplane.parse(str(main), combine=True, check_ctx=False, check_args=False)
    assert ours(read(str(main))) == theirs(found["config"][0]["parsed"])
