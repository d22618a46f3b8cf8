"""Findings: a whole tutorial-like configuration, each rule on its own, and clean ones."""

import random
import re
import time
from pathlib import Path

import pytest

from quaich.config.base import ListenSpec
from quaich.config.codes import ERROR, NOTE
from quaich.config.codes.table import CODES
from quaich.nginx.lint import lint
from quaich.nginx.lintmodel import App, Facts, seconds, size
from quaich.nginx.tree import Texts, parse
from tests.support.nginxsites import (
    DEBIAN,
    DEFAULT,
    FILES,
    GUNICORN,
    LUA,
    STREAM,
    TLS,
    TUTORIAL,
    UWSGI,
)

EXAMPLE = (Path(__file__).parents[3] / "examples" / "hello" / "nginx.conf").read_text()
PARTS = 'include uwsgi_params; uwsgi_param HTTP_PROXY "" if_not_empty;'
PASS = f"{PARTS} uwsgi_pass unix:/run/shop/app.sock;"
NOTHING = Facts()


def told(text: str, facts: Facts = NOTHING, **files: str) -> list[tuple[str, int]]:
    """(code, line) of each finding."""
    held = {"/n/main": text, **FILES, **{f"/n/{name}": each for name, each in files.items()}}
    return [(found.code, found.line) for found in lint(parse(Texts(held), "/n/main"), facts)]


def codes(text: str, facts: Facts = NOTHING) -> list[str]:
    return [code for code, _ in told(text, facts)]


def test_the_tutorial() -> None:
    assert sorted(told(TUTORIAL)) == [
        ("QN004", 26),
        ("QN004", 27),
        ("QN004", 28),
        ("QN004", 29),
        ("QN004", 30),
        ("QN008", 18),
        ("QN008", 21),
        ("QN009", 20),
        ("QN011", 30),
        ("QN017", 25),
        ("QN020", 15),
        ("QN021", 15),
        ("QN041", 15),
        ("QN046", 15),
        ("QN047", 16),
        ("QN048", 16),
        ("QN049", 10),
        ("QN050", 6),
        ("QN051", 9),
        ("QN052", 15),
        ("QN053", 1),
    ]


def whole(main: str, *sites: str) -> list[tuple[str, int]]:
    files = {f"/n/sites/{n}": each for n, each in enumerate(sites)}
    held = {"/n/main": main, **FILES, **files}
    findings = lint(parse(Texts(held), "/n/main"), Facts(version=(1, 22, 1), somaxconn=4096))
    return [(found.place, found.code) for found in findings]


@pytest.mark.parametrize("site", [DEFAULT, UWSGI, GUNICORN, TLS, LUA], ids=range(5))
def test_clean_sites(site: str) -> None:
    """Alone, and in a distribution's own configuration beside its default site."""
    assert told(site) == []
    assert whole(DEBIAN, site, *([] if "default_server" in site else [DEFAULT])) == []


def test_our_own_example() -> None:
    """Nothing but what a name that nobody owns can have no certificate for."""
    assert told(EXAMPLE) == []
    assert {code for _, code in whole(DEBIAN, EXAMPLE, DEFAULT)} == {"QN041", "QN048"}


def test_clean_sites_together() -> None:
    assert whole(DEBIAN, TLS, UWSGI) == []
    assert whole(STREAM, DEFAULT) == []


def site(inside: str, before: str = "") -> str:
    """A site alone: nothing is known of the http around it."""
    return f"{before}\nserver {{ server_name a;\n{inside}\n}}\n"


LOCATION = "location / { %s }"
TWO = "upstream up { server 10.0.0.1:80; server 10.0.0.2:80; }"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("QN003", site("location / { uwsgi_pass unix:/run/a; }")),
        ("QN003", site("location / { fastcgi_param X y; fastcgi_pass unix:/run/a; }")),
        ("QN004", site(f"location / {{ {PASS} proxy_read_timeout 5s; }}")),
        ("QN005", site(f"{PARTS} location / {{ uwsgi_param A b; uwsgi_pass unix:/run/a; }}")),
        ("QN006", site(f"location / {{ uwsgi_param X_REAL_IP $remote_addr; {PASS} }}")),
        ("QN006", site(f"location / {{ uwsgi_param X-Forwarded-For $remote_addr; {PASS} }}")),
        ("QN007", site(f"location /static {{ alias /a/static/; }} location / {{ {PASS} }}")),
        ("QN007", site(f"location ^~ /s {{ alias /a/; }} location / {{ {PASS} }}")),
        ("QN008", site(f"location /static/ {{ root /a/static; }} location / {{ {PASS} }}")),
        ("QN009", site(f"location = /robot.txt {{ return 404; }} location / {{ {PASS} }}")),
        ("QN010", site(f"location / {{ {PASS} fastcgi_read_timeout 5s; }}")),
        (
            "QN010",
            site(
                "location / { uwsgi_read_timeout 5; proxy_set_header Host $host; proxy_pass"
                " http://127.0.0.1:80; }"
            ),
        ),
        (
            "QN011",
            site(f"location / {{ uwsgi_param HTTP_X_FORWARDED_HOST $server_name; {PASS} }}"),
        ),
        ("QN012", site(f"location /static/ {{ alias /a/static; }} location / {{ {PASS} }}")),
        (
            "QN013",
            site(
                "location / { include debian_params; uwsgi_param HTTP_HOST $host:$server_port;"
                ' uwsgi_param HTTP_PROXY ""; uwsgi_pass unix:/run/a; }'
            ),
        ),
        (
            "QN014",
            site(
                "listen 8080; location / { include debian_params; uwsgi_param HTTP_PROXY x;"
                " uwsgi_pass unix:/run/a; }"
            ),
        ),
        ("QN015", site(f"location / {{ uwsgi_param HTTP_HOST $http_host; {PASS} }}")),
        ("QN015", site("location / { proxy_set_header Host $http_host; proxy_pass http://a; }")),
        (
            "QN016",
            site("location / { proxy_set_header X-A b; proxy_pass http://127.0.0.1:8000; }"),
        ),
        ("QN017", site("location / { include uwsgi_params; uwsgi_pass unix:/run/a; }")),
        ("QN018", site(f"set_real_ip_from 0.0.0.0/0; location / {{ {PASS} }}")),
        (
            "QN019",
            site(
                "include proxy_params; location / { proxy_set_header A b; proxy_pass"
                " http://localhost:1; }"
            ),
        ),
        ("QN020", site(f"location / {{ uwsgi_buffer_size 4k; {PASS} }}")),
        ("QN022", site(f"location / {{ uwsgi_buffering off; {PASS} }}")),
        ("QN022", site(f"uwsgi_request_buffering off; location /a {{ {PASS} }}")),
        (
            "QN023",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; }}",
                "upstream up { server unix:/run/a; keepalive 8; }",
            ),
        ),
        (
            "QN025",
            site(
                f"location / {{ {PARTS} uwsgi_next_upstream error http_503; uwsgi_pass up; }}", TWO
            ),
        ),
        (
            "QN026",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; uwsgi_next_upstream non_idempotent; }}",
                TWO,
            ),
        ),
        (
            "QN027",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; }}",
                "upstream up { server 10.0.0.1:1 max_fails=0; server 10.0.0.2:1 backup; }",
            ),
        ),
        ("QN028", site(f"location / {{ {PARTS} uwsgi_pass unix:/tmp/a.sock; }}")),
        ("QN028", site(f"location / {{ {PARTS} uwsgi_pass unix:///tmp/a.sock; }}")),
        (
            "QN028",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; }}",
                "upstream up { server unix:///tmp/a.sock; }",
            ),
        ),
        (
            "QN028",
            site("location / { include proxy_params; proxy_pass http://unix:/tmp/a.sock:/; }"),
        ),
        (
            "QN032",
            site(
                "uwsgi_cache c; uwsgi_cache_key $host; uwsgi_ignore_headers Set-Cookie;"
                f" location / {{ {PASS} }}"
            ),
        ),
        ("QN034", site(f"location / {{ uwsgi_cache c; uwsgi_cache_key $request_uri; {PASS} }}")),
        (
            "QN036",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; }}",
                "uwsgi_cache_path /c keys_zone=shop:1m; upstream up { zone shop 64k; server a; }",
            ),
        ),
        (
            "QN036",
            site(
                f"location / {{ {PASS} }}",
                "limit_req_zone $a zone=z:1m rate=1r/s;\nlimit_conn_zone $a zone=z:1m;",
            ),
        ),
        (
            "QN037",
            site(
                f"location / {{ {PARTS} uwsgi_pass up; }}",
                "uwsgi_cache_path /c keys_zone=up:1m; upstream up { server a; }",
            ),
        ),
        ("QN038", site(f"location / {{ {PARTS} if (!-f $a) {{ uwsgi_pass unix:/run/a; }} }}")),
        (
            "QN039",
            site(
                "add_header X-Frame-Options DENY always; location /static/ { add_header A b; }"
                f" location / {{ {PASS} }}"
            ),
        ),
        (
            "QN039",
            site(
                "add_header X-Frame-Options DENY always;"
                f" location / {{ {PASS} if ($a) {{ add_header A b; }} }}"
            ),
        ),
        ("QN040", site(f"add_header X-Frame-Options DENY; location / {{ {PASS} }}")),
        ("QN041", site(f"server_tokens on; location / {{ {PASS} }}")),
        ("QN042", site(f"listen 443 ssl; ssl_protocols TLSv1 TLSv1.2; location / {{ {PASS} }}")),
        ("QN043", site(f"listen 443; ssl on; location / {{ {PASS} }}")),
        (
            "QN045",
            site(
                "listen 443 ssl; ssl_certificate /etc/letsencrypt/a; ssl_stapling on;"
                f" location / {{ {PASS} }}"
            ),
        ),
        ("QN046", f"server {{ location / {{ {PASS} }} }}"),
        ("QN049", site(f"gzip on; gzip_types text/css; location / {{ {PASS} }}")),
        ("QN051", site(f'gzip on; gzip_disable "msie6"; location / {{ {PASS} }}')),
        ("QN054", site(f"location / {{ early_hints $a; {PASS} }}")),
        ("QN056", "server {"),
    ],
)
def test_each_rule(code: str, text: str) -> None:
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        # What stands beside another pass, or is shared.
        site(
            f"proxy_set_header Host $host; location /a {{ proxy_pass http://127.0.0.1:1; }}"
            f" location / {{ {PASS} }}"
        ),
        site(
            "location / { fastcgi_split_path_info ^(.+)$; include fastcgi_params;"
            " fastcgi_pass unix:/a; }"
        ),
        # A port that is somebody else's concern.
        site(
            "listen 127.0.0.1:8080; location / { include debian_params;"
            " uwsgi_param HTTP_PROXY x; uwsgi_pass unix:/run/a; }"
        ),
        # Nothing to repeat a request on.
        site(f"location / {{ uwsgi_next_upstream error http_503 non_idempotent; {PASS} }}"),
        # One location streams.
        site(f"location /events {{ uwsgi_buffering off; {PASS} }}"),
        # Replaced, not lost.
        site(
            "add_header Cache-Control no-cache; location /a/ { add_header Cache-Control public; }"
            f" location / {{ {PASS} }}"
        ),
        site(
            "add_header X-Frame-Options DENY always; add_header_inherit merge;"
            f" location /a {{ add_header A b; }} location / {{ {PASS} }}"
        ),
        # Not local: whoever is there may want its own name.
        site("location / { proxy_set_header A b; proxy_pass https://files.example.com; }"),
        # A missing file may hold what is missed.
        site("location / { include other_params; uwsgi_pass unix:/run/a; }"),
        site("location / { include other; proxy_set_header A b; proxy_pass http://127.0.0.1:1; }"),
        # The regular expression has its own rules; so have one file and variables.
        site(f"location ~ ^/static(.*) {{ alias /a$1; }} location / {{ {PASS} }}"),
        site(f"location = /a {{ alias /b/; }} location / {{ {PASS} }}"),
        site(f"location /u/ {{ alias /home/$user; }} location / {{ {PASS} }}"),
        f"server {{ listen 80 default_server; location / {{ {PASS} }} }}",
        f"server {{ listen 127.0.0.1:80; listen unix:/run/x; location / {{ {PASS} }} }}",
        # No site of an application.
        "server { listen 8080; add_header X-Frame-Options DENY; location / { root /a; } }",
    ],
    ids=range(16),
)
def test_what_is_no_mistake(text: str) -> None:
    assert codes(text) == []


def around(inside: str, more: str = "") -> str:
    """A whole configuration in which only the inside can be wrong."""
    return (
        "worker_processes auto; http { include conf/*; server { listen 80 default_server; }\n"
        f"server_tokens off; {more}\nserver {{ server_name a;\n{inside}\n}}\n}}\n"
    )


SIZES = "client_max_body_size 8m; uwsgi_buffer_size 16k;"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("", around(LOCATION % PASS, SIZES)),
        ("QN016", around(LOCATION % "proxy_pass http://127.0.0.1:1;", SIZES)),
        ("QN020", around(LOCATION % PASS, "client_max_body_size 8m;")),
        ("QN021", around(LOCATION % PASS, "uwsgi_buffer_size 16k;")),
        ("QN033", around(f"uwsgi_cache c; uwsgi_no_cache x; location / {{ {PASS} }}", SIZES)),
        ("QN035", around(f"uwsgi_cache c; uwsgi_cache_key $host; location / {{ {PASS} }}", SIZES)),
        ("QN041", around(LOCATION % PASS, SIZES).replace("server_tokens off;", "")),
        (
            "QN047",
            around(LOCATION % PASS, SIZES).replace("server { listen 80 default_server; }", ""),
        ),
        (
            "QN048",
            around(LOCATION % PASS, SIZES).replace("server_name a", "server_name a.example.org"),
        ),
        ("QN052", around(LOCATION % PASS, SIZES).replace("include conf/*;", "")),
        ("QN053", around(LOCATION % PASS, SIZES).replace("auto", "1")),
        ("QN053", around(LOCATION % PASS, SIZES).replace("worker_processes auto;", "")),
        # Whatever is missing may be there.
        ("", around(LOCATION % PASS).replace("include conf/*;", "include conf.more;")),
    ],
)
def test_what_a_whole_configuration_lacks(code: str, text: str) -> None:
    assert codes(text) == ([code] if code else [])


def test_what_is_known_of_the_machine() -> None:
    text = site(f"listen 80 backlog=9999; listen 443 ssl http2; ssl on; location / {{ {PASS} }}")
    assert codes(text) == ["QN043"]
    facts = Facts((1, 26, 3), "nginx 1.26.3-1", 4096, lambda path: 0o666)
    assert codes(text, facts) == ["QN029", "QN031", "QN044", "QN043", "QN055"]
    assert (
        codes(site("location / { include proxy_params; proxy_pass http://10.0.0.1; }"), facts) == []
    )
    new = lint(parse(Texts({"/n/main": text, **FILES}), "/n/main"), Facts((1, 25, 1)))
    assert [found.severity for found in new if found.code == "QN043"] == [ERROR]


def test_what_the_application_says() -> None:
    spec = ListenSpec("/run/shop/app.sock", "uwsgi", "socket", "a.ini:2")
    slow = Facts(apps=[App([spec], 60, 100, "a.ini:3")])
    quick = Facts(apps=[App([spec], 30, 1024, "a.ini:3")])
    default = around(LOCATION % PASS, SIZES)
    assert codes(default, slow) == ["QN030", "QN024"]
    assert codes(default, quick) == []
    assert codes(site(LOCATION % f"uwsgi_read_timeout 1m; {PASS}"), slow) == ["QN030", "QN024"]
    assert codes(site(LOCATION % f"uwsgi_read_timeout 65s; {PASS}"), slow) == ["QN030"]
    # The default is not known where http may set another.
    assert codes(site(LOCATION % PASS), slow) == ["QN030"]
    http = "location / { include proxy_params; proxy_pass http://unix:/run/shop/app.sock; }"
    assert codes(site(http), quick) == ["QN002"]


def test_a_default_is_only_a_note() -> None:
    held = {"/n/main": around(LOCATION % PASS), **FILES}
    found = lint(parse(Texts(held), "/n/main"), NOTHING)
    assert {each.code: each.severity for each in found} == {"QN020": NOTE, "QN021": NOTE}


def test_a_large_machine() -> None:
    """What looked through a server for each of its locations took minutes."""
    locations = "".join(f"location /{n} {{ {PASS} }}\n" for n in range(1000))
    before = time.process_time()
    assert codes(site(locations)) == []
    assert time.process_time() - before < 5


def test_mutations() -> None:
    """Whatever a configuration is made into, there is an answer."""
    dice = random.Random(5)
    spec = ListenSpec("/run/shop/a.sock", "uwsgi", "socket", "a.ini:2")
    facts = Facts((1, 26, 3), "nginx", 1, lambda path: 0o777, [App([spec], 60, 10, "a.ini:3")])
    signs = "{};\"'\\#$ \n\0=:/0"
    for turn in range(300):
        text = (TLS, TUTORIAL, GUNICORN, UWSGI)[turn % 4]
        for _ in range(dice.randrange(1, 8)):
            at = dice.randrange(len(text))
            cut = dice.choice((0, 1, 1, dice.randrange(60)))
            text = text[:at] + dice.choice(("", *signs)) + text[at + cut :]
        held = {"/n/main": text, **FILES}
        for found in lint(parse(Texts(held), "/n/main"), facts):
            assert found.code in CODES
            assert found.line or found.code == "QN055"


def test_every_code_is_tried() -> None:
    here = Path(__file__)
    texts = here.read_text() + here.with_name("test_examine.py").read_text()
    tried = set(re.findall(r'"(QN[0-9]{3})"', texts))
    assert {code for code in CODES if code.startswith("QN")} - tried == set()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("1h", 3600),
        ("", None),
        ("x", None),
        ("1x", None),
    ],
)
def test_times(text: str, value: float | None) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("4k", 4096), ("4096", 4096), ("1M", 1 << 20), ("", None), ("k", None)]
)
def test_sizes(text: str, value: int | None) -> None:
    assert size(text) == value
