"""Between loading and serving: what fails there, and what that means."""

import sys
from types import ModuleType
from typing import Any

import pytest

from quaich.config.effective import Config
from quaich.errors import LoadError, QuaichError
from quaich.worker import warm
from quaich.wsgi.loader import Apps
from tests.support.logs import Lines


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    seen.append((environ["PATH_INFO"], environ["HTTP_USER_AGENT"]))
    if environ["PATH_INFO"] == "/broken":
        raise ValueError("mine")
    status = "503 Wait" if environ["PATH_INFO"] == "/wait" else "200 OK"
    start_response(status, [("Content-Type", "text/plain")])
    return [b""]


seen: list[tuple[str, str]] = []
APPS = Apps(application)


@pytest.fixture(autouse=True)
def unseen() -> None:
    seen.clear()


class TestWarmingUp:
    def test_each_path_once_whatever_comes(self) -> None:
        log = Lines()
        warm.warm_up(Config(warmup=("/", "/broken", "/wait")), APPS, log)
        assert seen == [("/", warm.WARMING), ("/broken", warm.WARMING), ("/wait", warm.WARMING)]
        assert log.lines[0].startswith("warmup path=/ status=200")
        assert "ValueError: mine" in log.text
        assert any(line.startswith("warning: warmup path=/broken ") for line in log.lines)

    def test_so_many_requests(self) -> None:
        log = Lines()
        warm.serve(Config(warmup=("/", "/broken")), APPS, 5, log)
        assert [path for path, _ in seen] == ["/", "/broken", "/", "/broken", "/"]
        warning, last = log.lines
        assert warning.startswith("warning: warmup path=/broken "), "the first of them is said"
        assert last.startswith("warmup requests=5 failed=2 seconds=")

    def test_of_the_root_where_none_is_named(self) -> None:
        log = Lines()
        warm.serve(Config(), APPS, 0, log)
        assert [path for path, _ in seen] == ["/"]
        assert log.lines[-1].startswith("warmup requests=1 failed=0 ")


class TestHooks:
    def module(self, monkeypatch: pytest.MonkeyPatch, **names: Any) -> None:
        made = ModuleType("hooked")
        made.__dict__.update(names)
        monkeypatch.setitem(sys.modules, "hooked", made)

    def test_all_are_called_in_their_order(self, monkeypatch: pytest.MonkeyPatch) -> None:
        called: list[str] = []
        self.module(monkeypatch, one=lambda: called.append("one"), two=lambda: called.append("two"))
        found = warm.find_hooks(Config(post_fork=("hooked:two", "hooked:one")))
        warm.set_up(found)
        assert called == ["two", "one"]

    @pytest.mark.parametrize("value", ["hooked", "hooked:none", "no_such_module_here:x"])
    def test_what_cannot_be_found(self, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.module(monkeypatch)
        config = Config(post_fork=(value,), places=(("post-fork", "site.ini:3"),))
        with pytest.raises(LoadError, match=f"^site.ini:3: post-fork = {value}: ") as caught:
            warm.find_hooks(config)
        assert ("expected module:function" in str(caught.value)) == (":" not in value)

    def test_one_that_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail() -> None:
            raise SystemExit("no database")

        self.module(monkeypatch, fail=fail)
        with pytest.raises(LoadError, match=r"post-fork = hooked:fail: .*no database"):
            warm.set_up(warm.find_hooks(Config(post_fork=("hooked:fail",))))

    def test_numpy_s_generator_is_seeded_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seeded: list[bool] = []
        random = ModuleType("numpy.random")
        random.seed = lambda: seeded.append(True)  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "numpy.random", random)
        warm.set_up([])
        assert seeded == [True]


class TestTryingOut:
    def test_what_is_asked_for(self) -> None:
        warm.try_out(Config(), APPS, Lines())
        assert seen == []
        warm.try_out(Config(ready_path="/"), APPS, Lines())
        assert seen == [("/", warm.TRYING)]

    @pytest.mark.parametrize("place", ["", "site.ini:3"])
    def test_another_status(self, place: str) -> None:
        config = Config(ready_path="/wait", places=(("ready-path", place),) if place else ())
        with pytest.raises(QuaichError) as caught:
            warm.try_out(config, APPS, Lines())
        assert str(caught.value) == (
            f"{place}{': ' if place else ''}ready-path = /wait: "
            "expected a status of 2xx or 3xx, got 503"
        )

    def test_an_exception(self) -> None:
        log = Lines()
        with pytest.raises(QuaichError, match="ready-path = /broken: "):
            warm.try_out(Config(ready_path="/broken"), APPS, log)
        assert "ValueError: mine" in log.text
