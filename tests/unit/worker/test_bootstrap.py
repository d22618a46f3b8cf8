import socket

import pytest

from quaich import __version__
from quaich.config.base import ListenSpec
from quaich.config.effective import Config
from quaich.net.listen import BoundListener
from quaich.worker.bootstrap import Bootstrap, OtherVersion


def test_a_bootstrap_arrives_as_it_was_sent() -> None:
    bootstrap = Bootstrap(
        config=Config(
            module="shop", listeners=(ListenSpec(":80", "http", "--socket", "site.ini:3"),)
        ),
        generation=3,
        master=41,
        listeners=(
            BoundListener(5, "http", "127.0.0.1:80", socket.AF_INET),
            BoundListener(6, "uwsgi", "a.sock", socket.AF_UNIX, "/run/a.sock", (1, 2)),
        ),
        scoreboard=7,
        channel=8,
        lifeline=9,
        lounge=(10, 11),
        need_app=True,
        leftovers=(("/run/a.sock", 1, 2),),
    )
    assert Bootstrap.from_json(bootstrap.to_json()) == bootstrap
    assert bootstrap.descriptors() == [7, 8, 9, 10, 11, 5, 6]
    other = bootstrap.to_json().replace(f'"{__version__}"', '"0.0.1"')
    with pytest.raises(OtherVersion, match="the master is still quaich=") as caught:
        Bootstrap.from_json(other)
    assert caught.value.channel == 8
