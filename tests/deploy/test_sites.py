"""The commands for a site between deployments, each with what it leaves."""

import os
import stat
from pathlib import Path

import pytest

from quaich.cli.main import main
from tests.support.deployed import Sites, application, write
from tests.support.net import accepts


def test_stop_start_restart_scale_and_their_like(sites: Sites, app: Path) -> None:
    write(app, {"site_toml": "[site]\nprocesses = 1\n"})
    sites.deploy(app)
    socket = str(sites.path("run", "shop", "app.sock"))
    assert sites.data("scale", "3", "shop")["text"] == "3 workers, until the next deployment"
    assert sites.data("status", "shop")["figures"]["wanted"] == 3
    assert sites.quaich("stop", "shop").stdout == "shop: stopped\n"
    assert sites.quaich("stop", "shop").stdout == "shop: it does not run\n"
    assert not accepts(socket)
    gone = sites.quaich("status", "shop", status=3)
    assert gone.stderr == "quaich: shop does not run: quaich start shop\n"
    assert sites.quaich("start", "shop").stdout == "shop: started\n"
    assert sites.quaich("start", "shop").stdout == "shop: it runs already\n"
    assert sites.data("status", "shop")["figures"]["wanted"] == 3
    assert sites.quaich("restart", "shop").stdout == "shop: restarted\n"
    assert sites.quaich("reload", "shop").stderr.endswith("generation=2 serves\n")
    assert "generation=2 serves" in sites.quaich("logs", "shop").stdout
    assert "requests" in sites.quaich("top", "--once", "shop").stdout
    actions = [each["action"] for each in sites.data("audit", "shop")["audit"]]
    assert actions == ["deploy", "scale", "stop", "stop", "start", "start", "restart"]


def test_variables(sites: Sites, app: Path) -> None:
    application(app, "one", top="assert os.environ.get('MODE') != 'broken'")
    sites.deploy(app)
    path = sites.path("etc", "shop.env")
    said = sites.quaich(
        "env", "set", "shop", stdin="# of ours\nKEY=a 'b' \"c\"\nMODE=good\n"
    ).stdout
    assert said == "shop: set KEY, MODE: the server was reloaded with them\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sites.quaich("env", "list", "shop").stdout == "KEY=********\nMODE=********\n"
    shown = sites.data("env", "list", "shop", "--show")["variables"]
    assert shown == {"KEY": "a 'b' \"c\"", "MODE": "good"}
    printed = sites.quaich(
        "exec", "shop", "--", "python", "-c", "import os; print(os.environ['KEY'])"
    )
    assert printed.stdout == "a 'b' \"c\"\n"
    before = path.read_text()
    failed = sites.quaich("env", "set", "shop", "MODE=broken", status=3)
    assert "AssertionError" in failed.stderr
    assert path.read_text() == before
    sites.quaich("env", "unset", "shop", "KEY", "MODE")
    assert sites.quaich("env", "list", "shop").stdout == ""
    missing = sites.quaich("env", "unset", "shop", "KEY", status=1)
    assert missing.stderr == "quaich: env: KEY is not set\n"
    for text in (failed.stdout + failed.stderr, sites.path("lib/shop/audit.jsonl").read_text()):
        assert "broken" not in text.replace("== 'broken'", "").replace("!= 'broken'", "")


def test_programs_in_the_release(sites: Sites, app: Path) -> None:
    sites.deploy(app)
    release = sites.path("lib", "shop", "releases", sites.current(), "app")
    assert sites.quaich("run", "shop", "pwd; echo $QUAICH_SITE").stdout == f"{release}\nshop\n"
    prefix = sites.quaich("exec", "shop", "python", "-c", "import sys; print(sys.prefix)").stdout
    assert Path(prefix.strip()).parent == sites.path("lib", "shop", "environments")
    assert sites.quaich("exec", "shop", "sh", "-c", "exit 7", status=7).stdout == ""
    assert "no such file or directory" in sites.quaich("exec", "shop", "nothing", status=1).stderr


def test_maintenance(fronted: Sites, app: Path) -> None:
    fronted.deploy(app, *fronted.front())
    fronted.quaich("maintenance", "shop", "on", "--retry-after", "60", "--allow", "10.0.0.0/8")
    assert fronted.get()[0] == 503
    assert fronted.data("sites")["sites"][0]["maintenance"] is True
    # What the nginx command knows of the site is the same.
    assert fronted.quaich("nginx", "diff", "shop").stdout == ""
    # It stays closed while a new release comes in.
    fronted.deploy(application(app, "two"))
    assert fronted.get()[0] == 503
    fronted.quaich("maintenance", "shop", "off")
    assert fronted.get() == (200, "two")
    refused = fronted.quaich("maintenance", "shop", "on", "--allow", "everybody", status=1)
    assert "everybody" in refused.stderr
    assert fronted.get() == (200, "two")


def test_locked_against_deployments(sites: Sites, app: Path) -> None:
    sites.deploy(app)
    sites.quaich("lock", "shop", "-m", "audit of the books")
    for words in (("deploy", str(app), "--site", "shop"), ("rollback", "shop")):
        refused = sites.quaich(*words, status=1)
        assert "shop is locked by " in refused.stderr
        assert ": audit of the books; quaich unlock shop" in refused.stderr
    assert sites.quaich("unlock", "shop").stdout == "shop: unlocked\n"


def test_destroy_asks_and_leaves_only_the_audit(fronted: Sites, app: Path) -> None:
    fronted.deploy(app, *fronted.front())
    refused = fronted.quaich("destroy", "shop", status=1)
    assert "Nobody is there to ask: --yes says so" in refused.stderr
    assert fronted.get() == (200, "one")
    fronted.quaich("destroy", "shop", "--yes")
    assert fronted.processes() == {}
    left = {
        str(path.relative_to(fronted.prefix))
        for name in ("etc", "lib", "run", "log", "nginx/sites")
        for path in fronted.path(name).rglob("*")
        if not path.is_dir()
    }
    assert left == {"lib/shop/audit.jsonl", "lib/shop/lock"}
    assert fronted.quaich("sites").stdout == "no sites\n"
    assert "there is no site shop" in fronted.quaich("restart", "shop", status=1).stderr


def test_two_sites_behind_one_nginx(fronted: Sites, app: Path, tmp_path: Path) -> None:
    fronted.deploy(app, *fronted.front())
    other = application(tmp_path / "other", "other")
    listen = f"127.0.0.1:{fronted.port}"
    taken = fronted.deploy(other, "--host", "localhost", "--listen", listen, site="next", status=5)
    assert "serves localhost on port" in taken.stderr
    fronted.deploy(other, "--host", "next.localhost", "--listen", listen, site="next")
    assert fronted.get() == (200, "one")
    fronted.quaich("destroy", "shop", "--yes")
    names = [each["site"] for each in fronted.data("sites")["sites"]]
    assert names == ["next"]
    assert [each for each in fronted.processes("nginx") if each]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("deploy", "/nonexistent"), "expected a directory, a wheel or GIT-URL#REF"),
        (("deploy", ".", "--site", "Bad_Name"), 'site "Bad_Name": expected at most 32 lower-case'),
        (
            ("deploy", ".", "--site", "x", "--app", "a b"),
            "[site] app: expected an application like",
        ),
        (("deploy", ".", "--site", "x", "--host", "a;b"), "nginx.hosts"),
        (("deploy", "--proceses", "3"), "unknown option --proceses; did you mean --processes?"),
        (("rollback", "nowhere"), "there is no site nowhere; there are: none yet"),
        (("promote", "nowhere"), "promote: expected a release, or --from SITE"),
        (("env", "set", "nowhere", "A"), "there is no site nowhere"),
        (("exec", "nowhere"), "exec: expected a program"),
        (("audit", "nowhere"), "nothing was done to that site"),
        (("restart",), "restart: expected a site; did you mean quaich reload?"),
        (("scale", "0", "nowhere"), "no such file"),
    ],
)
def test_mistakes_are_one_line(
    sites: Sites,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    message: str,
) -> None:
    application(sites.path("here"), "one")
    monkeypatch.setenv("QUAICH_PREFIX", str(sites.prefix))
    monkeypatch.chdir(sites.path("here"))
    assert main(["quaich", *words]) != 0
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert os.listdir(sites.prefix) == ["here"]
