"""Did you mean: the misspellings seen in public configurations, and words that are nothing."""

import pytest

from quaich.config.options import COMPATIBLE_NAMES
from quaich.config.suggest import distance, hint, nearest


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("vaccum", "vacuum"),
        ("thread", "threads"),
        ("process", "processes"),
        ("harakri", "harakiri"),
        ("moduel", "module"),
        ("die_on_term", "die-on-term"),
        ("Master", "master"),
        ("--socket", "socket"),
        ("scoket", "socket"),
        ("sokcet", "socket"),
        ("chmod-sockt", "chmod-socket"),
        ("virtual-env", "virtualenv"),
        ("wsgi_file", "wsgi-file"),
    ],
)
def test_misspellings(written: str, meant: str) -> None:
    assert nearest(written, COMPATIBLE_NAMES) == meant


@pytest.mark.parametrize("written", ["base", "..", "<<<<<<< HEAD", "x", "", "y" * 100_000])
def test_what_resembles_nothing(written: str) -> None:
    assert nearest(written, COMPATIBLE_NAMES) is None
    assert hint(written, COMPATIBLE_NAMES) == ""


@pytest.mark.parametrize(
    ("left", "right", "edits"),
    [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "abd", 1), ("abc", "xyz", 3)],
)
def test_distance(left: str, right: str, edits: int) -> None:
    assert distance(left, right, 9) == edits
    assert distance(right, left, 9) == edits


def test_distance_gives_up_at_the_limit() -> None:
    assert distance("abcdef", "uvwxyz", 2) == 3
    assert distance("a", "abcdef", 2) == 3
