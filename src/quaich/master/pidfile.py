"""The pid file: written whole or not at all, never through a link, and removed only while ours.

A file that is there is replaced, as uWSGI does; a device (``/dev/null``) is written to, and stays.
Refused: a directory where others could put a file of theirs in its place, and a path at which there
is something else.
"""

import os
import stat

from quaich.errors import QuaichError


class PidFile:
    """The pid file at an absolute path, written for this process."""

    def __init__(self, path: str, place: str = "", option: str = "pidfile") -> None:
        self.path = path
        self._prefix = f"{place}: {option}" if place else option
        self._inode = (0, 0)

    @classmethod
    def adopt(cls, path: str, place: str, option: str) -> "PidFile":
        """The file that this process wrote before it was executed anew."""
        pidfile = cls(path, place, option)
        try:
            info = os.lstat(path)
        except OSError:
            return pidfile
        # Another server may have taken it over.
        if read(path) == os.getpid():
            pidfile._inode = (info.st_dev, info.st_ino)
        return pidfile

    @property
    def inode(self) -> tuple[int, int]:
        """The device and inode of the file that was written."""
        return self._inode

    def write(self) -> int | None:
        """Write it; the pid of another running process that the old file named, if any."""
        directory = os.path.dirname(self.path)
        try:
            mode = os.stat(directory).st_mode
            if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
                raise QuaichError(
                    f"{self._prefix} = {self.path}: every user can write to {directory}; "
                    "choose a directory that is yours, such as /run/quaich"
                )
            if self._is_device():
                with open(self.path, "wb", buffering=0) as device:
                    device.write(b"%d\n" % os.getpid())
                return None
            before = read(self.path)
            temporary = f"{self.path}.{os.getpid()}"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(temporary, flags, 0o644)
            try:
                os.write(fd, b"%d\n" % os.getpid())
                info = os.fstat(fd)
                os.rename(temporary, self.path)
            except BaseException:
                os.unlink(temporary)
                raise
            finally:
                os.close(fd)
        except OSError as error:
            raise QuaichError(
                f"{self._prefix} = {self.path}: {(error.strerror or str(error)).lower()}"
            ) from None
        self._inode = (info.st_dev, info.st_ino)
        return before if before is not None and _runs(before) else None

    def _is_device(self) -> bool:
        """Whether a device is there; raises QuaichError where it is what must not be replaced."""
        try:
            mode = os.lstat(self.path).st_mode
        except FileNotFoundError:
            return False
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISBLK(mode):
            raise QuaichError(
                f"{self._prefix} = {self.path}: what is there is not a file; remove it or choose "
                "another path"
            )
        return stat.S_ISCHR(mode)

    def remove(self) -> None:
        """Remove it, if it is still there and still ours."""
        try:
            info = os.lstat(self.path)
            # Without a free descriptor nothing can be read; the file is ours all the same.
            if (info.st_dev, info.st_ino) == self._inode and read(self.path) in (os.getpid(), None):
                os.unlink(self.path)
        except OSError:
            pass  # gone already, or the directory is no longer ours to write


def read(path: str) -> int | None:
    """The pid in a regular file, None when there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        text = os.read(fd, 32).strip() if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return None
    finally:
        os.close(fd)
    return int(text) if text.isdigit() else None


def _runs(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
