"""Sites as nginx reads them, and what is found in those that point here."""

from pathlib import Path

import pytest

from quaich.config.base import ListenSpec
from quaich.nginx.lint import examine
from quaich.nginx.tree import read

UWSGI = ListenSpec("/run/app.sock", "uwsgi", "socket", "a.ini:2")
HTTP = ListenSpec("127.0.0.1:8080", "http", "http-socket", "a.ini:3")
PARAMS = "uwsgi_param REQUEST_METHOD $request_method;\nuwsgi_param PATH_INFO $document_uri;\n"
PASS = "uwsgi_pass unix:/run/app.sock;"


def codes(tmp_path: Path, server: str, *listeners: ListenSpec) -> list[str]:
    (tmp_path / "uwsgi_params").write_text(PARAMS)
    (tmp_path / "sites-enabled").mkdir(exist_ok=True)
    (tmp_path / "sites-enabled" / "site").write_text(f"server {{ server_name a;\n{server}\n}}\n")
    (tmp_path / "nginx.conf").write_text(
        "upstream up { server unix:/run/app.sock; server 10.0.0.1:80; }\n"
        "http { include sites-enabled/*; }\n"
    )
    findings, _ = examine(str(tmp_path), listeners or (UWSGI, HTTP))
    return [found.code for found in findings]


@pytest.mark.parametrize(
    "server",
    [
        f"location / {{ include uwsgi_params; {PASS} }}",
        f"include uwsgi_params; location / {{ {PASS} }}",
        "location / { include uwsgi_params; uwsgi_pass up; }",
        "location / { proxy_set_header Host $host; proxy_pass http://127.0.0.1:8080; }",
        "location / { proxy_set_header Host $host; proxy_pass http://localhost:8080/x/; }",
        f"location / {{ include uwsgi_params; uwsgi_param HTTP_X_FORWARDED_FOR x; {PASS} }}",
        f"location / {{ include uwsgi_params; {PASS} }} location /static/ {{ alias /a/static/; }}",
        f"location / {{ include uwsgi_params; {PASS} }} location ^~ /static/ {{ root /srv/app; }}",
        "location / { uwsgi_pass unix:/run/other.sock; }",
        "location / { proxy_pass http://127.0.0.1:9999; }",
        f"# {PASS}",
        f'location / {{ include uwsgi_params; return 200 "{{ {PASS} }}"; }}',
        (
            "proxy_set_header Host $host; location /a { proxy_pass http://127.0.0.1:8080; } "
            f"location / {{ include uwsgi_params; {PASS} }}"
        ),
    ],
)
def test_clean_sites(tmp_path: Path, server: str) -> None:
    assert codes(tmp_path, server) == []


@pytest.mark.parametrize(
    ("server", "code"),
    [
        ("location / { include uwsgi_params; uwsgi_pass 127.0.0.1:8080; }", "QN001"),
        ("location / { include fastcgi_params; fastcgi_pass unix:/run/app.sock; }", "QN001"),
        ("location / { scgi_pass 127.0.0.1:8080; }", "QN001"),
        ("location / { uwsgi_pass unix:///run/app.sock; }", "QN003"),
        ("location / { proxy_pass http://unix:/run/app.sock; }", "QN002"),
        ("location / { proxy_pass http://unix:/run/app.sock:/x/; }", "QN002"),
        (f"location / {{ {PASS} }}", "QN003"),
        (f"location / {{ uwsgi_param X y; {PASS} }}", "QN003"),
        (f"location / {{ include uwsgi_params; proxy_set_header Host $host; {PASS} }}", "QN004"),
        (f"proxy_redirect off; location / {{ include uwsgi_params; {PASS} }}", "QN004"),
        (f"include uwsgi_params; location / {{ uwsgi_param X y; {PASS} }}", "QN005"),
        (f"location / {{ include uwsgi_params; uwsgi_param X_FORWARDED_FOR x; {PASS} }}", "QN006"),
        (
            f"location / {{ include uwsgi_params; {PASS} }} location /static {{ alias /a/s/; }}",
            "QN007",
        ),
        (
            (
                f"location / {{ include uwsgi_params; {PASS} }} "
                "location ^~ /static/ { root /app/static/; }"
            ),
            "QN008",
        ),
        (
            (
                f"location / {{ include uwsgi_params; {PASS} }} "
                "location = /favicon.ico { root /app/favicon.ico; }"
            ),
            "QN008",
        ),
    ],
)
def test_mistakes(tmp_path: Path, server: str, code: str) -> None:
    assert codes(tmp_path, server) == [code]


def test_a_finding_has_its_place(tmp_path: Path) -> None:
    site = tmp_path / "site.conf"
    site.write_text(f"server {{ server_name a;\n  location / {{\n    {PASS}\n  }}\n}}\n")
    findings, facts = examine(str(site), [UWSGI])
    assert [(found.place, found.line) for found in findings] == [(f"{site}:3", 3)]
    assert facts == [f"nginx passes requests here: {site}:3"]


def test_files_that_include_each_other(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("include *.conf;\na b;\n")
    assert len(read(str(tmp_path)).all("a")) < 500


@pytest.mark.parametrize("text", ["}}}", "{", 'a "b', "a { b", ";;;", "\0\xff"])
def test_what_nginx_would_refuse(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.conf"
    path.write_text(text)
    assert examine(str(path), [UWSGI]) == ([], [])


def test_nothing_there(tmp_path: Path) -> None:
    assert examine(str(tmp_path / "none"), [UWSGI]) == ([], [])
