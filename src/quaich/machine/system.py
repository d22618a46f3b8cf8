"""Which system this is, by ``/etc/os-release``, and how it calls what quaich needs; pure.

Two families are known well enough to be changed: Debian's and Red Hat's.  Any other is only given
advice.
"""

import re
import shlex

from quaich.values import dataclass

DEBIAN = "debian"
RHEL = "rhel"
OTHER = "other"

_FAMILIES = {
    "debian": DEBIAN,
    "ubuntu": DEBIAN,
    "rhel": RHEL,
    "fedora": RHEL,
    "centos": RHEL,
    "rocky": RHEL,
    "almalinux": RHEL,
}
_NAME = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class System:
    """A distribution: its family, its name for people, and whom its nginx runs as."""

    family: str
    name: str
    version: str = ""

    @property
    def known(self) -> bool:
        """Whether packages can be installed and accounts made here."""
        return self.family != OTHER

    @property
    def web_user(self) -> str:
        """The user and the group of nginx's workers."""
        return "nginx" if self.family == RHEL else "www-data"


def read(text: str) -> System:
    """The system that an ``os-release`` describes; what is malformed in it is passed over."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or not _NAME.fullmatch(name):
            continue
        try:
            words = shlex.split(value)
        except ValueError:
            continue
        values[name] = words[0] if words else ""
    family = OTHER
    for each in (values.get("ID", ""), *values.get("ID_LIKE", "").split()):
        if each.lower() in _FAMILIES:
            family = _FAMILIES[each.lower()]
            break
    name = values.get("PRETTY_NAME") or values.get("NAME") or "an unknown system"
    return System(family, name, values.get("VERSION_ID", ""))


def venv_package(system: System, python: tuple[int, int], is_system_python: bool) -> str:
    """The package that lets this Python make virtual environments; empty where none is known."""
    if not is_system_python:
        return ""
    if system.family == DEBIAN:
        return f"python{python[0]}.{python[1]}-venv"
    return "python3-pip" if system.family == RHEL else ""


def install(system: System, packages: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The commands that install packages."""
    if system.family == DEBIAN:
        return (
            ("apt-get", "update"),
            ("apt-get", "install", "--yes", "--no-install-recommends", *packages),
        )
    return (("dnf", "install", "--assumeyes", *packages),)


def remove(system: System, packages: tuple[str, ...]) -> str:
    """The command that takes them away again."""
    tool = "apt-get" if system.family == DEBIAN else "dnf"
    return f"{tool} remove {' '.join(packages)}"
