"""Whose exception it is, by its traceback."""

import pytest

from quaich.sys.io import receive
from quaich.worker.failure import raised_by_us


def test_of_a_handler() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError
    assert not raised_by_us(caught.value)


def test_of_the_server() -> None:
    assert raised_by_us(OSError(9, "never raised"))
    with pytest.raises(OSError) as caught:
        receive(10**6, 1)
    assert raised_by_us(caught.value)
