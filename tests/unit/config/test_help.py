"""The help names everything there is."""

import pytest

from quaich.config.help import compatible_help, modern_help
from quaich.config.options import COMPATIBLE_NAMES

HELP = compatible_help("uwsgi")


def test_every_name_is_listed_with_its_status() -> None:
    lines = HELP.splitlines()
    for name, option in COMPATIBLE_NAMES.items():
        line = next(
            line
            for line in lines
            if line.split()[:1] in ([f"--{name}"], [f"-{option.short}|--{name}"])
        )
        assert len(line.split(maxsplit=1)) == 2, name


def test_usage_line_names_the_program() -> None:
    assert HELP.startswith("Usage: uwsgi [options...]\n")


@pytest.mark.parametrize(
    "text", ["--wsgi-file", "-s|--socket", "-w|--module", "[planned with"]
)
def test_what_scripts_look_for(text: str) -> None:
    assert text in HELP


def test_the_modern_door_lists_what_it_takes() -> None:
    text = modern_help()
    assert "--bind" in text
    assert "--workers" in text
    assert "--mule-harakiri " not in text
