"""Fetching what is deployed: a directory, a wheel, or ``GIT-URL#REF``, copied into a release.

A directory is copied without what ``ignore`` leaves out; links are kept when they stay inside the
source, and refused otherwise, since a release must not change when something beside it does.
Refused: sockets, devices and pipes, and a source that contains the place it is copied to.
"""

import os
import re
import shutil
import stat
from collections.abc import Sequence

from quaich.deploy import commands, ignore, records
from quaich.deploy.faults import ApplicationFault, reason
from quaich.errors import QuaichError
from quaich.values import dataclass

DIRECTORY, WHEEL, GIT = "directory", "wheel", "git"

_SCHEME = re.compile(r"(?:https?|ssh|git|file)://|[\w.-]+@[\w.-]+:")
_REF = re.compile(r"(?!-)[\w./@^~{}+-]+")
_GIT_SECONDS = 600.0
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """What to deploy: ``path`` is a directory, a file or a URL; ``ref`` a branch, tag or commit."""

    kind: str
    path: str
    ref: str = ""

    def __str__(self) -> str:
        # A URL may hold a password.
        shown = re.sub(r"(\w+://)[^/@\s]*@", r"\1", self.path)
        return f"{shown}#{self.ref}" if self.ref else shown


def locate(word: str) -> Source:
    """What a command line names."""
    address, sharp, ref = word.partition("#")
    is_local = bool(sharp) and os.path.isdir(address)
    if _SCHEME.match(address) or is_local:
        if sharp and not _REF.fullmatch(ref):
            raise QuaichError(f'{word}: expected a branch, tag or commit behind the #, got "{ref}"')
        return Source(GIT, os.path.abspath(address) if is_local else address, ref)
    path = os.path.abspath(word)
    if word.endswith(".whl"):
        if not os.path.isfile(path):
            raise QuaichError(f"{word}: there is no such wheel")
        return Source(WHEEL, path)
    if not os.path.isdir(path):
        raise QuaichError(f"{word}: expected a directory, a wheel or GIT-URL#REF")
    return Source(DIRECTORY, path)


def fetch(source: Source, target: str, by: commands.Actor, env: dict[str, str]) -> str:
    """Put the source at ``target``, a new directory; what it was, for the records."""
    os.mkdir(target, 0o755)
    if source.kind == WHEEL:
        return os.path.basename(source.path)
    if source.kind == GIT:
        return _clone(source, target, by, env)
    copied = _copy_tree(source.path, target, _rules(source.path), os.path.realpath(target))
    return f"{source.path} ({copied} files)"


def own(path: str, by: commands.Actor) -> None:
    """Give a tree to the actor; whoever has it now cannot make this reach outside of it."""
    owner = by.owner()
    if owner is None:
        return
    for _, directories, files, fd in os.fwalk(path):
        os.fchown(fd, *owner)
        for name in (*directories, *files):
            os.chown(name, *owner, dir_fd=fd, follow_symlinks=False)


def _clone(source: Source, target: str, by: commands.Actor, env: dict[str, str]) -> str:
    if shutil.which("git", path=env.get("PATH")) is None:
        raise QuaichError("git is not installed; it is needed to deploy from a repository")
    own(target, by)
    env = {**env, "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}

    def git(*words: str) -> str:
        return commands.run(
            ["git", *words], what="git", by=by, env=env, cwd=target, timeout=_GIT_SECONDS
        ).strip()

    git("init", "--quiet")
    git("fetch", "--quiet", "--depth", "1", "--", source.path, source.ref or "HEAD")
    git("checkout", "--quiet", "FETCH_HEAD")
    commit = git("rev-parse", "--short=12", "HEAD")
    # What the actor has made is only the actor's to remove: root would follow a link put there.
    unwanted = [".git", *_unwanted(target, _rules(target))]
    commands.run(["rm", "-rf", "--", *unwanted], what="rm", by=by, env=env, cwd=target)
    return f"{source} at {commit}"


def _rules(top: str) -> Sequence[ignore.Rule]:
    for name in ignore.FILES:
        text = records.read(f"{top}/{name}")
        if text is not None:
            return ignore.rules(text)
    return ()


def _unwanted(top: str, rules: Sequence[ignore.Rule]) -> list[str]:
    """What a copy would have left out of a checkout."""
    found = []
    for directory, directories, files in os.walk(top):
        inside = _inside(directory, top)
        for name in list(directories):
            path = os.path.join(inside, name)
            is_directory = not os.path.islink(os.path.join(top, path))
            if ignore.is_left_out(path, is_directory, rules):
                found.append(path)
                directories.remove(name)
        found += [
            path
            for path in (os.path.join(inside, name) for name in files)
            if ignore.is_left_out(path, False, rules)
        ]
    return found


def _inside(directory: str, top: str) -> str:
    path = os.path.relpath(directory, top)
    return "" if path == "." else path


def _copy_tree(top: str, target: str, rules: Sequence[ignore.Rule], forbidden: str) -> int:
    """Copy by descriptors: the source may belong to somebody who swaps a directory for a link."""
    copied = 0
    for directory, directories, files, fd in os.fwalk(top):
        inside = _inside(directory, top)
        for name in list(directories):
            path = os.path.join(inside, name)
            is_link = stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
            if is_link:
                directories.remove(name)
                files.append(name)
            elif ignore.is_left_out(path, True, rules) or _is_environment(name, fd):
                directories.remove(name)
            elif forbidden.startswith(f"{os.path.realpath(os.path.join(directory, name))}/"):
                raise QuaichError(
                    f"{top}: the releases are inside it, below {path}; deploy another "
                    "directory, or list this one in .quaichignore"
                )
            else:
                os.mkdir(os.path.join(target, path), 0o755)
        for name in files:
            path = os.path.join(inside, name)
            if not ignore.is_left_out(path, False, rules):
                _copy(fd, name, os.path.join(target, path), os.path.join(top, path), path)
                copied += 1
    return copied


def _copy(fd: int, name: str, to: str, shown: str, path: str) -> None:
    mode = os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode
    if stat.S_ISLNK(mode):
        aim = os.readlink(name, dir_fd=fd)
        end = os.path.normpath(os.path.join(os.path.dirname(path), aim))
        if os.path.isabs(aim) or end == ".." or end.startswith("../"):
            raise ApplicationFault(
                f"{shown}: a link that leaves the directory: {aim}; copy what it points to, "
                "or list it in .quaichignore"
            )
        os.symlink(aim, to)
        return
    if not stat.S_ISREG(mode):
        raise ApplicationFault(f"{shown}: neither a file nor a directory; list it in .quaichignore")
    try:
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
        with open(found, "rb") as source, open(to, "xb") as copy:
            shutil.copyfileobj(source, copy, _BLOCK)
            copy.flush()
            state = os.fstat(found)
            os.fchmod(copy.fileno(), 0o755 if state.st_mode & 0o100 else 0o644)
            # The time stays, so that compiled files stay valid and caches of browsers too.
            os.utime(copy.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))
    except OSError as error:
        raise QuaichError(f"{shown}: it cannot be copied: {reason(error)}") from None


def _is_environment(name: str, fd: int) -> bool:
    try:
        os.stat(f"{name}/pyvenv.cfg", dir_fd=fd)
    except OSError:
        return False
    return True
