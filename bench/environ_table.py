"""What an application sees through nginx and quaich, beside nginx and uWSGI, key by key.

The same bytes are sent to one nginx on two loopback addresses with the same port; behind the first
is quaich, behind the second uWSGI.  Every key of every environ is compared; the table shows each
request with its differences, those that are meant marked with the reason.  The exit status is 1 if
one was not meant.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import peers
from tests.support import http
from tests.support.net import exchange
from tests.support.nginx import Nginx
from tests.support.ports import free_port
from tests.support.server import Server

ABSENT = "(absent)"


@dataclass(frozen=True)
class Case:
    name: str
    target: str = "/"
    method: str = "GET"
    headers: tuple[str, ...] = ()
    body: bytes = b""
    mounted: bool = False
    version: str = "HTTP/1.1"
    host: str = "Host: example.org"

    def data(self) -> bytes:
        lines = [f"{self.method} {self.target} {self.version}"]
        lines += [self.host] if self.host else []
        lines += ["Connection: close", *self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


CASES = (
    Case("plain"),
    Case("HTTP/1.0 without Host", version="HTTP/1.0", host=""),
    Case("query", "/?a=1&b=%20&c=+&a=2"),
    Case("empty query", "/x?"),
    Case("question marks in the query", "/x?a?b=?"),
    Case("percent-encoded path", "/caf%C3%A9/%20/%25"),
    Case("encoded slash", "/a%2Fb"),
    Case("twice encoded", "/a%252Fb%2525"),
    Case("not UTF-8", "/%ff%fe"),
    Case("raw UTF-8 in the path", "/caf\xc3\xa9"),
    Case("raw UTF-8 in the query", "/?q=caf\xc3\xa9"),
    Case("dot segments", "/a/./b/../c"),
    Case("encoded dot segments", "/a/%2e%2e/b"),
    Case("double slashes", "//a//b"),
    Case("semicolon and plus", "/a;p=1/b+c"),
    Case("absolute form", "http://other.example/x?y=1"),
    Case("long path", "/" + "x" * 3000),
    *(
        Case(f"method {method}", "/m", method)
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "BREW")
    ),
    Case("body", "/", "POST", ("Content-Length: 5", "Content-Type: text/plain"), b"12345"),
    Case("empty body", "/", "POST", ("Content-Length: 0",)),
    Case(
        "form",
        "/",
        "POST",
        ("Content-Length: 7", "Content-Type: application/x-www-form-urlencoded"),
        b"a=1&b=2",
    ),
    Case(
        "chunked body",
        "/",
        "POST",
        ("Transfer-Encoding: chunked",),
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ),
    Case("binary body", "/", "POST", ("Content-Length: 256",), bytes(range(256))),
    Case("body with GET", "/", "GET", ("Content-Length: 3",), b"abc"),
    Case("Content-Type without a body", "/", "GET", ("Content-Type: text/x",)),
    Case("latin-1 header", headers=("X-Name: caf\xe9",)),
    Case("UTF-8 header", headers=("X-Name: caf\xc3\xa9",)),
    Case("empty header", headers=("X-Empty:",)),
    Case("repeated header", headers=("X-Many: one", "X-Many: two", "X-Many: three")),
    Case("repeated cookie", headers=("Cookie: a=1", "Cookie: b=2")),
    Case(
        "repeated X-Forwarded-For", headers=("X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 2.2.2.2")
    ),
    Case("header with an underscore", headers=("X_Under: spoof", "X-Under: true")),
    Case("Proxy header", headers=("Proxy: http://evil.example/",)),
    Case("authorization", headers=("Authorization: Basic dTpw",)),
    Case("X-Forwarded-Proto", headers=("X-Forwarded-Proto: https",)),
    Case("X-Forwarded-SSL", headers=("X-Forwarded-SSL: on",)),
    Case("host with a port", host="Host: example.org:8080"),
    Case("host in capitals", host="Host: EXAMPLE.org"),
    Case("custom parameters", "/custom/x"),
    Case("empty parameter", "/custom/empty"),
    Case("UWSGI_SCHEME", "/scheme/x"),
    Case("HTTPS on", "/https/x"),
    Case("HTTPS 1", "/https1/x"),
    Case("SCRIPT_NAME from nginx", "/script/x"),
    Case("REMOTE_USER from nginx", "/user/x"),
    Case("HTTP_HOST from nginx", "/debian/x", host="Host: example.org:8080"),
    Case("mount: root", "/", mounted=True),
    Case("mount: the point itself", "/app", mounted=True),
    Case("mount: the point with a slash", "/app/", mounted=True),
    Case("mount: below", "/app/x/y?q=1", mounted=True),
    Case("mount: encoded", "/app/caf%C3%A9", mounted=True),
    Case("mount: a longer name", "/apple", mounted=True),
    Case("mount: the longer point", "/app/second/z", mounted=True),
    Case("mount: double slash", "/app//x", mounted=True),
)

# A difference that is meant: the key, and the reason.
MEANT = {
    "HTTP_PROXY": "a client's Proxy header never becomes HTTP_PROXY",
    "SCRIPT_NAME": "empty where uWSGI leaves it out; wsgiref.validate expects it",
    "HTTP_CONTENT_LENGTH": "PEP 3333 has CONTENT_LENGTH instead; wsgiref.validate refuses both",
    "HTTP_CONTENT_TYPE": "PEP 3333 has CONTENT_TYPE instead; wsgiref.validate refuses both",
    "wsgi.input": "quaich's own type; the protocol is the same",
    "wsgi.errors": "quaich's own type; the protocol is the same",
    "wsgi.file_wrapper": "quaich's own type; the protocol is the same",
    "wsgi.input_terminated": "quaich's input always ends, whatever the length says",
}

CONFIG = """
    server {{
        listen {address}:PORT;
        server_name example.org;
        merge_slashes off;
        location / {{ include uwsgi_params; uwsgi_pass unix:{plain}; }}
        location /custom/ {{
            include uwsgi_params;
            uwsgi_param X_CUSTOM "two words";
            uwsgi_param lower.case value;
            uwsgi_param EMPTY "";
            uwsgi_param MAYBE "" if_not_empty;
            uwsgi_pass unix:{plain};
        }}
        location /scheme/ {{
            include uwsgi_params; uwsgi_param UWSGI_SCHEME https; uwsgi_pass unix:{plain};
        }}
        location /https/ {{ include uwsgi_params; uwsgi_param HTTPS on; uwsgi_pass unix:{plain}; }}
        location /https1/ {{ include uwsgi_params; uwsgi_param HTTPS 1; uwsgi_pass unix:{plain}; }}
        location /script/ {{
            include uwsgi_params; uwsgi_param SCRIPT_NAME /script; uwsgi_pass unix:{plain};
        }}
        location /debian/ {{
            include uwsgi_params; uwsgi_param HTTP_HOST $host; uwsgi_pass unix:{plain};
        }}
        location /user/ {{
            include uwsgi_params; uwsgi_param REMOTE_USER alice; uwsgi_pass unix:{plain};
        }}
    }}
    server {{
        listen {address}:MOUNTED;
        server_name example.org;
        merge_slashes off;
        location / {{ include uwsgi_params; uwsgi_pass unix:{mounted}; }}
    }}
"""


@dataclass
class Side:
    """One of the two servers: an instance with one application and one with mount points."""

    name: str
    command: list[str]
    address: str
    servers: list[Server] = field(default_factory=list)

    def start(self, directory: Path) -> str:
        plain, mounted = directory / f"{self.name}-1.sock", directory / f"{self.name}-2.sock"
        arguments = {
            plain: ["-w", "environ_json"],
            mounted: [
                *("--mount", "/app=environ_json:application", "--manage-script-name"),
                *("--mount", "/app/second=environ_json:second", "-w", "environ_json"),
            ],
        }
        for path, more in arguments.items():
            server = Server(
                [*self.command, "--socket", str(path), "--master", "--buffer-size=65535", *more],
                cwd=peers.APPS,
                output=directory / f"{path.name}.log",
            )
            self.servers.append(server)
            server.wait_listening(str(path))
        return CONFIG.format(address=self.address, plain=plain, mounted=mounted)


def ask(address: tuple[str, int], case: Case) -> dict[str, str]:
    """The environ as the application saw it, or what came instead."""
    reply = http.parse(exchange(address, case.data()), case.method)
    if reply.status != 200 or not reply.body.startswith(b"{"):
        return {"(reply)": f"{reply.status} {reply.reason}"}
    seen: dict[str, str] = json.loads(reply.body)
    if re.fullmatch(r"\d+", seen.get("REMOTE_PORT", "")):
        seen["REMOTE_PORT"] = "(a port)"
    return seen


def differences(
    ours: Mapping[str, str], theirs: Mapping[str, str]
) -> list[tuple[str, str, str, str]]:
    """Key, quaich's value, uWSGI's value and the reason, empty where it was not meant."""
    return [
        (key, ours.get(key, ABSENT), theirs.get(key, ABSENT), reason(key, ours, theirs))
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key) != theirs.get(key)
    ]


def reason(key: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """Why the difference is meant; empty if it is not."""
    if key == "SCRIPT_NAME" and (ours.get(key) != "" or key in theirs):
        return ""
    if key == "HTTP_PROXY" and key in ours:
        return ""
    return MEANT.get(key, "")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uwsgi", help="the uwsgi program; default: from the benchmark's own venv")
    parser.add_argument("--full", action="store_true", help="every key, the equal ones too")
    options = parser.parse_args()
    if options.uwsgi is None:
        failed = peers.install(["uwsgi"])
        if failed:
            print(failed, file=sys.stderr)
            return 2
        options.uwsgi = str(peers.VENV / "bin" / "uwsgi")

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        quaich = peers.quaich_argv(0)
        sides = (
            Side("quaich", quaich[: quaich.index("--http-socket")], "127.0.0.1"),
            Side("uwsgi", [options.uwsgi], "127.0.0.2"),
        )
        front = None
        try:
            port, mounted = free_port(), free_port()
            text = "".join(side.start(directory) for side in sides)
            front = Nginx(
                directory / "nginx", text.replace("MOUNTED", str(mounted)), ("127.0.0.1", port)
            )
            front.start()
            unmeant = 0
            for case in CASES:
                where = mounted if case.mounted else port
                ours, theirs = (ask((side.address, where), case) for side in sides)
                found = differences(ours, theirs)
                unmeant += show(case, ours, found, options.full)
        finally:
            if front is not None:
                front.stop()
            for side in sides:
                for server in side.servers:
                    server.kill()
    print(f"\n{len(CASES)} requests, {unmeant} differences that are not meant")
    return 1 if unmeant else 0


_told: set[tuple[str, str, str]] = set()


def show(
    case: Case, ours: Mapping[str, str], found: list[tuple[str, str, str, str]], full: bool
) -> int:
    """Print one request; the number of its differences that are not meant."""
    unmeant = [each for each in found if not each[3]]
    equal = len(ours) - sum(1 for key, *_ in found if key in ours)
    verdict = "DIFFERS" if unmeant else "equal" if not found else "equal but for what is meant"
    print(f"{case.name:32} {case.method:8} {case.target[:40]:42} {equal:3} keys equal   {verdict}")
    for key, mine, uwsgis, reason in found:
        if reason and (key, mine, uwsgis) in _told and not full:
            continue
        _told.add((key, mine, uwsgis))
        mark = f"meant: {reason}" if reason else "NOT MEANT"
        print(f"    {key}: quaich {mine[:90]!r}, uWSGI {uwsgis[:90]!r}   {mark}")
    if full:
        different = {key for key, *_ in found}
        for key, value in sorted(ours.items()):
            if key not in different:
                print(f"    {key}: {value[:120]!r}")
    return len(unmeant)


if __name__ == "__main__":
    sys.exit(main())
