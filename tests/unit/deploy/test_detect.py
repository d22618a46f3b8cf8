"""What an application is, told from its files."""

import pytest

from quaich.deploy.detect import Found, detect
from quaich.errors import QuaichError

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


def found(files: dict[str, str], app: str = "", django: bool | None = None) -> Found:
    return detect(files.get, {name.partition("/")[0] for name in files}, app, django)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"wsgi.py": "def application(e, s):\n    pass\n"}, Found("wsgi:application", "", "")),
        ({"wsgi.py": "from a import application\napp = 1\n"}, Found("wsgi:app", "", "")),
        ({"app.py": "app: Flask = Flask(__name__)\n"}, Found("app:app", "", "")),
        ({"main.py": "application = x\n"}, Found("main:application", "", "")),
        (
            {"manage.py": MANAGE, "shop/wsgi.py": "application = 1\n"},
            Found("shop.wsgi:application", "shop.settings", ""),
        ),
        (
            {"wsgi.py": "app = 1", "src/x": "", "pyproject.toml": ""},
            Found("wsgi:app", "", "src"),
        ),
    ],
)
def test_found(files: dict[str, str], expected: Found) -> None:
    assert found(files) == expected


def test_what_is_said_outranks() -> None:
    files = {"manage.py": MANAGE, "shop/wsgi.py": ""}
    assert found(files, "other:app") == Found("other:app", "shop.settings", "")
    assert found(files, "other:app", django=False) == Found("other:app", "", "")


def test_nothing_found_says_what_was_looked_for() -> None:
    with pytest.raises(QuaichError, match=r"no wsgi\.py, app\.py, main\.py with a callable named"):
        found({"wsgi.py": "application == 1\n  app = 2\n"})
    with pytest.raises(QuaichError, match="django = true, but there is no manage"):
        found({"wsgi.py": "app = 1"}, django=True)
