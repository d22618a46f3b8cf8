"""What is left out of a release, by git's patterns."""

import pytest

from quaich.deploy import ignore


@pytest.mark.parametrize(
    ("path", "is_directory"),
    [
        (".git", True),
        ("a/__pycache__", True),
        (".venv", True),
        (".env", False),
        ("conf/.env.production", False),
        ("a/b.pyc", False),
    ],
)
def test_always_left_out(path: str, is_directory: bool) -> None:
    assert ignore.is_left_out(path, is_directory, ignore.rules("!*"))


@pytest.mark.parametrize("path", ["env", ".envrc", ".env.example", "git", "a.py", "venv.py"])
def test_never_left_out_by_itself(path: str) -> None:
    assert not ignore.is_left_out(path, False, ())


@pytest.mark.parametrize(
    ("text", "path", "is_directory", "expected"),
    [
        ("*.log", "a.log", False, True),
        ("*.log", "x/y/a.log", False, True),
        ("/*.log", "x/a.log", False, False),
        ("/*.log", "a.log", False, True),
        ("build/", "build", True, True),
        ("build/", "build", False, False),
        ("a/b", "a/b", False, True),
        ("a/b", "x/a/b", False, False),
        ("**/b", "x/a/b", False, True),
        ("a/**/b", "a/b", False, True),
        ("a/**/b", "a/x/y/b", False, True),
        ("a/**", "a/x/y", False, True),
        ("a/**", "a", True, False),
        ("*.log\n!keep.log", "keep.log", False, False),
        ("*.log\n!keep.log\nkeep.*", "keep.log", False, True),
        ("# x\n\n   \nx?", "xy", False, True),
        ("\\#x", "#x", False, True),
        ("\\!x", "!x", False, True),
        ("[ab].txt", "b.txt", False, True),
        ("[!ab].txt", "b.txt", False, False),
        ("[z-a].txt", "b.txt", False, False),
        ("a*b", "a/b", False, False),
        ("x.y", "xzy", False, False),
        ("x[", "x[", False, True),
    ],
)
def test_patterns(text: str, path: str, is_directory: bool, expected: bool) -> None:
    assert ignore.is_left_out(path, is_directory, ignore.rules(text)) is expected
