"""A Bottle application: a route, a form, a streamed answer and an error page."""

from bottle import Bottle, HTTPResponse, request

application = Bottle()


@application.get("/hello/<name>")
def hello(name):
    return f"Hello, {name}!"


@application.post("/form")
def form():
    return {"name": request.forms.getunicode("name"), "size": request.content_length}


@application.get("/stream")
def stream():
    for number in range(3):
        yield f"piece {number}\n"


@application.get("/teapot")
def teapot():
    return HTTPResponse("short and stout", status=418)
