"""``quaich new``: the directory of an application that runs at once, and can be deployed.

It writes into a directory that it has created itself, and removes it again when it fails; whatever
is there already is never touched.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from quaich.cli import words
from quaich.cli.output import show
from quaich.deploy.layout import check_name
from quaich.errors import QuaichError, UsageError
from quaich.machine import look, skeleton

USAGE = """\
Usage: quaich new NAME [--wsgi|--flask|--django]

Creates the directory NAME with an application, its virtual environment and its configurations.

    --wsgi           plain WSGI, without a framework (the default); needs no network
    --flask          Flask, which is installed from the package index
    --django         Django, likewise
    --no-install     leave the packages to you: venv/bin/pip install -r requirements.txt
    --without-pip    a virtual environment without pip, made in a moment
    --no-venv        no virtual environment: the packages are those of the Python that runs quaich
"""

_FLAGS = ("--wsgi", "--flask", "--django", "--no-install", "--without-pip", "--no-venv")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_VENV_SECONDS = 300.0
_INSTALL_SECONDS = 1200.0


def run(argv: Sequence[str]) -> int:
    """The command; ``argv[0]`` is its name."""
    asked = words.split(argv, _FLAGS, ())
    if "--help" in asked.flags:
        show(USAGE)
        return 0
    if len(asked.rest) != 1:
        raise UsageError("new: expected one name, like quaich new my_app")
    kinds = [kind for kind in skeleton.KINDS if f"--{kind}" in asked.flags]
    if len(kinds) > 1:
        raise UsageError(f"new: one kind at a time, got {' and '.join(kinds)}")
    kind = kinds[0] if kinds else skeleton.WSGI
    name = asked.rest[0]
    site = site_of(name)
    has_venv = "--no-venv" not in asked.flags
    has_pip = has_venv and "--without-pip" not in asked.flags
    if has_pip and not look.has_venv():
        if kind != skeleton.WSGI and "--no-install" not in asked.flags:
            raise QuaichError("new: this Python lacks venv or ensurepip; quaich setup installs it")
        has_pip = False
    _create(name, skeleton.files(name, site, kind, has_venv), has_venv, has_pip)
    if has_pip and kind != skeleton.WSGI and "--no-install" not in asked.flags:
        _install(name)
    show(
        f"{name} is ready:\n"
        f"    cd {name} && quaich dev                  # to work on it\n"
        f"    cd {name} && quaich --ini quaich.ini     # as in production\n"
    )
    return 0


def site_of(name: str) -> str:
    """What an application is deployed as; raises QuaichError for a name that cannot be one."""
    if not _NAME.fullmatch(name):
        raise QuaichError(
            f'new: "{name}": expected at most 32 letters, digits, - and _, beginning with a letter'
        )
    site = re.sub(r"[-_]+", "-", name.lower()).strip("-")
    check_name(site)
    return site


def _create(name: str, files: dict[str, str], has_venv: bool, has_pip: bool) -> None:
    try:
        os.mkdir(name)
    except FileExistsError:
        raise QuaichError(f"new: {name} exists; nothing was written") from None
    except OSError as error:
        raise QuaichError(f"new: {name}: {(error.strerror or str(error)).lower()}") from None
    try:
        for path, text in files.items():
            whole = os.path.join(name, path)
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole, "x", encoding="utf-8") as file:
                file.write(text)
        if has_venv:
            _virtualenv(os.path.join(name, "venv"), has_pip)
    except BaseException as error:
        shutil.rmtree(name, ignore_errors=True)
        if isinstance(error, OSError):
            raise QuaichError(f"new: {name}: {(error.strerror or str(error)).lower()}") from None
        raise


def _virtualenv(path: str, has_pip: bool) -> None:
    python = getattr(sys, "_base_executable", None) or sys.executable
    options = [] if has_pip else ["--without-pip"]
    _run([python, "-m", "venv", *options, path], _VENV_SECONDS, "new: no virtual environment")


def _install(name: str) -> None:
    show(f"installing what {name}/requirements.txt names\n")
    sys.stdout.flush()
    pip = [os.path.join(name, "venv", "bin", "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "-r", os.path.join(name, "requirements.txt")]
    failed = (
        f"{name} was created, but its packages were not installed; with a network: "
        f"{name}/venv/bin/pip install -r {name}/requirements.txt"
    )
    _run([*pip, *options], _INSTALL_SECONDS, failed)


def _run(command: list[str], seconds: float, failed: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise QuaichError(f"{failed}: {error}") from None
    if done.returncode != 0:
        sys.stderr.write((done.stderr or done.stdout).decode("utf-8", "replace")[-4000:])
        raise QuaichError(failed)
