"""Who a process becomes before it loads, and what is said of what it loads."""

import gc
import os
from pathlib import Path
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.sys import capabilities, privileges, process
from quaich.worker import confine, startup
from quaich.wsgi import loader
from quaich.wsgi.loader import Apps
from tests.support.logs import Lines


class Steps:
    """What was done to the process, in its order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, user: int) -> None:
        self.done: list[Any] = []
        self.who = privileges.Identity(1000, 1000, (1000,))
        for module, name in (
            (confine, "enter"),
            (capabilities, "keep"),
            (capabilities, "limit_to"),
            (privileges, "drop"),
            (process, "gain_no_privileges"),
        ):
            monkeypatch.setattr(module, name, self.step(name))
        monkeypatch.setattr(privileges, "find", lambda *_: self.who)
        monkeypatch.setattr(os, "geteuid", lambda: user)
        monkeypatch.setattr(os, "getegid", lambda: user)

    def step(self, name: str) -> Any:
        return lambda *given: self.done.append((name, *given[:1]))


class TestPrivileges:
    def test_everything_in_its_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = Steps(monkeypatch, 0)
        log = Lines()
        config = Config(chroot="/jail", cap="net_bind_service,sys_nice", uid="www")
        startup.drop_privileges(config, log)
        assert steps.done == [
            ("enter", "/jail"),
            ("keep",),
            ("drop", steps.who),
            ("limit_to", ("net_bind_service", "sys_nice")),
        ]
        assert log.lines == [
            f"uid=0 gid=0 pid={os.getpid()} privileges dropped",
            f"capabilities=net_bind_service,sys_nice pid={os.getpid()}",
        ]

    def test_the_modern_door_gains_none_for_good(self, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = Steps(monkeypatch, 0)
        log = Lines()
        startup.drop_privileges(Config(door="modern"), log, quiet=True)
        assert steps.done == [("drop", steps.who), ("gain_no_privileges",)]
        assert not log.lines

    @pytest.mark.parametrize(("user", "said"), [(1000, 0), (1001, 1)])
    def test_only_root_can(self, user: int, said: int, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = Steps(monkeypatch, user)
        log = Lines()
        startup.drop_privileges(Config(), log)
        startup.drop_privileges(Config(), log, quiet=True)
        assert steps.done == []
        assert len(log.lines) == said
        assert all("only root can, and this is user 1001" in line for line in log.lines)

    def test_nobody_was_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        steps = Steps(monkeypatch, 0)
        steps.who = privileges.Identity(None, None, ())
        startup.drop_privileges(Config(), Lines())
        assert steps.done == []

    def test_capabilities_that_are_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(names: tuple[str, ...]) -> None:
            raise PermissionError(1, "Operation not permitted")

        steps = Steps(monkeypatch, 1000)
        monkeypatch.setattr(capabilities, "limit_to", refuse)
        for place, prefix in (("", ""), ("site.ini:3", "site.ini:3: ")):
            config = Config(cap="sys_nice", places=(("cap", place),) if place else ())
            with pytest.raises(QuaichError) as caught:
                startup.drop_privileges(config, Lines())
            assert str(caught.value) == (
                f"{prefix}cap = sys_nice: operation not permitted; "
                "the server has to be started with them"
            )
        assert steps.done == []


class TestLoading:
    @pytest.fixture(autouse=True)
    def prepared(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loader, "prepare", lambda config: config)

    def failing(self, detail: str = "Traceback\n") -> LoadError:
        return LoadError("site.ini:3: module = app: no module named app", detail)

    def test_what_failed_is_raised_where_it_is_needed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        error = self.failing()

        def fail(config: Config) -> Apps:
            raise error

        for step in ("load", "prepare"):
            with monkeypatch.context() as patch:
                patch.setattr(loader, step, fail)
                log = Lines()
                with pytest.raises(LoadError) as caught:
                    startup.load(Config(), True, log)
                assert caught.value is error
                assert not log.lines, "whoever takes it says it"
                apps = startup.load(Config(), False, log)
                assert (apps.default, apps.failed) == (None, (error,))
                assert log.lines[:2] == ["Traceback", f"error: {error}"]
                assert "every request gets a 500" in log.lines[2]

    def test_where_memory_ran_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(config: Config) -> Apps:
            raise self.failing("") from MemoryError()

        monkeypatch.setattr(loader, "load", fail)
        with pytest.raises(LoadError, match="no module named app; limit-as = 512: memory ran out"):
            startup.load(Config(limit_as=512), True, Lines())

    def test_one_of_several_that_failed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        apps = Apps(print, failed=(self.failing(""),))
        monkeypatch.setattr(loader, "load", lambda config: apps)
        log = Lines()
        assert startup.load(Config(), True, log) is apps
        assert log.lines[0] == "error: site.ini:3: module = app: no module named app"
        assert "application loaded seconds=" in log.lines[1]

    @pytest.mark.parametrize(
        ("before", "own", "during", "after"),
        [
            ((700, 10, 10), None, (50_000, 10, 10), (700, 10, 10)),
            ((90_000, 5, 5), None, (90_000, 5, 5), (90_000, 5, 5)),
            ((0, 10, 10), None, (0, 10, 10), (0, 10, 10)),
            ((700, 10, 10), (1_000, 2, 3), (50_000, 10, 10), (1_000, 2, 3)),
        ],
        ids=["fewer", "few as it is", "none at all", "the application has its own"],
    )
    def test_garbage_is_looked_for_less_often(
        self,
        before: tuple[int, int, int],
        own: tuple[int, int, int] | None,
        during: tuple[int, int, int],
        after: tuple[int, int, int],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[Any] = []

        def load(config: Config) -> Apps:
            seen.append(gc.get_threshold())
            if own:
                gc.set_threshold(*own)
            return Apps(None)

        monkeypatch.setattr(loader, "load", load)
        was = gc.get_threshold()
        try:
            gc.set_threshold(*before)
            startup.load_prepared(Config(), True, Lines())
            assert seen == [during]
            assert gc.get_threshold() == after
        finally:
            gc.set_threshold(*was)

    def test_the_directory_after_loading(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir("/")
        monkeypatch.setattr(loader, "load", lambda config: Apps(print))
        startup.load(Config(chdir2=str(tmp_path)), True, Lines())
        assert os.getcwd() == str(tmp_path)


def test_the_interpreter_of_a_virtual_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen = []
    monkeypatch.setattr(
        startup.virtualenv, "interpreter", lambda path, place: seen.append((path, place))
    )
    assert startup.interpreter(Config()) is None
    startup.interpreter(
        Config(chdir="/srv", virtualenv="venv", places=(("virtualenv", "site.ini:3"),))
    )
    assert seen == [("/srv/venv", "site.ini:3")]
