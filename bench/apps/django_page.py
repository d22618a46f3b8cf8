"""A Django site with one page from a template and the middleware that most sites have."""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.template import Context, Engine
from django.urls import path
from pages import ROWS, TEMPLATE, TITLE

settings.configure(
    SECRET_KEY="for a benchmark",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
)
django.setup()
template = Engine().from_string(TEMPLATE)


def page(request):
    return HttpResponse(template.render(Context({"title": TITLE, "rows": ROWS})))


urlpatterns = [path("", page)]
application = get_wsgi_application()
