"""Real nginx: what it prints is read, what it makes of words is what the tree has, and what the
findings say happens does happen."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from quaich.nginx.lint import lint
from quaich.nginx.lintmodel import Facts
from quaich.nginx.tree import Texts, dumped, parse, read
from tests.support import http
from tests.support.nginx import Nginx

pytestmark = pytest.mark.nginx

QUOTED = [
    r""" "a b" """,
    r""" 'a "b" c' """,
    r""" "a\"b\\c\td" """,
    r""" a\ b """,
    r""" a"b'c """,
    r""" a#b} """,
    r""" "a;{b}" """,
    r""" '\.\d\w' """,
    r""" a${empty}b """,
    r""" "" """,
    ' "a\n  b" ',
]


def test_words_are_those_of_nginx(nginx: Callable[[str], Nginx]) -> None:
    locations = "\n".join(
        f"location = /{n} {{ return 200{each}; }}" for n, each in enumerate(QUOTED)
    )
    started = nginx(f"server {{ listen 127.0.0.1:PORT; set $empty ''; {locations} }}")
    returned = [each.args[1] for each in read(str(started.config)).walk() if each.name == "return"]
    assert len(returned) == len(QUOTED)
    for n, text in enumerate(returned):
        body = http.get(started.address, f"/{n}").body.decode()
        assert body == text.replace("${empty}", "")


def dump(found: Nginx) -> str:
    argv = [found.binary, "-p", f"{found.prefix}/", "-c", str(found.config), "-e", "stderr", "-T"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout


def test_what_nginx_prints(tmp_path: Path) -> None:
    found = Nginx(
        tmp_path / "n",
        "include sites/*;",
    )
    (found.prefix / "sites").mkdir()
    site = found.prefix / "sites" / "shop"
    site.write_text(
        "server {\n server_name a;\n location / {\n  include uwsgi_params;\n"
        "  uwsgi_param HTTP_PROXY '' if_not_empty;\n  uwsgi_pass unix:/run/a.sock;\n"
        "  proxy_set_header A b;\n }\n}\n"
    )
    files = dumped(dump(found))
    printed = lint(parse(Texts(files), str(found.config)), Facts())
    assert ("QN004", f"{site}:7") in [(each.code, each.place) for each in printed]
    assert printed == lint(read(str(found.config)), Facts())


def test_paths_of_files(nginx: Callable[[str], Nginx], tmp_path: Path) -> None:
    """QN007, QN008 and QN012 say where nginx looks."""
    (tmp_path / "static").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "staticapp.css").write_text("neighbour")
    (tmp_path / "static" / "app.css").write_text("app")
    started = nginx(f"""
        server {{
            listen 127.0.0.1:PORT;
            location /open {{ alias {tmp_path}/static/; }}
            location /static/ {{ root {tmp_path}/static/; }}
            location /shut/ {{ alias {tmp_path}/static; }}
            location /right/ {{ alias {tmp_path}/static/; }}
        }}
    """)
    assert http.get(started.address, "/open../secret").body == b"secret"
    assert http.get(started.address, "/static/app.css").status == 404
    assert http.get(started.address, "/shut/app.css").body == b"neighbour"
    assert http.get(started.address, "/right/app.css").body == b"app"
    assert http.get(started.address, "/right../secret").status == 404


@pytest.mark.parametrize(
    "text",
    [
        "uwsgi_cache_path cache keys_zone=z:1m; upstream u { zone z 64k; server 127.0.0.1:1; }",
        "limit_req_zone $uri zone=z:1m rate=1r/s; limit_conn_zone $uri zone=z:1m;",
        'server { listen 127.0.0.1:PORT; return 200 "; }',
        "include nginx.conf;",
    ],
)
def test_what_is_an_error_is_refused(tmp_path: Path, text: str) -> None:
    found = Nginx(tmp_path / "n", f"{text}\nserver {{ location / {{ uwsgi_pass 127.0.0.1:1; }} }}")
    argv = [found.binary, "-p", f"{found.prefix}/", "-c", str(found.config), "-e", "stderr", "-t"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    codes = {each.code for each in lint(read(str(found.config)), Facts())}
    assert codes & {"QN036", "QN056"}
