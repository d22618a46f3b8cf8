from pathlib import Path

import pytest

from quaich.errors import QuaichError
from quaich.machine import reportunit, unit

ROOT = Path(__file__).parents[3]


def test_the_packaged_units_are_of_the_same_text() -> None:
    shipped = ROOT / "packaging/systemd"
    assert (shipped / "quaich@.service").read_text() == unit.packaged()
    service = reportunit.service(("/usr/bin/quaich",))
    assert (shipped / reportunit.SERVICE).read_text() == service
    assert (shipped / reportunit.TIMER).read_text() == reportunit.timer()


@pytest.mark.parametrize(
    ("command", "state", "start"),
    [
        (("/usr/bin/quaich",), "/var/lib/quaich", "/usr/bin/quaich --ini /var/lib/quaich/%i/"),
        (
            ("/opt/a b/python", "-m", "quaich"),
            "/srv/50%i/$HOME",
            '"/opt/a b/python" -m quaich --ini /srv/50%i/$$HOME/%i/quaich.ini',
        ),
        (('/o"\\%n',), "/s", '"/o\\"\\\\%%n" --ini /s/%i/quaich.ini'),
    ],
)
def test_words_are_only_words(command: tuple[str, ...], state: str, start: str) -> None:
    for text in (unit.system(command, state), unit.user(command, state)):
        line = next(each for each in text.splitlines() if each.startswith("ExecStart="))
        assert line.removeprefix("ExecStart=").startswith(start)
        assert "$MAINPID" in text
        assert text.startswith(unit.MARK)


def test_a_path_cannot_add_a_line() -> None:
    with pytest.raises(QuaichError, match="cannot hold"):
        unit.system(("/opt/x\nExecStartPre=/bin/evil",), "/s")
