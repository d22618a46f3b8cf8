import os

import pytest

from quaich.errors import BindError
from quaich.net.inherit import take


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
    assert take(environ, os.getpid()) == {}
    assert environ == {}


def test_the_variables_are_removed() -> None:
    environ = {"LISTEN_PID": "77", "LISTEN_FDS": "0", "LISTEN_FDNAMES": "a", "HOME": "/"}
    assert take(environ, 77) == {}
    assert environ == {"HOME": "/"}


def test_more_descriptors_than_there_are() -> None:
    environ = {"LISTEN_PID": "77", "LISTEN_FDS": "1000000000"}
    with pytest.raises(BindError, match=r"LISTEN_FDS = 1000000000: descriptor \d+ is not open"):
        take(environ, 77)


def test_each_descriptor_has_its_name() -> None:
    first, second = os.pipe()
    low = [os.dup2(first, 203), os.dup2(second, 204)]
    try:
        environ = {"UPSTART_EVENTS": "started socket", "UPSTART_FDS": "203"}
        assert take(environ, 77) == {203: ""}
        assert "UPSTART_FDS" not in environ
    finally:
        for fd in (first, second, *low):
            os.close(fd)
