import os

import pytest

from quaich.errors import BindError
from quaich.net.inherit import take_systemd


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0", "LISTEN_FDNAMES": "x"},
    ],
)
def test_descriptors_meant_for_nobody_here(environ: dict[str, str]) -> None:
    assert take_systemd(environ, os.getpid()) == []
    assert environ == {}


def test_the_variables_are_removed() -> None:
    environ = {"LISTEN_PID": "77", "LISTEN_FDS": "0", "LISTEN_FDNAMES": "a", "HOME": "/"}
    assert take_systemd(environ, 77) == []
    assert environ == {"HOME": "/"}


def test_more_descriptors_than_there_are() -> None:
    environ = {"LISTEN_PID": "77", "LISTEN_FDS": "1000000000"}
    with pytest.raises(BindError, match=r"LISTEN_FDS = 1000000000: descriptor \d+ is not open"):
        take_systemd(environ, 77)
