"""Site files on disk: replaced so that the old ones are back after a failure, or a kill.

A site file is written beside the old one as ``.quaich-new``; the old one is kept as
``.quaich-old``, empty where there was none; then the new one is renamed over it.  While a
``.quaich-old`` is there a change is under way, and whoever finds one afterwards puts it back.
Snippets are only ever added, under the hash of their contents, and removed when no site file names
them.  Every file carries a mark in its first line; without that it is somebody else's, and neither
replaced nor removed.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from quaich.nginx.errors import NginxError
from quaich.nginx.install import Nginx
from quaich.nginx.render import DEFAULT, SITE, default_file, digest, site_file
from quaich.values import dataclass

_MARK = re.compile(r"# quaich (site|default) (\S+) ([0-9a-f]{12}):.*\n")
_OURS = re.compile(r"quaich-[a-z0-9._-]+\.conf")
_SNIPPETS = re.compile(r"[a-z][a-z0-9-]*-[0-9a-f]{12}")
_NEW = ".quaich-new"
# No name that a person would give to a copy.
_OLD = ".quaich-old"
_EDITED = ".edited"


@dataclass(frozen=True)
class Placed:
    """A file of quaich's: its text and whose it is."""

    path: str
    text: str
    kind: str
    owner: str
    is_edited: bool


@contextmanager
def locked(nginx: Nginx) -> Iterator[None]:
    """Nobody else changes this nginx's sites meanwhile."""
    os.makedirs(nginx.snippets, mode=0o755, exist_ok=True)
    descriptor = os.open(f"{nginx.snippets}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NginxError(f"{nginx.snippets}: another change is under way; try again") from None
        yield
    finally:
        os.close(descriptor)


def read(path: str) -> str | None:
    """The text of a file, or None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def ours(nginx: Nginx) -> dict[str, Placed]:
    """The files of all of quaich's sites, by path."""
    found = {}
    try:
        names = sorted(os.listdir(nginx.sites))
    except FileNotFoundError:
        return {}
    for name in names:
        if not _OURS.fullmatch(name):
            continue
        path = f"{nginx.sites}/{name}"
        text = read(path) or ""
        mark = _MARK.match(text)
        # A copy by another name is not ours, whatever its first line says.
        if mark and name == (site_file if mark[1] == SITE else default_file)(mark[2]):
            is_edited = digest(text[mark.end() :]) != mark[3]
            found[path] = Placed(path, text, mark[1], mark[2], is_edited)
    return found


def wanted(nginx: Nginx, site: str, files: Mapping[str, str]) -> dict[str, str]:
    """The path of each site file that is rendered, and its text."""
    if site_file(site) not in files:
        raise ValueError(f"no {site_file(site)} among {', '.join(files)}")
    return {f"{nginx.sites}/{name}": text for name, text in files.items() if "/" not in name}


def is_owned(placed: Placed, site: str) -> bool:
    """Whether a change of the site may replace the file."""
    return placed.kind == DEFAULT or (placed.kind == SITE and placed.owner == site)


def link(nginx: Nginx, path: str) -> str:
    """The link that makes nginx read a site file, or the empty string where it needs none."""
    return f"{nginx.enabled}/{path.rpartition('/')[2]}" if nginx.enabled else ""


def is_linked(nginx: Nginx, path: str) -> bool:
    """Whether nginx reads the file."""
    at = link(nginx, path)
    return not at or os.path.realpath(at) == os.path.realpath(path)


def add_snippets(nginx: Nginx, files: Mapping[str, str]) -> None:
    """Write the snippets; those that are there already stay."""
    for name, text in files.items():
        if "/" not in name:
            continue
        path = f"{nginx.snippets}/{name}"
        if read(path) == text:
            continue
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _write(f"{path}{_NEW}", text)
        os.replace(f"{path}{_NEW}", path)


def prune_snippets(nginx: Nginx) -> None:
    """Remove the snippets that no site file names, of whichever site."""
    texts = [read(path) or "" for path in _files(nginx)]
    for name in os.listdir(nginx.snippets):
        if _SNIPPETS.fullmatch(name) and not any(f"quaich/{name}/" in text for text in texts):
            shutil.rmtree(f"{nginx.snippets}/{name}", ignore_errors=True)


def _files(nginx: Nginx) -> Iterator[str]:
    """Every file with sites, and those that a change under way has kept."""
    for directory in (nginx.sites, nginx.enabled):
        if os.path.isdir(directory):
            for entry in os.scandir(directory):
                if entry.is_file():
                    yield entry.path


def swap(nginx: Nginx, changes: Mapping[str, str | None]) -> None:
    """Make the files these texts, and remove those without one; the old ones are kept."""
    os.makedirs(nginx.sites, mode=0o755, exist_ok=True)
    for path, text in changes.items():
        if text is not None:
            _write(f"{path}{_NEW}", text)
    for path in changes:
        _keep(path)
    for path, text in changes.items():
        if text is None:
            _unlink(link(nginx, path))
            _unlink(path)
        else:
            os.replace(f"{path}{_NEW}", path)
            _link(nginx, path)
    _sync(nginx.sites)


def _keep(path: str) -> None:
    """Keep the old file; the copy appears whole or not at all."""
    _unlink(f"{path}{_OLD}")
    try:
        os.link(path, f"{path}{_OLD}")
    except FileNotFoundError:
        _write(f"{path}{_OLD}", "")


def restore(nginx: Nginx) -> bool:
    """Undo what is under way, of whichever site; whether there was anything."""
    found = False
    try:
        names = sorted(os.listdir(nginx.sites))
    except FileNotFoundError:
        return False
    for name in names:
        path = f"{nginx.sites}/{name.removesuffix(_OLD).removesuffix(_NEW)}"
        if not _OURS.fullmatch(path.rpartition("/")[2]):
            continue
        if name.endswith(_NEW):
            _unlink(f"{path}{_NEW}")
        if not name.endswith(_OLD):
            continue
        found = True
        if os.path.getsize(f"{path}{_OLD}"):
            # A rename over another link of the same file would leave both.
            if os.path.exists(path) and os.path.samefile(path, f"{path}{_OLD}"):
                _unlink(f"{path}{_OLD}")
            else:
                os.replace(f"{path}{_OLD}", path)
            _link(nginx, path)
        else:
            _unlink(link(nginx, path))
            _unlink(path)
            _unlink(f"{path}{_OLD}")
    return found


def commit(nginx: Nginx, changes: Mapping[str, str | None]) -> None:
    """The change holds: forget what was before."""
    for path in changes:
        _unlink(f"{path}{_OLD}")
    _sync(nginx.sites)


def set_aside(placed: Placed) -> str:
    """Keep a copy of a file that was changed by hand before it is replaced; its path."""
    path = f"{placed.path}{_EDITED}"
    _write(path, placed.text)
    return path


def _link(nginx: Nginx, path: str) -> None:
    if is_linked(nginx, path):
        return
    at = link(nginx, path)
    temporary = f"{nginx.snippets}/link{_NEW}"
    _unlink(temporary)
    os.symlink(path, temporary)
    os.replace(temporary, at)


def _write(path: str, text: str) -> None:
    _unlink(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o644)
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _unlink(path: str) -> None:
    if path:
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
