"""What the tests of rendered sites share: one nginx of quaich's own for each module."""

from collections.abc import Iterator

import pytest

from tests.conftest import _need
from tests.support import nginx as support
from tests.support.sites import Sites


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    _need("nginx", support.program())
    made = Sites(tmp_path_factory.mktemp("nginx"))
    yield made
    made.stop()
