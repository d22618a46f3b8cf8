import pytest

from quaich.config.codes import ERROR
from quaich.machine import advice, checks
from quaich.machine.checks import Disk, Machine, Nginx, SiteState
from quaich.machine.firewall import Firewall
from quaich.machine.ports import Listener
from quaich.machine.system import System
from quaich.values import replace

GIB = 1 << 30
BUILT = frozenset(
    f"--with-{name}"
    for name in (
        "http_ssl_module",
        "http_v2_module",
        "http_realip_module",
        "http_gzip_static_module=dynamic",
    )
)
NGINX = Nginx((1, 22, 1), BUILT, "1.22.1-9+deb12u11", frozenset(checks.HOLES))
SITE = SiteState("shop", 7, 100, 65536, "/etc/quaich/shop.env", 0o600)
GOOD = Machine(
    nginx=NGINX,
    has_venv=True,
    port=80,
    somaxconn=4096,
    files=65536,
    synchronised=True,
    firewall=Firewall("ufw", frozenset({22, 80})),
    selinux="enforcing",
    may_connect=True,
    disks=(Disk("/", 100 * GIB, 50 * GIB, 1000, 500),),
    memory=(8 * GIB, 4 * GIB),
    sites=(SITE,),
    listeners=(Listener(80, False, 9, ("nginx: master process",)), Listener(443, True, 8, ("x",))),
)
UNKNOWN = Machine(nginx=NGINX, has_venv=True, port=80)


def codes(machine: Machine) -> list[str]:
    return [each.code for each in checks.examine(machine)]


def test_a_good_machine() -> None:
    assert codes(GOOD) == []
    assert "nginx 1.22.1 (package 1.22.1-9+deb12u11)" in checks.facts(GOOD)
    assert "sites: 1, 1 running" in checks.facts(GOOD)


def test_what_is_not_known_is_no_finding() -> None:
    assert codes(UNKNOWN) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nginx": None}, "QX430"),
        ({"nginx": replace(NGINX, mended=frozenset())}, "QX431"),
        ({"nginx": replace(NGINX, package="", mended=None)}, "QX431"),
        ({"nginx": replace(NGINX, arguments=BUILT - {"--with-http_v2_module"})}, "QX432"),
        ({"nginx": replace(NGINX, arguments=BUILT | {"--without-http_uwsgi_module"})}, "QX432"),
        ({"nginx": replace(NGINX, is_running=False)}, "QX433"),
        ({"has_venv": False}, "QX434"),
        ({"somaxconn": 128}, "QX435"),
        ({"files": 1024}, "QX436"),
        ({"sites": (replace(SITE, files=256),)}, "QX436"),
        ({"synchronised": False}, "QX437"),
        ({"firewall": Firewall()}, "QX438"),
        ({"firewall": Firewall("ufw", frozenset({22}))}, "QX439"),
        ({"may_connect": False}, "QX440"),
        ({"disks": (Disk("/", 10 * GIB, GIB // 2, 1000, 500),)}, "QX441"),
        ({"disks": (Disk("/", 10 * GIB, 5 * GIB, 1000, 4),)}, "QX442"),
        ({"memory": (8 * GIB, GIB // 4)}, "QX443"),
        ({"sites": (replace(SITE, pid=0),)}, "QX444"),
        ({"sites": (replace(SITE, listen=8192),)}, "QX401"),
        ({"listeners": (Listener(80, False, 5, ("/usr/sbin/apache2", "-k")),)}, "QX445"),
        ({"sites": (replace(SITE, variables_mode=0o644),)}, "QX446"),
        ({"steps_left": 2}, "QX447"),
    ],
)
def test_every_fault_alone(change: dict[str, object], code: str) -> None:
    assert codes(replace(GOOD, **change)) == [code]


def test_a_full_disk_is_an_error() -> None:
    (found,) = checks.examine(replace(GOOD, disks=(Disk("/", 10 * GIB, 1 << 20, 0, 0),)))
    assert found.severity == ERROR


@pytest.mark.parametrize(
    ("version", "mended"),
    [((1, 30, 0), False), ((1, 30, 1), True), ((1, 30, 6), True), ((1, 31, 0), True)],
)
def test_versions_that_are_mended(version: tuple[int, ...], mended: bool) -> None:
    assert checks.is_mended(version, ((1, 30, 1), (1, 31, 0))) is mended
    # A package whose changelog cannot be read says nothing about an old version.
    unknown = replace(NGINX, version=version, mended=None)
    assert codes(replace(GOOD, nginx=unknown)) == []


@pytest.mark.parametrize("family", ["debian", "rhel", "other"])
def test_suggestions(family: str) -> None:
    text = advice.suggest(
        System(family, "A System"), 2222, 80, family == "debian", ("/opt/quaich",)
    )
    assert "ExecStart=/opt/quaich report" in text
    assert "2222" in text
    assert "None of them was run" in text
    assert "sshd -t" in text
    assert ("ufw allow 80/tcp" in text) == (family == "debian")
    assert ("firewall-cmd" in text) == (family == "rhel")
    assert ("table inet filter {" in text) == (family != "rhel")
    assert text.count("\nEND\n") == text.count("<<'END'")
