"""Which application a request gets, and with which SCRIPT_NAME and PATH_INFO.

The tables were recorded from uWSGI 2.0.31, with three applications mounted at /foo, /foo/bar and
/foobis, and one at the root.
"""

from typing import Any

import pytest

from quaich.wsgi.loader import Apps
from quaich.wsgi.route import chooser


def app(name: str) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[str]:
        return [name]

    return application


ROOT = app("root")
MOUNTS = (("/foo/bar", app("bar")), ("/foobis", app("bis")), ("/foo", app("foo")))


def answer(apps: Apps, environ: dict[str, Any], **options: Any) -> tuple[str | None, Any, str]:
    found = chooser(apps, **options)(environ)
    name = found({}, None)[0] if found else None
    return name, environ.get("SCRIPT_NAME"), environ["PATH_INFO"]


MANAGED = [
    ("/", "root", None, "/"),
    ("/foo", "foo", "/foo", ""),
    ("/foo/", "foo", "/foo", "/"),
    ("/foo/x", "foo", "/foo", "/x"),
    ("/foo//x", "foo", "/foo", "//x"),
    ("/fooanything", "root", "", "/fooanything"),
    ("/foobis", "bis", "/foobis", ""),
    ("/foobis/x", "bis", "/foobis", "/x"),
    ("/foo/bar", "bar", "/foo/bar", ""),
    ("/foo/bar/", "bar", "/foo/bar", "/"),
    ("/foo/bar/z", "bar", "/foo/bar", "/z"),
    ("/foo/barz", "foo", "/foo", "/barz"),
    ("/other", "root", "", "/other"),
    ("", "root", None, ""),
    ("//foo/x", "root", "", "//foo/x"),
]


@pytest.mark.parametrize(("path", "name", "script", "rest"), MANAGED)
def test_managed(path: str, name: str, script: str | None, rest: str) -> None:
    apps = Apps(ROOT, MOUNTS, ROOT)
    environ = {"PATH_INFO": path}
    assert answer(apps, environ, manage_script_name=True) == (name, script, rest)


FRONT = [
    # SCRIPT_NAME, UWSGI_APPID, PATH_INFO; then managed and not.
    ("/foo", "", "/x", ("foo", "/foo", "/x"), ("foo", "/foo", "/x")),
    ("/foo", "", "/foo/x", ("foo", "/foo", "/x"), ("foo", "/foo", "/foo/x")),
    ("/foo", "", "/foobis/x", ("bis", "/foobis", "/x"), ("foo", "/foo", "/foobis/x")),
    ("/zzz", "", "/x", ("root", "/zzz", "/x"), ("root", "/zzz", "/x")),
    ("/zzz", "", "/foo/x", ("foo", "/foo", "/x"), ("root", "/zzz", "/foo/x")),
    ("/foo/bar", "/foo", "/x", ("foo", "/foo/bar", "/x"), ("foo", "/foo/bar", "/x")),
    ("/foo/bar", "/zzz", "/foo/x", ("root", "/foo", "/x"), ("root", "/foo/bar", "/foo/x")),
    ("", "", "/foo/x", ("foo", "/foo", "/x"), ("root", "", "/foo/x")),
]


@pytest.mark.parametrize(("script", "appid", "path", "managed", "plain"), FRONT)
def test_what_the_front_says(script: str, appid: str, path: str, managed: Any, plain: Any) -> None:
    apps = Apps(ROOT, MOUNTS, ROOT)
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}
    if appid:
        environ["UWSGI_APPID"] = appid
    assert answer(apps, dict(environ)) == plain
    assert answer(apps, dict(environ), manage_script_name=True) == managed


@pytest.mark.parametrize(
    ("script", "path", "name"),
    [("/foo", "/x", "foo"), ("/zzz", "/x", None), ("", "/x", None), ("", "/foo/x", "foo")],
)
def test_no_default(script: str, path: str, name: str | None) -> None:
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}
    assert answer(Apps(None, MOUNTS), environ, manage_script_name=True)[0] == name
    root = Apps(None, MOUNTS, ROOT)
    expected = "root" if (script, path) == ("", "/x") else name
    environ = {"SCRIPT_NAME": script, "PATH_INFO": path}
    assert answer(root, environ, manage_script_name=True)[0] == expected


def test_script_name_can_be_left_out_of_the_choice() -> None:
    apps = Apps(ROOT, MOUNTS, ROOT)
    environ = {"SCRIPT_NAME": "/foo", "PATH_INFO": "/x"}
    assert answer(apps, environ, ignore_script_name=True) == ("root", "/foo", "/x")
    environ = {"PATH_INFO": "/foo/x"}
    found = answer(apps, environ, ignore_script_name=True, manage_script_name=True)
    assert found == ("root", "/foo", "/x")


def test_what_no_mount_point_answers_may_be_loaded() -> None:
    class Dynamic:
        def find(self, environ: dict[str, Any]) -> Any:
            return app("loaded")

    dynamic: Any = Dynamic()
    environ = {"SCRIPT_NAME": "/nowhere", "PATH_INFO": "/x"}
    assert answer(Apps(ROOT, MOUNTS, ROOT), environ, dynamic=dynamic)[0] == "loaded"
