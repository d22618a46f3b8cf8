"""A Flask application: a page, a form and a JSON answer."""

from flask import Flask, jsonify, request

app = Flask(__name__)


@app.get("/")
def index():
    return """<!doctype html><title>Flask on quaich</title>
<form action="/greet" method="post">Your name: <input name="name"> <button>Greet</button></form>"""


@app.post("/greet")
def greet():
    return {"greeting": f"Hello, {request.form['name']}!"}


@app.get("/environ")
def environ():
    return jsonify({key: str(value) for key, value in sorted(request.environ.items())})
