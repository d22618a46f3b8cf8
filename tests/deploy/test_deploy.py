"""From a directory to a site that answers through nginx, and what else a release may come from."""

import json
import os
import re
import stat
import subprocess
import threading
from pathlib import Path

from tests.support.deployed import Sites, application, write


def test_deploy_and_back_while_clients_ask(fronted: Sites, app: Path) -> None:
    first = fronted.deploy(app, *fronted.front("--health", "/health"))
    lines = first.stdout.splitlines()
    assert re.fullmatch(
        r" 1 build    release (\d{8}-1) · Python \S+ · 0 packages · \d+\.\ds", lines[0]
    )
    assert lines[1] == " 2 check    import ok"
    assert re.match(
        r" 3 start    shop@\d{8}-1 ready in \d+\.\ds · GET /health 200 in \d+ ms$", lines[2]
    )
    assert lines[3] == " 4 switch   started · GET /health 200"
    assert "· started, verified" in lines[4]
    assert lines[6] == f"live: http://localhost:{fronted.port}"
    assert fronted.get() == (200, "one")
    answers: list[tuple[int, str]] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answers.append(fronted.get())

    client = threading.Thread(target=ask)
    client.start()
    try:
        application(app, "two")
        second = fronted.data("deploy", str(app), "--site", "shop")
        application(app, "three", status="500 Oops")
        assert "expected a status below 400, got 500" in fronted.deploy(app, status=4).stderr
        application(app, "four", top="import stripe")
        broken = fronted.deploy(app, status=3)
        back = fronted.quaich("rollback", "shop")
    finally:
        over.set()
        client.join(20)
    assert "environment reused" in second["steps"][0]["text"]
    assert second["steps"][4]["text"].startswith("unchanged, answers")
    assert "ModuleNotFoundError: No module named 'stripe' (wsgi.py:2)" in broken.stderr
    assert f"{second['release']} serves" in broken.stdout
    assert back.stdout.splitlines()[-1].startswith(f"live: http://localhost:{fronted.port} ")
    assert {status for status, _ in answers} == {200}
    assert {body for _, body in answers} == {"one", "two"}
    assert fronted.get() == (200, "one")
    assert fronted.current() == second["previous"]
    assert fronted.releases() == [second["previous"], second["release"]]
    assert fronted.leftovers() == []


def test_what_was_said_is_remembered_and_shown(sites: Sites, app: Path) -> None:
    write(app, {"site_toml": "[site]\nprocesses = 1\nharakiri = 9\nkeep = 2\n"})
    sites.deploy(app, "--processes", "2")
    definition = sites.path("etc", "shop.toml")
    assert definition.read_text().endswith("[site]\nprocesses = 2\n")
    sites.deploy(application(app, "two"))
    ini = sites.path("lib", "shop", "quaich.ini").read_text()
    assert "processes = 2\n" in ini
    assert "harakiri = 9\n" in ini
    listed = sites.data("releases", "shop")["releases"]
    assert [each["current"] for each in listed] == [True, False]
    assert listed[0]["source"] == f"{app} (2 files)"
    (site,) = sites.data("sites")["sites"]
    assert (site["site"], site["running"], site["workers"]) == ("shop", True, 2)
    audit = sites.data("audit", "shop")["audit"]
    assert [each["action"] for each in audit] == ["deploy"] * 2
    assert audit[-1]["release"] == listed[0]["release"]
    assert audit[-1]["outcome"] == "done"


def test_dry_run_changes_nothing(fronted: Sites, app: Path) -> None:
    shown = fronted.deploy(app, *fronted.front("--dry-run")).stdout
    assert re.search(r"^ 4 switch   current -> \d{8}-1; start the server$", shown, re.M)
    assert "+    server_name localhost;" in shown
    assert [path.name for path in fronted.prefix.iterdir()] == []


def test_requirements_from_a_wheelhouse(sites: Sites, app: Path, wheelhouse: Path) -> None:
    write(app, {"site_toml": f'[site]\nwheelhouse = "{wheelhouse}"\n'})
    application(app, "one", top="import tinypart")
    (app / "requirements.txt").write_text("-r more.txt\n")
    (app / "more.txt").write_text("tinypart==1.0\n")
    assert "· 1 package ·" in sites.deploy(app).stdout
    assert "environment reused" in sites.deploy(app).stdout
    (app / "more.txt").write_text("tinypart==2.0\n")
    failed = sites.deploy(app, status=3)
    assert "quaich: requirements: ERROR: No matching distribution found for tinypart==2.0" in (
        failed.stderr
    )
    assert sites.leftovers() == []
    environments = sites.path("lib", "shop", "environments")
    assert len(list(environments.iterdir())) == 1


def test_a_wheel(sites: Sites, wheelhouse: Path) -> None:
    wheel = next(wheelhouse.iterdir())
    wrong = sites.quaich("deploy", str(wheel), "--site", "part", "--app", "tinypart:app", status=3)
    assert "there is no 'app' in " in wrong.stderr


def test_a_git_reference(sites: Sites, app: Path, git: str, tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "one"),
        ("tag", "v1"),
    ):
        subprocess.run([git, *words], cwd=app, env=env, check=True, timeout=20)
    application(app, "uncommitted")
    sites.quaich("deploy", f"{app}#v1", "--site", "shop")
    root = sites.path("lib", "shop", "current", "app")
    assert 'body = b"one"' in (root / "wsgi.py").read_text()
    assert not (root / ".git").exists()
    (listed,) = sites.data("releases", "shop")["releases"]
    assert re.fullmatch(rf"{re.escape(str(app))}#v1 at [0-9a-f]{{12}}", listed["source"])
    missing = sites.quaich("deploy", f"{app}#v2", "--site", "shop", status=3)
    assert "couldn't find remote ref v2" in missing.stderr


def test_what_is_no_part_of_a_release(sites: Sites, app: Path) -> None:
    for name in (".git", "venv", "secret", "kept"):
        (app / name).mkdir()
        (app / name / "file").write_text("x")
    (app / "venv" / "pyvenv.cfg").write_text("")
    (app / ".env").write_text("KEY=1")
    (app / ".quaichignore").write_text("secret/\n")
    (app / "link").symlink_to("kept/file")
    sites.deploy(app)
    root = sites.path("lib", "shop", "current", "app")
    names = {path.name for path in root.iterdir()} - {"__pycache__"}
    assert names == {"wsgi.py", "kept", "link", ".quaichignore"}
    assert (root / "link").read_text() == "x"
    (app / "out").symlink_to("/etc/passwd")
    failed = sites.deploy(app, status=3)
    assert "out: a link that leaves the directory: /etc/passwd" in failed.stderr


DJANGO = {
    "manage.py": """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
command = sys.argv[1]
if command == "check":
    print("System check identified some issues:\\n\\nWARNINGS:\\n?: (security.W004) No HSTS.")
elif command == "collectstatic":
    os.makedirs("assets")
    open("assets/a.css", "w").write("body {}")
    print("\\n1 static file copied to 'assets'.")
elif command == "migrate":
    print("  Applying shop.0001_initial... OK")
    open(os.path.join(os.environ["QUAICH_DATA"], "migrated"), "a").write("x")
""",
    "django__conf.py": """\
class settings:
    STATIC_ROOT = "assets"
    STATIC_URL = "static/"
""",
}


def test_django(fronted: Sites, app: Path) -> None:
    """With a stand-in for Django, whose packages are not to be had without a network."""
    for name in ("shop", "django"):
        (app / name).mkdir()
    write(app, DJANGO)
    conf = (app / "django" / "conf.py").read_text().replace('"static/"', '"/static/"')
    (app / "django" / "conf.py").write_text(conf)
    (app / "wsgi.py").rename(app / "shop" / "wsgi.py")
    said = fronted.deploy(app, *fronted.front()).stdout
    assert "check --deploy: (security.W004) No HSTS." in said
    assert " 2 check    import ok · collectstatic 1 files · migrate 1" in said
    assert fronted.get("/static/a.css") == (200, "body {}")
    assert fronted.path("lib", "shop", "data", "migrated").read_text() == "x"


def test_hooks_run_in_the_release(sites: Sites, app: Path) -> None:
    hooks = (
        '[site]\npre_deploy = ["echo pre $QUAICH_RELEASE >> $QUAICH_DATA/log", "test -f wsgi.py"]\n'
        'migrate = "echo migrate $SECRET >> $QUAICH_DATA/log"\n'
        'post_deploy = "echo post >> $QUAICH_DATA/log"\n'
    )
    write(app, {"site_toml": hooks})
    sites.path("etc").mkdir()
    sites.path("etc", "shop.env").write_text("SECRET=quiet\n")
    said = sites.deploy(app).stdout
    assert " 2 check    pre_deploy ok · import ok · migrate ok" in said
    assert "· post_deploy ok" in said
    log = sites.path("lib", "shop", "data", "log")
    assert log.read_text() == f"pre {sites.current()}\nmigrate quiet\npost\n"
    write(app, {"site_toml": '[site]\npre_deploy = "echo no disk; exit 7"\n'})
    failed = sites.deploy(app, status=3)
    assert "quaich: pre_deploy: no disk" in failed.stderr
    write(app, {"site_toml": '[site]\npost_deploy = "exit 7"\n'})
    before = sites.current()
    failed = sites.deploy(app, status=3)
    assert "quaich: post_deploy: exit status 7" in failed.stderr
    assert sites.current() != before
    assert sites.leftovers() == []


def test_staged_then_promoted_and_from_another_site(sites: Sites, app: Path) -> None:
    sites.deploy(app)
    first = sites.current()
    staged = sites.data("deploy", str(application(app, "two")), "--site", "shop", "--stage")
    assert (staged["live"], sites.current()) == (False, first)
    sites.quaich("promote", "shop", staged["release"])
    assert sites.current() == staged["release"]
    refused = sites.quaich("promote", "next", "--from", "shop", status=1)
    assert "next: describe it first in" in refused.stderr
    sites.path("etc", "next.toml").write_text("[site]\nprocesses = 1\n")
    sites.quaich("promote", "next", "--from", "shop")
    text = sites.path("lib", "next", "current", "app", "wsgi.py").read_text()
    assert 'b"two"' in text


def test_modes(sites: Sites, app: Path) -> None:
    sites.deploy(app)
    sites.quaich("env", "set", "shop", "KEY=very secret", "OTHER=1")

    def mode(*parts: str) -> int:
        return stat.S_IMODE(sites.path(*parts).lstat().st_mode)

    assert mode("etc", "shop.env") == 0o600
    assert mode("lib", "shop", "quaich.ini") == 0o600
    assert mode("run", "shop", "app.sock") == 0o660
    assert mode("lib", "shop", "data") == 0o750
    for path in sites.prefix.rglob("*"):
        assert path.is_symlink() or not path.lstat().st_mode & 0o002 or path.is_socket(), path
        if path.is_file() and path.name != "shop.env":
            assert b"very secret" not in path.read_bytes(), path
    assert json.loads(sites.path("lib", "shop", "audit.jsonl").read_text().splitlines()[-1])[
        "names"
    ] == ["KEY", "OTHER"]
