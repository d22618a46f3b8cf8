import ast

import pytest

from quaich.machine import skeleton


@pytest.mark.parametrize("kind", skeleton.KINDS)
def test_every_kind(kind: str) -> None:
    files = skeleton.files("my_app", "my-app", kind, True)
    wanted = {"wsgi.py", "app/__init__.py", "quaich.ini", "requirements.txt", ".gitignore"}
    assert wanted | {"tests/test_app.py", "site.toml", "README.md"} <= files.keys()
    for path, text in files.items():
        assert "$" not in text
        assert not path.startswith(("/", "."), 0, 1) or path == ".gitignore"
        assert not text or text.endswith("\n")
        if path.endswith(".py"):
            ast.parse(text, path)
    assert "virtualenv = %dvenv\n" in files["quaich.ini"]
    assert "--site my-app " in files["site.toml"]
    assert "virtualenv" not in skeleton.files("a", "a", kind, False)["quaich.ini"]
