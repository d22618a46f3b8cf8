"""Making this interpreter look like a virtual environment's own.

After ``activate`` the application sees the modules, ``sys.prefix`` and ``sys.executable`` that the
environment's python would show it, ``.pth`` files included, and no longer what is installed beside
quaich (which stays importable itself: a package finds its modules by its own ``__path__``).  An
environment of another version of Python cannot be activated, only be executed: ``interpreter``
says by what, and judges by file names alone, since the environment's own python is the
application's code.  Refused: what is not an environment, and a Python that is too old.
"""

import os
import re
import site
import sys
import sysconfig

from quaich.errors import LoadError

OLDEST = (3, 10)
"""The first version of Python that runs quaich."""


def interpreter(directory: str, place: str = "") -> str | None:
    """The python to execute for an environment of another version; None for one of this version.

    Raises LoadError for what is no environment, and for one that quaich cannot run in.
    """
    home = os.path.abspath(directory)
    ours = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    if os.path.isdir(os.path.join(home, "lib", ours, "site-packages")):
        return None
    prefix = f"{place}: " if place else ""
    others = _versions(home)
    if not others:
        raise LoadError(f"{prefix}virtualenv = {directory}: {_complaint(home)}")
    version = others[-1]
    name = f"{version[0]}.{version[1]}"
    if version < OLDEST:
        raise LoadError(
            f"{prefix}virtualenv = {directory}: the environment is for Python {name}; quaich needs "
            f"{OLDEST[0]}.{OLDEST[1]} or newer: make it again with a newer Python"
        )
    for python in (f"python{name}", "python3", "python"):
        path = os.path.join(home, "bin", python)
        if os.access(path, os.X_OK):
            return path
    raise LoadError(
        f"{prefix}virtualenv = {directory}: its bin/python{name} cannot be executed; "
        f"is Python {name} still installed?"
    )


def activate(directory: str, place: str = "") -> None:
    """Become the environment in ``directory``; ``place`` is where the option was written."""
    home = os.path.abspath(directory)
    prefix = f"{place}: " if place else ""
    ours = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    packages = os.path.join(home, "lib", ours, "site-packages")
    if not os.path.isdir(packages):
        python = interpreter(directory, place)
        raise LoadError(
            f"{prefix}virtualenv = {directory}: the environment is run by {python}, and this is "
            f"{ours}"
        )
    if os.path.realpath(home) == os.path.realpath(sys.prefix):
        return
    _switch(home, packages, _sees_system(home))


def _complaint(home: str) -> str:
    if not os.path.isdir(home):
        return "there is no such directory"
    return "not a virtual environment: it has no lib/pythonX.Y/site-packages"


def _versions(home: str) -> list[tuple[int, int]]:
    """The versions of Python in ``lib``, oldest first."""
    try:
        names = os.listdir(os.path.join(home, "lib"))
    except OSError:
        return []
    found = [re.fullmatch(r"python(\d+)\.(\d+)", name) for name in names]
    return sorted((int(each[1]), int(each[2])) for each in found if each)


def _sees_system(home: str) -> bool:
    try:
        with open(os.path.join(home, "pyvenv.cfg"), encoding="utf-8") as file:
            for line in file:
                name, _, value = line.partition("=")
                if name.strip().lower() == "include-system-site-packages":
                    return value.strip().lower() == "true"
    except OSError:
        pass  # an old environment without the file is one on its own
    return False


def standard_path() -> list[str]:
    """The entries of ``sys.path`` that hold the standard library."""
    library = sysconfig.get_path("stdlib")
    platform = sysconfig.get_path("platstdlib")
    archive = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"
    # Inside an environment, platstdlib names the environment, but the library is its base's.
    homes = {library, platform, os.path.join(sys.base_prefix, "lib", os.path.basename(library))}
    homes |= {os.path.join(each, "lib-dynload") for each in homes}
    return [each for each in sys.path if each in homes or os.path.basename(each) == archive]


def _environment_path() -> list[str]:
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [os.path.abspath(each) for each in entries if each]


def _switch(home: str, packages: str, sees_system: bool) -> None:
    system = []
    if sees_system:
        sys.prefix, sys.exec_prefix = sys.base_prefix, sys.base_exec_prefix
        system = site.getsitepackages([sys.base_prefix])
        if site.ENABLE_USER_SITE:
            system.insert(0, site.getusersitepackages())
    sys.path[:] = _environment_path() + standard_path()
    sys.prefix = sys.exec_prefix = home
    python = os.path.join(home, "bin", "python")
    if os.path.exists(python):
        sys.executable = python
    for each in [packages, *system]:
        if os.path.isdir(each):
            site.addsitedir(each)
    sys.path_importer_cache.clear()
