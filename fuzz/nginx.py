"""Configurations of nginx: read and judged, in time, and with nothing but findings."""

import random
import sys
from pathlib import Path

import common

from quaich.config.base import ListenSpec
from quaich.config.codes.table import CODES
from quaich.nginx.lint import lint
from quaich.nginx.lintmodel import App, Facts
from quaich.nginx.tree import Texts, dumped, parse
from tests.support import mutate

_EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "hello" / "nginx.conf"
_PARAMS = "uwsgi_param REQUEST_METHOD $request_method;\ninclude main;\n"
_SPEC = ListenSpec("127.0.0.1:8080", "uwsgi", "socket", "a.ini:2")
_FACTS = Facts((1, 26, 3), "nginx", 1, lambda path: 0o777, [App([_SPEC], 60, 10, "a.ini:3")])
_MORE = b"""\
worker_processes 1;
http {
    uwsgi_cache_path /c keys_zone=z:1m;
    map $http_upgrade $c { default upgrade; '' close; "~*^x{2}$" "a b"; }
    gzip on; gzip_types text/css; gzip_disable "MSIE [1-6]\\.";
    add_header X-Frame-Options DENY;
    upstream z { zone z 64k; server unix:///tmp/a.sock max_fails=0; server [::1]:80 backup; }
    server {
        listen [::]:443 ssl http2 backlog=9; ssl on; set_real_ip_from 0.0.0.0/0;
        location ~ ^/(\\d+)${x}$ { content_by_lua_block { x("}") --[[ } ]] } }
        location /s { alias /s/; add_header A b; }
        location / { uwsgi_cache z; uwsgi_read_timeout 1m30s; include p; uwsgi_pass z; }
        location @a { if ($a = "") { proxy_pass http://unix:/a:/; } proxy_set_header A b; }
    }
}
"""


def check(data: bytes, chance: random.Random) -> None:
    text = data.decode("utf-8", "replace")
    files = {"/n/main": text, "/n/p": _PARAMS, "/n/uwsgi_params": _PARAMS}
    root = parse(Texts(files | dumped(text)), "/n/main")
    for each in root.walk():
        assert each.parent is not None
        assert each.place.rpartition(":")[2].isdecimal()
    for found in lint(root, _FACTS):
        assert found.code in CODES
        assert found.text


def seeds() -> list[bytes]:
    return [_EXAMPLE.read_bytes(), _MORE, b"# configuration file /n/main:\n" + _MORE]


damage = mutate.nginx


if __name__ == "__main__":
    assert __doc__
    sys.exit(common.main(__doc__, seeds(), damage, check))
