"""The words of a failed import, where no import of a test comes by them."""

from pathlib import Path

import pytest

from quaich.wsgi import blame


def test_an_error_that_was_raised_nowhere() -> None:
    error = blame.raised("module = shop", ValueError("no trace"))
    assert str(error) == "module = shop: ValueError: no trace"


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    assert "not a file (in " in str(blame.no_file("paste = x", str(tmp_path)))


def test_a_path_of_a_directory_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    text = str(blame.no_file("paste = x", "/nowhere/at/all.ini"))
    assert "there is no such file" in text
    assert "did you mean" not in text


def test_a_path_on_another_machine() -> None:
    text = str(blame.no_file("paste = x", "https://example.org/site.ini"))
    assert "https:// is not read" in text
