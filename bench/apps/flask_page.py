"""A Flask application with one page from a template."""

from flask import Flask, render_template_string
from pages import ROWS, TEMPLATE, TITLE

application = Flask(__name__)


@application.get("/")
def page():
    return render_template_string(TEMPLATE, title=TITLE, rows=ROWS)
