"""One application of quaich's own server behind rendered sites: each protocol tells it the same."""

import json
from pathlib import Path

import pytest

from quaich.nginx.facts import PROTOCOLS
from tests.conftest import StartServer
from tests.support.sites import Sites

pytestmark = pytest.mark.nginx

OPTIONS = {
    "uwsgi": "--socket",
    "http": "--http-socket",
    "scgi": "--scgi-socket",
    "fastcgi": "--fastcgi-socket",
}


def test_each_protocol_tells_the_same(
    sites: Sites, start: StartServer, apps: Path, tmp_path: Path
) -> None:
    args = [word for name in PROTOCOLS for word in (OPTIONS[name], str(tmp_path / name))]
    server = start("--master", "-w", "environ_json", *args, cwd=apps)
    server.wait_ready()
    seen = {}
    for name in PROTOCOLS:
        sites.site(name, protocol=name, servers=[str(tmp_path / name)])
        target = "/caf%C3%A9/a%252Fb%20c?q=%20&r"
        given = {
            "Cookie": "a=" + "x" * 3000,
            "Proxy": "evil",
            "X_Forwarded_For": "6.6.6.6",
            "X_Forwarded_Proto": "https",
            "X_Forwarded_SSL": "on",
            "X_Forwarded_Host": "evil",
        }
        host = f"{name}.example:{sites.address[1]}"
        found = json.loads(sites.get(host, target, "POST", b"body", **given).body)
        assert found.pop("HTTP_HOST") == host
        assert len(found.pop("HTTP_X_REQUEST_ID")) == 32
        seen[name] = found
    same = (
        "(body)",
        "CONTENT_LENGTH",
        "HTTP_COOKIE",
        "HTTP_X_FORWARDED_FOR",
        "HTTP_X_FORWARDED_PROTO",
        "PATH_INFO",
        "QUERY_STRING",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "wsgi.url_scheme",
    )
    for name, found in seen.items():
        assert {key: found[key] for key in same} == {key: seen["uwsgi"][key] for key in same}, name
        assert not [key for key, value in found.items() if "evil" in value or "6.6.6.6" in value]
    first = seen["uwsgi"]
    assert first["PATH_INFO"] == "/caf\xc3\xa9/a%2Fb c"
    assert first["wsgi.url_scheme"] == "http"
    assert (first["(body)"], first["CONTENT_LENGTH"]) == ("body", "4")
    assert {found["REMOTE_ADDR"] for name, found in seen.items() if name != "http"} == {"127.0.0.1"}
