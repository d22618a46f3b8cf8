"""What goes wrong in a deployment changes nothing that serves, says why, and leaves nothing."""

import os
import resource
import signal
import socket
from pathlib import Path

import pytest

from quaich.sys.family import prctl
from tests.support.deployed import Sites, application, write
from tests.support.processes import wait_until

_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1


def test_a_port_that_is_taken(fronted: Sites, app: Path) -> None:
    with socket.create_server(("127.0.0.1", fronted.port)):
        failed = fronted.deploy(app, *fronted.front(), status=5)
    assert f"port {fronted.port} is taken by" in failed.stderr
    assert fronted.processes() == {}
    assert fronted.leftovers() == []
    assert fronted.releases() == []
    fronted.deploy(app, *fronted.front())
    assert fronted.get() == (200, "one")


def test_a_bad_include_for_nginx(fronted: Sites, app: Path, tmp_path: Path) -> None:
    fronted.deploy(app, *fronted.front())
    before = fronted.current()
    bad = tmp_path / "bad.conf"
    bad.write_text("no_such_directive on;\n")
    write(app, {"site_toml": f'[nginx]\ninclude = ["{bad}"]\n'})
    failed = fronted.deploy(application(app, "two"), status=5)
    assert 'unknown directive "no_such_directive"' in failed.stderr
    assert fronted.get() == (200, "one")
    assert fronted.current() == before
    assert fronted.leftovers() == []
    write(app, {"site_toml": "[nginx]\nbody-sise = 4\n"})
    failed = fronted.deploy(app, status=1)
    assert "body-sise" in failed.stderr
    assert "did you mean" in failed.stderr


def test_a_hand_written_site_for_the_host(fronted: Sites, app: Path) -> None:
    sites = fronted.path("nginx", "sites")
    sites.mkdir(parents=True)
    mine = "server { listen 127.0.0.1:%d; server_name localhost; return 200 mine; }\n"
    (sites / "mine.conf").write_text(mine % fronted.port)
    failed = fronted.deploy(app, *fronted.front(), status=5)
    assert "mine.conf:1: serves localhost on port" in failed.stderr
    assert "-server { listen" in failed.stderr
    assert (sites / "mine.conf").read_text() == mine % fronted.port
    assert fronted.leftovers() == []


def test_an_application_that_needs_long(sites: Sites, app: Path) -> None:
    write(app, {"site_toml": "[site]\nstart_timeout = 1\n"})
    application(app, "slow", top="time.sleep(2.5)")
    failed = sites.deploy(app, status=4)
    assert "the application is not imported after 1 s; start_timeout = 1" in failed.stderr
    assert sites.processes() == {}
    assert sites.leftovers() == []


def test_unhealthy_behind_the_switch(fronted: Sites, app: Path) -> None:
    """What a trial and the workers' own look have not found is found where it serves."""
    write(app, {"site_toml": '[site]\nprocesses = 1\nhealth = "/health"\n'})
    fronted.deploy(app, *fronted.front())
    before = fronted.current()
    counting = """
def health():
    path = f"{os.environ['QUAICH_DATA']}/{os.environ['QUAICH_RELEASE']}"
    with open(path, "a+") as file:
        file.write("x")
    return "200 OK" if os.path.getsize(path) < 3 else "500 Oops"
"""
    failed = fronted.deploy(
        application(app, "two", top=counting, status='" + health() + "'), status=4
    )
    said = "behind the switch: GET /health: expected a status below 400, got 500"
    assert f" 4 switch   FAILED {said}" in failed.stdout
    assert fronted.get() == (200, "one")
    assert (fronted.current(), fronted.releases()) == (before, [before])
    # A site that was stopped is stopped again.
    fronted.quaich("stop", "shop")
    failed = fronted.deploy(app, status=4)
    assert fronted.processes("wsgi") == {}
    assert fronted.data("sites")["sites"][0]["running"] is False
    assert fronted.leftovers() == []


def test_a_full_disk(sites: Sites, app: Path) -> None:
    """As far as one process can have one: no file may grow beyond a limit."""
    sites.deploy(app)
    before = sites.current()
    (app / "large").write_bytes(b"x" * 4_000_000)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    failed = sites.deploy(app, status=1, preexec_fn=limited)
    assert "large: it cannot be copied: file too large" in failed.stderr
    assert sites.current() == before
    assert sites.releases() == [before]
    assert sites.leftovers() == []


def test_no_permission(sites: Sites, app: Path) -> None:
    sites.prefix.chmod(0o555)

    def powerless() -> None:
        # What lets root write anywhere is lost by the execution that follows.
        if os.getuid() == 0:
            prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE)

    failed = sites.deploy(app, status=1, preexec_fn=powerless)
    sites.prefix.chmod(0o755)
    assert "permission denied" in failed.stderr
    assert "sites of the machine are deployed as root" in failed.stderr


def test_two_at_once(sites: Sites, app: Path, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    write(
        app, {"site_toml": f'[site]\npre_deploy = "while [ ! -e {gate} ]; do sleep 0.05; done"\n'}
    )
    with sites.popen("deploy", str(app), "--site", "shop") as first:
        lock = sites.path("lib", "shop", "lock")
        wait_until(lambda: lock.exists() and lock.read_text(), 20, "the first holds the lock")
        second = sites.deploy(app, status=1)
        assert f"another change is under way: deploy by root (pid {first.pid}) since" in (
            second.stderr.replace(os.environ.get("USER", "root"), "root")
        )
        gate.touch()
        _out, err = first.communicate(timeout=30)
        assert first.returncode == 0, err
    assert len(sites.releases()) == 1


def test_a_signal_takes_back_what_was_begun(sites: Sites, app: Path) -> None:
    write(app, {"site_toml": '[site]\npre_deploy = "touch $QUAICH_DATA/begun; sleep 60"\n'})
    with sites.popen("deploy", str(app), "--site", "shop") as deploy:
        begun = sites.path("lib", "shop", "data", "begun")
        wait_until(begun.exists, 20, "the hook runs")
        deploy.send_signal(signal.SIGTERM)
        out, _ = deploy.communicate(timeout=20)
    assert deploy.returncode == 128 + signal.SIGTERM
    assert "FAILED ended by SIGTERM" in out
    assert sites.releases() == []
    assert sites.leftovers() == []
    assert sites.processes() == {}


def test_a_person_who_reads_no_more(sites: Sites, app: Path) -> None:
    """As ``quaich deploy | head -1``: the change goes on."""
    with sites.popen("deploy", str(app), "--site", "shop") as deploy:
        assert deploy.stdout is not None
        deploy.stdout.close()
        assert deploy.wait(30) == 0
    assert len(sites.releases()) == 1


UNDONE = (
    *(("quaich.deploy.records", "begin", step) for step in ("build", "switch", "nginx")),
    ("quaich.deploy.probe", "judge", "before"),
    ("quaich.deploy.records", "link", "before"),
    ("quaich.deploy.server", "reload", "after"),
    ("quaich.nginx.control", "reload", "after"),
)
DECIDED = ("quaich.deploy.records", "begin", "finish")


@pytest.mark.parametrize("half", [0, 1])
def test_killed_at_any_point_the_next_run_puts_it_right(
    fronted: Sites, app: Path, half: int
) -> None:
    fronted.deploy(app, *fronted.front())
    first = fronted.current()
    for number, point in enumerate(UNDONE[half::2]):
        # What nginx does differs too, so that it is reloaded.
        size = f"[nginx]\nbody-size = {number + 1}\n"
        write(app, {"site_toml": size})
        fronted.killed(point, "deploy", str(application(app, "two")), "--site", "shop")
        assert fronted.get()[0] == 200, point
        said = fronted.quaich("unlock", "shop").stdout
        assert "was interrupted in " in said, point
        assert "taken back" in said, point
        assert fronted.get() == (200, "one"), point
        assert (fronted.current(), fronted.releases()) == (first, [first]), point
        assert fronted.leftovers() == [], point
    assert {each["outcome"] for each in fronted.data("audit", "shop", "-n", "1")["audit"]} == {
        "done"
    }


def test_killed_when_it_was_decided_it_is_completed(fronted: Sites, app: Path) -> None:
    fronted.deploy(app, *fronted.front())
    fronted.killed(DECIDED, "deploy", str(application(app, "two")), "--site", "shop")
    assert "interrupted in finish: completed" in fronted.quaich("unlock", "shop").stdout
    assert fronted.get() == (200, "two")
    assert fronted.leftovers() == []


def test_a_first_deployment_that_was_killed(fronted: Sites, app: Path) -> None:
    words = ("deploy", str(app), "--site", "shop", *fronted.front())
    fronted.killed(("quaich.deploy.front", "put", "after"), *words)
    failed = fronted.deploy(app, "--app", "wsgi:nothing", *fronted.front(), status=3)
    assert "was interrupted in nginx: taken back" in failed.stdout
    assert fronted.processes() == {}
    assert fronted.leftovers() == []


def test_the_journal_that_cannot_be_read_is_refused(sites: Sites, app: Path) -> None:
    sites.path("lib", "shop").mkdir(parents=True)
    sites.path("lib", "shop", "journal.json").write_text("{")
    failed = sites.deploy(app, status=1)
    assert "journal.json: damaged" in failed.stderr
    sites.path("lib", "shop", "journal.json").unlink()
