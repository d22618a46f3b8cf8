"""The number of processors, from what the kernel's files say, as data."""

import pytest

from quaich.config.cpus import usable

V2 = {"/proc/self/cgroup": "0::/web.slice/site.service\n"}
LEAF = "/sys/fs/cgroup/web.slice/site.service/cpu.max"
V1 = {"/proc/self/cgroup": "5:memory:/m\n4:cpu,cpuacct:/docker/abc\n0::/\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        (V2, 8),
        (V2 | {LEAF: "max 100000\n"}, 8),
        (V2 | {LEAF: "200000 100000\n"}, 2),
        (V2 | {LEAF: "150000 100000\n"}, 2),
        (V2 | {LEAF: "1000 100000\n"}, 1),
        (V2 | {LEAF: "1600000 100000\n"}, 8),
        # The group above grants less.
        (V2 | {LEAF: "max 100000", "/sys/fs/cgroup/web.slice/cpu.max": "300000 100000"}, 3),
        # A container sees its own group as the root.
        ({"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        (V2 | {"/sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4),
        (V2 | {LEAF: "rubbish"}, 8),
        (V2 | {LEAF: "100000 0"}, 8),
        (V1 | {"/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "-1\n"}, 8),
        (
            V1
            | {
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "250000\n",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (V1 | {"/sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "250000\n"}, 8),
    ],
)
def test_usable(files: dict[str, str], expected: int) -> None:
    assert usable(8, files.get) == expected


def test_at_least_one() -> None:
    assert usable(0, {}.get) == 1
