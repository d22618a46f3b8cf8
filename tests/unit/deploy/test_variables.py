"""What is written into a file of variables is what the server reads there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaich.config.sources import Host
from quaich.deploy import variables
from quaich.errors import QuaichError

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]))


@given(st.dictionaries(NAMES, VALUES))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, wanted: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "variables.env"
    path.write_text(variables.render(wanted))
    assert dict(Host().variables(str(path), "env-file", "")) == wanted


def test_lines_of_a_person() -> None:
    text = "# secret\n\nA=1\nB= x=y \r\n"
    assert variables.lines(text) == {"A": "1", "B": " x=y "}


@pytest.mark.parametrize("word", ["1A=x", "A B=x", "=x", "A=a\nb", "A=a\0b", "secret"])
def test_refused_without_showing_values(word: str) -> None:
    with pytest.raises(QuaichError) as caught:
        variables.assignments([word])
    assert "a\nb" not in str(caught.value)


def test_the_file_is_sorted(tmp_path: Path) -> None:
    assert variables.render({"B": "2", "A": "x y"}).splitlines()[1:] == ["A='x y'", "B=2"]
