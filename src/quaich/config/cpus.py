"""How many processors this process may use: ``%k``, and ``processes = auto``.

The kernel's affinity mask counts (a cpuset narrows it), and a quota of processor time, of either
version of control groups: the smallest on the way from the process's own group to the root.  A part
of a processor counts as a whole one, so that a quota of 1.5 means 2.

Files are read by whoever calls; what cannot be read sets no limit.
"""

from collections.abc import Callable, Iterator

Read = Callable[[str], str | None]

_V2 = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_V1 = ("/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuacct,cpu")


def usable(affinity: int, read: Read) -> int:
    """The number, at least 1; ``affinity`` is how many the mask allows."""
    groups = read("/proc/self/cgroup") or ""
    least = affinity
    for line in groups.splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            quotas = [_v2(read, f"{root}{group}") for root in _V2 for group in _ancestors(path)]
        elif "cpu" in controllers.split(","):
            quotas = [_v1(read, f"{root}{group}") for root in _V1 for group in _ancestors(path)]
        else:
            continue
        least = min([least, *(quota for quota in quotas if quota)])
    return max(1, least)


def _ancestors(path: str) -> Iterator[str]:
    """The group and every one above it, down to the empty path of the root.

    In a container the root is the group's own, whatever its path says.
    """
    path = path.rstrip("/")
    while path:
        yield path
        path = path.rpartition("/")[0]
    yield ""


def _v2(read: Read, directory: str) -> int:
    words = (read(f"{directory}/cpu.max") or "").split()
    return _quota(words[0], words[1]) if len(words) == 2 else 0


def _v1(read: Read, directory: str) -> int:
    quota = read(f"{directory}/cpu.cfs_quota_us")
    if quota is None:
        return 0
    return _quota(quota.strip(), (read(f"{directory}/cpu.cfs_period_us") or "").strip())


def _quota(quota: str, period: str) -> int:
    """Processors, rounded up; 0 is no limit (``max``, and -1)."""
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return 0
    return max(1, -(-int(quota) // int(period)))
