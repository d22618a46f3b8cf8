"""Alarms: how often one is raised, and how few mails become of many."""

from quaich.config.outlets import Alarm
from quaich.stats.alarms import Alarms, Letters

MAIL = Alarm("pager", "mail", "ops@example.org")


def test_the_same_is_not_raised_again_for_a_while() -> None:
    alarms = Alarms(3.0, 5)
    assert alarms.once("a", "one two", 10.0) == [("a", "one t")]
    assert alarms.once("a", "one two", 12.9) == []
    assert alarms.once("b", "one two", 12.9) == [("b", "one t")]
    assert alarms.once("a", "other", 12.9) == [("a", "other")]
    assert alarms.once("a", "one two", 13.0) == [("a", "one t")]


def test_the_first_mail_is_sent_at_once_and_the_next_a_minute_later() -> None:
    letters = Letters(60.0)
    assert letters.due() is None
    letters.put(MAIL, "one", 10.0)
    assert letters.due() == 0.0
    assert letters.take(10.0) == [(MAIL, "one\n")]
    assert letters.take(10.0) == []
    assert letters.due() is None
    letters.put(MAIL, "two", 11.0)
    letters.put(MAIL, "three", 12.0)
    assert letters.due() == 70.0
    assert letters.take(69.0) == []
    assert letters.take(70.0) == [(MAIL, "two\nthree\n")]


def test_a_mail_is_bounded() -> None:
    letters = Letters(60.0)
    for number in range(1000):
        letters.put(MAIL, str(number), 1.0)
    ((_, text),) = letters.take(1.0)
    assert text.endswith("\n99\nand 900 more\n")
