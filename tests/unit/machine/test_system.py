import pytest

from quaich.machine import system
from quaich.machine.system import DEBIAN, OTHER, RHEL

UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian\n'
ROCKY = 'NAME="Rocky Linux"\nVERSION_ID="9.4"\nID="rocky"\nID_LIKE="rhel centos fedora"\n'


@pytest.mark.parametrize(
    ("text", "family", "name", "version"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian\n', DEBIAN, None, "12"),
        (UBUNTU, DEBIAN, "Ubuntu 24.04.1 LTS", "24.04"),
        (ROCKY, RHEL, "Rocky Linux", "9.4"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", DEBIAN, "an unknown system", ""),
        ("ID=alpine\nNAME=Alpine\n", OTHER, "Alpine", ""),
        ('# a comment\nID="unclosed\nNAME=\nnonsense\n', OTHER, "an unknown system", ""),
        ("", OTHER, "an unknown system", ""),
    ],
)
def test_families(text: str, family: str, name: str | None, version: str) -> None:
    found = system.read(text)
    assert (found.family, found.version) == (family, version)
    assert name is None or found.name == name
    assert found.known == (family != OTHER)


def test_names_of_packages() -> None:
    debian, rocky, other = system.read("ID=debian"), system.read(ROCKY), system.read("ID=alpine")
    assert system.venv_package(debian, (3, 11), True) == "python3.11-venv"
    assert system.venv_package(debian, (3, 11), False) == ""
    assert system.venv_package(rocky, (3, 9), True) == "python3-pip"
    assert system.venv_package(other, (3, 12), True) == ""
    assert system.install(rocky, ("nginx",)) == (("dnf", "install", "--assumeyes", "nginx"),)
    assert system.install(debian, ("nginx",))[0] == ("apt-get", "update")
    assert system.remove(debian, ("nginx", "a")) == "apt-get remove nginx a"
    assert (debian.web_user, rocky.web_user) == ("www-data", "nginx")
