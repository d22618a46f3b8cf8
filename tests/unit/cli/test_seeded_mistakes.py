"""Misspelt names of the whole table: found, with the right suggestion; clean files pass."""

import json
import random
from pathlib import Path

import pytest

from quaich.cli import check
from quaich.config.options import COMPATIBLE_NAMES

LETTERS = "abcdefghijklmnopqrstuvwxyz-"
PER_FILE = 200
ONLY_READ = ["check", "--json", "--no-import", "--no-nginx"]


def slip(name: str, chance: random.Random) -> str:
    """A name with one letter lost, added, replaced, or swapped with the next."""
    at = chance.randrange(len(name))
    letter = chance.choice(LETTERS)
    swapped = name[:at] + name[at : at + 2][::-1] + name[at + 2 :]
    return chance.choice(
        (
            name[:at] + name[at + 1 :],
            name[:at] + letter + name[at:],
            name[:at] + letter + name[at + 1 :],
            swapped,
        )
    )


def misspell(name: str, slips: int, chance: random.Random) -> str:
    """No other name, and nothing that an ini file or a person would read otherwise."""
    while True:
        wrong = name
        for _ in range(slips):
            wrong = slip(wrong, chance) or name
        if wrong not in COMPATIBLE_NAMES and wrong.strip("-") == wrong:
            return wrong


def findings(path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    check.run([*ONLY_READ, str(path)])
    data = json.loads(capsys.readouterr().out)
    return list(data["reports"][0]["findings"])


@pytest.mark.parametrize(("slips", "share"), [(1, 0.99), (2, 0.95)])
def test_misspellings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slips: int, share: float
) -> None:
    chance = random.Random(slips)
    names = list(COMPATIBLE_NAMES)[slips % 2 :: 2]
    found = right = 0
    for start in range(0, len(names), PER_FILE):
        part = names[start : start + PER_FILE]
        wrong = [misspell(name, slips, chance) for name in part]
        path = tmp_path / "site.ini"
        path.write_text(
            "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = m\n"
            + "".join(f"{each} = 1\n" for each in wrong)
        )
        by_line = {each["line"]: each for each in findings(path, capsys)}
        for line, name in enumerate(part, 4):
            report = by_line.get(line)
            found += report is not None
            meant = set(COMPATIBLE_NAMES[name].names)
            words = str(report["text"] if report else "").replace(",", " ").rstrip("?").split()
            right += bool(meant & set(words))
    assert found == len(names)
    assert right >= share * len(names), f"{right} of {len(names)}"


CLEAN = (
    (
        "[uwsgi]\nhttp-socket = 127.0.0.1:0\nmodule = shop:app\nmaster = true\nneed-app = true\n"
        "die-on-term = true\nvacuum = true\n"
    ),
    (
        "[uwsgi]\n; a comment\n# another\nset-placeholder = base=/srv\nchdir = %(base)\n"
        "socket = %(base)/app.sock\nchmod-socket = 660\nwsgi-file = app.py\ncallable = app\n"
        "master = true\nprocesses = %k\nthreads = 2\nneed-app\ndie-on-term\nvacuum\nlisten = 10\n"
    ),
    (
        "[other]\nx = 1\n[uwsgi]\nname = shop\nhttp-socket = 127.0.0.1:0\nmodule = %(name):app\n"
        "master = 1\nneed-app = yes\ndie-on-term = on\nenv = A=b#c\nsocket-timeout = 30\n"
    ),
)


@pytest.mark.parametrize("text", CLEAN)
def test_clean_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    home = tmp_path / "srv"
    home.mkdir()
    (home / "app.py").write_text("app = print\n")
    path = tmp_path / "site.ini"
    path.write_text(text.replace("/srv", str(home)))
    found = [each for each in findings(path, capsys) if each["code"] != "QX008"]
    assert found == []
