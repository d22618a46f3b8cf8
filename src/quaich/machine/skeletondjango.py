"""The files of a new Django application; templates as in ``skeleton``."""

_MANAGE = '''\
#!/usr/bin/env python
"""Django's commands: python manage.py help."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
'''

_WSGI = '''\
"""What the server loads: the callable ``application``."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
application = get_wsgi_application()
'''

_SETTINGS = '''\
"""Settings; what differs between places comes from the environment.

Where it is deployed: quaich env set SECRET_KEY, ALLOWED_HOSTS (separated by spaces), DATABASE.
"""

import os
from pathlib import Path

BASE = Path(__file__).resolve().parent.parent

# quaich dev sets it; nothing else should.
DEBUG = os.environ.get("QUAICH_DEV") == "1"

# Without one of its own, sessions and signed links end with each start.
SECRET_KEY = os.environ.get("SECRET_KEY") or os.urandom(32).hex()

ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]").split()

ROOT_URLCONF = "app.urls"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "app",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    },
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE") or BASE / "db.sqlite3",
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
STATIC_ROOT = BASE / "static"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
'''

_URLS = '''\
"""Which view answers which path."""

from django.urls import path

from app import views

urlpatterns = [
    path("", views.index, name="index"),
]
'''

_VIEWS = '''\
"""The pages."""

from django.shortcuts import render


def index(request):
    """The first page."""
    return render(request, "index.html")
'''

_PAGE = """\
<!doctype html>
<html lang="en">
<title>$name</title>
<h1>$name</h1>
<p>It works. This page comes from app/templates/index.html.</p>
</html>
"""

DJANGO = {
    "requirements.txt": "Django>=4.2,<7\n",
    "manage.py": _MANAGE,
    "wsgi.py": _WSGI,
    "app/__init__.py": '"""The application."""\n',
    "app/settings.py": _SETTINGS,
    "app/urls.py": _URLS,
    "app/views.py": _VIEWS,
    "app/migrations/__init__.py": "",
    "app/templates/index.html": _PAGE,
}
