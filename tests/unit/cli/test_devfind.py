import pytest

from quaich.cli.devfind import callable_in, find

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
APP = "application = 1\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"wsgi.py": APP, "app.py": "app = 1"}, "wsgi:application"),
        ({"wsgi.py": "", "app.py": "app = 1"}, "app:app"),
        ({"manage.py": MANAGE, "shop/wsgi.py": APP, "app.py": "app = 1"}, "shop.wsgi:application"),
        ({"manage.py": MANAGE, "main.py": "def create_app(): pass"}, "main:create_app()"),
        ({"app/__init__.py": "from x import app"}, "app:app"),
        ({"shop/__init__.py": "def make_app(): pass", "a/__init__.py": ""}, "shop:make_app()"),
        ({"shop/wsgi.py": APP}, "shop.wsgi:application"),
        ({"shop/wsgi.py": APP, "cup/wsgi.py": APP}, ""),
        ({"setup.py": APP}, ""),
        ({}, ""),
    ],
)
def test_where_it_is_looked_for(files: dict[str, str], found: str) -> None:
    assert find(files, files.__getitem__) == found


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("app = Flask(__name__)", "app"),
        ("app: Flask = Flask()\napplication = app", "application"),
        ("class application: pass", "application"),
        ("from django import get as application", "application"),
        ("import app.things", "app"),
        ("if True:\n    app = 1", "app"),
        ("try:\n    import x\nexcept ImportError:\n    app = 1", "app"),
        ("def f():\n    app = 1", ""),
        ("app.route()", ""),
        ("", ""),
        ("\0", ""),
        # About to be mended.
        ("def application(environ, start_response:\n", "application"),
        ("app = Flask(\nx = )", "app"),
        ("def create_app():\n  return (", "create_app()"),
    ],
)
def test_the_callable_of_a_file(source: str, name: str) -> None:
    assert callable_in(source) == name
