import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from quaich.worker.sources import Reporter, in_traceback, of_modules


def module(name: str, file: Any) -> ModuleType:
    made = ModuleType(name)
    made.__file__ = file
    return made


def test_the_files_of_modules() -> None:
    modules = {
        "a": module("a", "/x/a.py"),
        "b": module("b", "/x/b.pyc"),
        "c": module("c", "/x/c.so"),
        "built-in": ModuleType("built-in"),
        "namespace": module("namespace", None),
        "strange": module("strange", 3),
        "unwanted": module("unwanted", "/x/u.py"),
        "none": None,
    }
    assert of_modules(modules, ("unwanted",)) == {"/x/a.py", "/x/b.py", "/x/c.so"}


def test_the_files_of_a_traceback() -> None:
    text = (
        'Traceback (most recent call last):\n  File "/x/a.py", line 3, in <module>\n    import b\n'
        '  File "<string>", line 1\n  File "/x/b.py", line 1\n    TEXT =\nSyntaxError: no\n'
    )
    assert in_traceback(text) == {"/x/a.py", "/x/b.py"}


def test_each_is_told_of_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[list[str]] = []
    reporter = Reporter((), lambda paths: told.append(list(paths)))
    reporter.report(['  File "/x/broken.py", line 1'])
    assert "/x/broken.py" in told[0]
    reporter.report()
    assert len(told) == 1
    monkeypatch.setitem(sys.modules, "fresh", module("fresh", "/x/fresh.py"))
    reporter.report()
    assert told[1:] == [["/x/fresh.py"]]


def test_a_thread_tells_of_what_requests_import(monkeypatch: pytest.MonkeyPatch) -> None:
    class Enough(BaseException):
        pass

    told: list[list[str]] = []
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Enough
        monkeypatch.setitem(
            sys.modules, f"late{len(slept)}", module("late", f"/x/late{len(slept)}.py")
        )

    class Thread:
        def __init__(self, target: Callable[[], None], name: str, daemon: bool) -> None:
            self.start = target

    reporter = Reporter((), lambda paths: told.append(list(paths)))
    reporter.report()
    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("threading.Thread", Thread)
    with pytest.raises(Enough):
        reporter.keep_reporting(2.5)
    assert slept == [2.5] * 3
    assert told[1:] == [["/x/late1.py"], ["/x/late2.py"]]
