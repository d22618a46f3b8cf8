"""One worker with one thread serves an honest client while slow ones hang on.

``bench/slow_clients.py`` measures this with many more requests; here the bound leaves room for a
busy machine, and is still far below the second that one held thread would cost.
"""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.slow_clients import KINDS, allow_descriptors, honest, percentile, served, slow_clients


@pytest.fixture(autouse=True)
def descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_descriptors()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_client_is_not_held_up(kind: str, tmp_path: Path) -> None:
    with served(tmp_path) as address:
        honest(address, 50)
        with slow_clients(address, {kind: 500}):
            times = honest(address, 300)
    assert percentile(times, 0.5) < 0.1
    assert percentile(times, 0.99) < 0.5
